package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

// Where platforms mount what is secret. The names are ours; OpenFaaS has one folder for all secrets of a function.
//
// Source: https://docs.openfaas.com/reference/secrets/
const (
	openFaaSServiceKey = "/var/openfaas/secrets/trustbridge-destination"
	openFaaSKey        = "/var/openfaas/secrets/trustbridge-key"
	knativeServiceKey  = "/etc/trustbridge/service-key.json"
	knativeKey         = "/etc/trustbridge/key.pem"
	knativeBindings    = "/bindings"
)

// setting is one variable of a function's environment.
type setting struct{ name, value string }

// holes are the outputs of deploy/aws that the environments have a place for.
func holes() []string {
	return []string{
		anchorHole, "@ProfileArn@", "@PublishSnsRoleArn@", "@StoreDynamodbRoleArn@", "@InvokeLambdaRoleArn@", "@TopicArn@", "@TableName@", "@FunctionArn@",
	}
}

// environments are those of each function that uses the certificate, for a process of its own, OpenFaaS and Knative.
func (o Options) environments() []folder.File {
	var files []folder.File
	add := func(path string, content []byte) {
		files = append(files, folder.File{Path: path, Content: content, Holes: holes()})
	}
	for _, f := range Functions() {
		if !slices.Contains(o.Functions, f) {
			continue
		}
		add(f+".env", o.plainFile(f))
		add("openfaas/"+f+".yml", o.openFaaSFile(f))
		add("knative/"+f+".yaml", o.knativeFile(f))
	}
	return files
}

// settings are a function's, after those that say where secrets are mounted. Who may send is not among them: on a platform its
// manifests say so, since it depends on what stands before the function there.
func (o Options) settings(function string, mounted ...setting) []setting {
	all := slices.Concat([]setting{
		{"DESTINATION_NAME", o.Destination}, {"DESTINATION_SUBDOMAIN", o.Binding.Subdomain},
	}, mounted, []setting{
		{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN", anchorHole}, {"ROLES_ANYWHERE_PROFILE_ARN", "@ProfileArn@"},
	}, map[string][]setting{
		"publish-sns":    {{"ROLES_ANYWHERE_ROLE_ARN", "@PublishSnsRoleArn@"}, {"SNS_TOPIC_ARN", "@TopicArn@"}},
		"store-dynamodb": {{"ROLES_ANYWHERE_ROLE_ARN", "@StoreDynamodbRoleArn@"}, {"DYNAMODB_TABLE", "@TableName@"}},
		InvokeLambda:     {{"ROLES_ANYWHERE_ROLE_ARN", "@InvokeLambdaRoleArn@"}, {"LAMBDA_FUNCTION", "@FunctionArn@"}},
	}[function])
	return slices.DeleteFunc(all, func(s setting) bool { return s.value == "" })
}

// keyPath is path if there is a private key to mount.
func (o Options) keyPath(path string) string {
	if o.KeyPath == "" {
		return ""
	}
	return path
}

// head is the comment at the top of a function's environment.
func head(function, how string) *bytes.Buffer {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Environment of %s. docs/configuration.md describes every setting.\n%s", function, how)
	return &b
}

// plainFile is for docker --env-file, systemd's EnvironmentFile, or a shell.
func (o Options) plainFile(function string) []byte {
	b := head(function, "")
	if o.Binding == (Binding{Subdomain: o.Binding.Subdomain}) {
		b.WriteString("# The platform gives the service binding, as VCAP_SERVICES.\n")
	}
	if o.Auth == "" {
		b.WriteString("# Missing: AUTH, who may send events; the function does not start without it. Set it beside this file, or give --auth to setup.\n")
	} else {
		b.WriteString("AUTH=" + o.Auth + "\n")
	}
	for _, s := range o.settings(function,
		setting{"DESTINATION_SERVICE_KEY_PATH", o.Binding.ServiceKeyPath}, setting{"VCAP_SERVICES_FILE_PATH", o.Binding.VCAPServicesFilePath},
		setting{"SERVICE_BINDING_ROOT", o.Binding.ServiceBindingRoot}, setting{"DESTINATION_BINDING", o.Binding.Name},
		setting{"DESTINATION_KEY_PATH", o.KeyPath},
	) {
		b.WriteString(s.name + "=" + s.value + "\n")
	}
	return b.Bytes()
}

// openFaaSFile is named by environment_file in stack.yml.
//
// Source: https://docs.openfaas.com/reference/yaml/
func (o Options) openFaaSFile(function string) []byte {
	how := "# In stack.yml, of this function: environment_file: [this file], secrets: [trustbridge-destination" + o.keyPath(", trustbridge-key") + "]\n" +
		"#   faas-cli secret create trustbridge-destination --from-file=SERVICE-KEY.json\n"
	if o.KeyPath != "" {
		how += "#   faas-cli secret create trustbridge-key --from-file=" + KeyName + "\n"
	}
	b := head(function, how)
	b.WriteString("environment:\n")
	for _, s := range o.settings(function, setting{"DESTINATION_SERVICE_KEY_PATH", openFaaSServiceKey}, setting{"DESTINATION_KEY_PATH", o.keyPath(openFaaSKey)}) {
		b.WriteString("  " + s.name + ": " + quoteYAML(s.value) + "\n")
	}
	return b.Bytes()
}

// knativeFile is a ConfigMap for envFrom. With a service key the binding is mounted from a Secret made of it, else it is that of
// SAP's operator.
func (o Options) knativeFile(function string) []byte {
	binding := setting{"DESTINATION_SERVICE_KEY_PATH", knativeServiceKey}
	how := "#   kubectl create secret generic trustbridge --from-file=service-key.json=SERVICE-KEY.json" + o.keyPath(" --from-file="+KeyName) + "\n" +
		"# mounted at /etc/trustbridge.\n"
	if o.Binding.ServiceKeyPath == "" {
		binding = setting{"SERVICE_BINDING_ROOT", knativeBindings}
		how = "# The Secret of the ServiceBinding is mounted at " + knativeBindings + "/destination.\n"
		if o.KeyPath != "" {
			how += "#   kubectl create secret generic trustbridge --from-file=" + KeyName + "\n# mounted at /etc/trustbridge.\n"
		}
	}
	b := head(function, "# In the Service's container: envFrom: [{configMapRef: {name: trustbridge-"+function+"}}]\n"+how)
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: trustbridge-" + function + "\ndata:\n")
	for _, s := range o.settings(function, binding, setting{"DESTINATION_KEY_PATH", o.keyPath(knativeKey)}) {
		b.WriteString("  " + s.name + ": " + quoteYAML(s.value) + "\n")
	}
	return b.Bytes()
}

// quoteYAML is s in double quotes: what JSON writes is YAML.
func quoteYAML(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(text)
}
