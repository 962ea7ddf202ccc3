package deploy

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// folders are what an administrator applies.
var folders = []string{"base", "overlays/webhook-jwt", "overlays/webhook-basic"}

func TestKymaManifests(t *testing.T) {
	f := theFacts(t)
	for _, folder := range folders {
		c, err := ReadKyma(os.DirFS("../../deploy/kyma"), folder)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		for _, problem := range c.Problems(f) {
			t.Errorf("%s: %s", folder, problem)
		}
		if got, want := slices.Sorted(maps.Keys(c.Deployments)), slices.Sorted(slices.Values(Functions())); !slices.Equal(got, want) {
			t.Errorf("%s deploys %v, want %v", folder, got, want)
		}
		for kind, n := range map[string]int{"Service": len(c.Services), "PodDisruptionBudget": len(c.Budgets)} {
			if n != len(Functions()) {
				t.Errorf("%s has %d of %s, want one a function", folder, n, kind)
			}
		}
		wantSubscriptions, wantRules := 3, 1
		switch folder {
		case "base":
			wantRules = 0
		case "overlays/webhook-basic":
			wantSubscriptions = 2
		}
		if len(c.Subscriptions) != wantSubscriptions || len(c.Rules) != wantRules || len(c.Bindings) != 1 {
			t.Errorf("%s has %d Subscriptions, %d APIRules, %d ServiceBindings; want %d, %d, 1", folder, len(c.Subscriptions), len(c.Rules), len(c.Bindings), wantSubscriptions, wantRules)
		}
	}
}

// TestKymaFunctionsAreTheSame: what publish-sns.yaml explains holds for the other two.
func TestKymaFunctionsAreTheSame(t *testing.T) {
	c, err := ReadKyma(os.DirFS("../../deploy/kyma"), "base")
	if err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		d := c.Deployments[name].DeepCopy()
		env := &d.Spec.Template.Spec.Containers[0].Env
		*env = slices.DeleteFunc(*env, func(e corev1.EnvVar) bool { return e.Name == "LAMBDA_INVOCATION" })
		var out strings.Builder
		for _, one := range []any{d, c.Services[name], c.Budgets[name], c.Subscriptions[name]} {
			b, err := yaml.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(b)
		}
		return strings.ReplaceAll(out.String(), name, "NAME")
	}
	for _, name := range Functions()[1:] {
		if text(name) != text(Functions()[0]) {
			t.Errorf("%s.yaml is not publish-sns.yaml with another name", name)
		}
	}
}

// brokenKyma edits one file of deploy/kyma.
type brokenKyma struct {
	folder, file, old, new string
	want                   string // what each problem, or the error, says one of, with | between; each is said
}

func TestBrokenKymaManifests(t *testing.T) {
	f := theFacts(t)
	const p, d, jwt, basic = "base/publish-sns.yaml", "base/destination.yaml", "overlays/webhook-jwt", "overlays/webhook-basic"
	for name, b := range map[string]brokenKyma{
		"a misspelt field of the Deployment":          {"base", p, "readinessProbe:", "readynessProbe:", "unknown field"},
		"a misspelt field of the Subscription":        {"base", p, "typeMatching:", "typeMatch:", "unknown field"},
		"a misspelt field of the ServiceBinding":      {"base", d, "rotationFrequency:", "rotationFrequence:", "unknown field"},
		"a misspelt parameter of the binding":         {"base", d, "credential-type:", "credentialType:", "unknown field"},
		"a misspelt field of the NetworkPolicy":       {"base", "base/network-policy.yaml", "podSelector:\n    matchLabels:", "podSelectors:\n    matchLabels:", "unknown field"},
		"a misspelt field of the APIRule":             {jwt, jwt + "/api-rule.yaml", "jwksUri:", "jwksURL:", "unknown field"},
		"a misspelt field of the AuthorizationPolicy": {jwt, jwt + "/gateway.yaml", "notPrincipals:", "notPrincipal:", "unknown field"},
		"a misspelt setting of the sidecar":           {"base", p, "terminationDrainDuration: 35s", "terminationDrainTime: 35s", "is not Istio's"},
		"a kind of another version":                   {"base", p, "eventing.kyma-project.io/v1alpha2", "eventing.kyma-project.io/v1alpha1", "not a kind that we ship"},

		"a wrong port":                         {"base", p, "containerPort: 8080", "containerPort: 8081", "listens on 8080|livenessProbe asks port http|readinessProbe asks port http|opens port 8080"},
		"PORT and containerPort part":          {"base", p, "- name: AUTH\n", "- name: PORT\n          value: \"9090\"\n        - name: AUTH\n", "listens on 9090|livenessProbe asks port http|readinessProbe asks port http"},
		"a probe of another path":              {"base", p, "path: /readyz", "path: /ready", "readinessProbe asks /ready"},
		"liveness that follows readiness":      {"base", p, "path: /healthz", "path: /readyz", "livenessProbe asks /readyz"},
		"a probe of another port":              {"base", p, "path: /healthz\n            port: http", "path: /healthz\n            port: 8081", "livenessProbe asks port 8081"},
		"a Service that goes nowhere":          {"base", p, "targetPort: http", "targetPort: web", "targetPort web is no port"},
		"a Service without its pods":           {"base", p, "  selector:\n    app.kubernetes.io/name: publish-sns\n  ports", "  selector:\n    app: publish-sns\n  ports", "takes none of the pods"},
		"a Service port without HTTP's name":   {"base", p, "- name: http\n    port: 80", "- name: web\n    port: 80", "does not tell Istio"},
		"another function's image":             {"base", p, "functions/publish-sns", "functions/store-dynamodb", "is not the function of its name"},
		"a misspelt variable":                  {"base", p, "name: DRAIN_DELAY", "name: DRAIN_DELEY", "DRAIN_DELEY is not a setting"},
		"another function's variable":          {"base", p, "name: DRAIN_DELAY", "name: DYNAMODB_TABLE", "DYNAMODB_TABLE is not a setting"},
		"another function's ConfigMap":         {"base", p, "name: trustbridge-publish-sns", "name: trustbridge-invoke-lambda", "is not the ConfigMap trustbridge-publish-sns"},
		"Kyma sends again before the answer":   {"base", p, "value: 25s", "value: 30s", "REQUEST_TIMEOUT is not below|GRACE 35s is less than"},
		"a drain that outlasts GRACE":          {"base", p, "value: 5s", "value: 9s", "GRACE 35s is less than"},
		"the kubelet kills before GRACE":       {"base", p, "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 30", "is not above GRACE 35s|the sidecar waits 35s"},
		"the sidecar goes first":               {"base", p, "terminationDrainDuration: 35s", "terminationDrainDuration: 5s", "the sidecar ends 5s after SIGTERM"},
		"the function starts before":           {"base", p, "holdApplicationUntilProxyStarts: true", "holdApplicationUntilProxyStarts: false", "before its sidecar"},
		"no sidecar":                           {"base", p, `sidecar.istio.io/inject: "true"`, `sidecar.istio.io/inject: "false"`, "no label asks for the sidecar"},
		"a namespace without sidecars":         {"base", "base/namespace.yaml", "istio-injection: enabled", "istio-injection: disabled", "does not ask for sidecars"},
		"the binding by subPath":               {"base", p, "mountPath: /bindings/destination\n", "mountPath: /bindings/destination\n          subPath: clientid\n", "mounted by subPath"},
		"the binding elsewhere":                {"base", p, "mountPath: /bindings/destination", "mountPath: /binding/destination", "no ServiceBinding's Secret"},
		"another root":                         {"base", p, "value: /bindings", "value: /etc/bindings", "no ServiceBinding's Secret"},
		"another Secret":                       {"base", p, "secretName: trustbridge-destination", "secretName: destination", "no ServiceBinding's Secret"},
		"the ConfigMap's service key wins":     {"base", p, "        - name: DESTINATION_SERVICE_KEY_PATH\n          value: \"\"\n", "", "the binding would not be looked at"},
		"some files of the binding":            {"base", p, "secretName: trustbridge-destination\n", "secretName: trustbridge-destination\n          items: [{key: clientid, path: clientid}]\n", "only some files of the binding"},
		"a root user":                          {"base", p, "runAsUser: 65532", "runAsUser: 0", "not restricted"},
		"a root file system to write":          {"base", p, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root file system"},
		"too little memory":                    {"base", p, "memory: 256Mi", "memory: 64Mi", "memory limit 64Mi"},
		"a throttled processor":                {"base", p, "memory: 256Mi", "memory: 256Mi\n            cpu: 100m", "a limit of the processor"},
		"one replica":                          {"base", p, "replicas: 2", "replicas: 1", "less than two replicas"},
		"a budget that holds nodes":            {"base", p, "maxUnavailable: 1\n  selector", "maxUnavailable: 0\n  selector", "does not let one pod go"},
		"no account":                           {"base", p, "serviceAccountName: trustbridge", "serviceAccountName: default", "no ServiceAccount default"},
		"a token of the cluster":               {"base", p, "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token of the service account"},
		"a sink without a Service":             {"base", p, "http://publish-sns.", "http://publish.", "there is no Service at its sink"},
		"a sink of another namespace":          {"base", p, ".trustbridge.svc", ".integration.svc", "not in its own namespace"},
		"a type of one part":                   {"base", p, "- order.received.v1", "- order", "less than two parts"},
		"maxInFlightMessages without a number": {"base", p, `"10"`, `"ten"`, "a number from 1"},

		"a secret in the place of x509":     {"base", d, "credential-type: x509", "credential-type: binding-secret", "is not x509"},
		"a certificate of a year":           {"base", d, "validity: 7", "validity: 365", "validity 365"},
		"a rotation in days":                {"base", d, "48h", "2d", "rotationFrequency"},
		"a rotation after the end":          {"base", d, "48h", "168h", "two that fail in a row"},
		"no rotation":                       {"base", d, "enabled: true", "enabled: false", "nothing rotates"},
		"an old certificate that dies":      {"base", d, "24h", "1m", "may not have seen the new one"},
		"everything in one file":            {"base", d, "secretName:", "secretRootKey: binding\n  secretName:", "not a file for each value"},
		"a binding of another instance":     {"base", d, "serviceInstanceName: trustbridge-destination", "serviceInstanceName: destination", "no ServiceInstance destination"},
		"another offering":                  {"base", d, "serviceOfferingName: destination", "serviceOfferingName: xsuaa", "not of offering destination"},
		"a policy that lets everyone in":    {"base", "base/network-policy.yaml", "          app.kubernetes.io/name: eventing-manager\n", "", "no NetworkPolicy decides who reaches it|no NetworkPolicy lets kyma-system in"},
		"a policy for another port":         {"base", "base/network-policy.yaml", "port: 8080", "port: 80", "opens port 80"},
		"a policy that keeps eventing out":  {"base", "base/network-policy.yaml", "kubernetes.io/metadata.name: kyma-system", "kubernetes.io/metadata.name: kyma", "no NetworkPolicy lets kyma-system in"},
		"a password that Kyma has not":      {"base", p, "value: none", "value: basic", "presents nothing that AUTH=basic takes"},
		"an authentication that is no more": {"base", p, "value: none", "value: jwt", "neither none nor basic|presents nothing that AUTH=jwt takes"},

		"everyone in the world may post":     {jwt, jwt + "/api-rule.yaml", "    - OPTIONS\n    # The", "    - OPTIONS\n    - POST\n    # The", "lets everyone in the world post|stands in two rules"},
		"a token of any application":         {jwt, jwt + "/api-rule.yaml", "requiredScopes:\n        - \"<your xsappname>.emcallback\"", "requiredScopes: []", "every token of the issuer would do"},
		"two ways at once":                   {jwt, jwt + "/api-rule.yaml", "    jwt:\n", "    extAuth: {authorizers: [a]}\n    jwt:\n", "want one"},
		"CORS before the handshake":          {jwt, jwt + "/api-rule.yaml", "  rules:\n", "  corsPolicy: {maxAge: 1}\n  rules:\n", "answers the handshake itself"},
		"a gateway that gives up first":      {jwt, jwt + "/api-rule.yaml", "timeout: 30", "timeout: 20", "not above REQUEST_TIMEOUT"},
		"probes open to the world":           {basic, basic + "/api-rule.yaml", "path: /\n", "path: /*\n", "probes would be open"},
		"a rule for another port":            {basic, basic + "/api-rule.yaml", "port: 80\n", "port: 8080\n", "no Service publish-sns with port 8080"},
		"a rule that shuts out Kyma":         {jwt, jwt + "/gateway.yaml", "action: ALLOW", "action: DENY", "shuts out Kyma's eventing"},
		"the gateway kept out":               {jwt, jwt + "/gateway.yaml", "kubernetes.io/metadata.name: istio-system", "kubernetes.io/metadata.name: istio", "no NetworkPolicy lets istio-system in"},
		"nobody's handshake":                 {jwt, jwt + "/publish-sns.yaml", "<your event mesh host>", "", "nobody's handshake"},
		"users that are not mounted":         {basic, basic + "/publish-sns.yaml", "value: /users/users", "value: /etc/users", "is in no volume"},
		"a Subscription beside the password": {basic, basic + "/kustomization.yaml", "      name: publish-sns\n    $patch: delete", "      name: publish-sns\n    spec: {source: shop}", "presents nothing that AUTH=basic takes|shuts out Kyma's eventing"},
		"the world and no password":          {basic, basic + "/publish-sns.yaml", "value: basic", "value: none", "lets everyone in the world post"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) { b.check(t, f) })
	}
}

func (b brokenKyma) check(t *testing.T, f Facts) {
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS("../../deploy/kyma"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile("../../deploy/kyma/" + name)
		if name == b.file {
			broken := strings.Replace(string(content), b.old, b.new, 1)
			if broken == string(content) {
				t.Fatalf("%s has no %q", b.file, b.old)
			}
			content = []byte(broken)
		}
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadKyma(files, b.folder)
	var problems []string
	if err != nil {
		problems = []string{err.Error()}
	} else {
		problems = c.Problems(f)
	}
	said := map[string]bool{}
	for _, problem := range problems {
		found := false
		for want := range strings.SplitSeq(b.want, "|") {
			if strings.Contains(problem, want) {
				said[want], found = true, true
			}
		}
		if !found {
			t.Errorf("with %q in the place of %q also: %s", b.new, b.old, problem)
		}
	}
	for want := range strings.SplitSeq(b.want, "|") {
		if !said[want] {
			t.Errorf("with %q in the place of %q: %q, want a problem with %q", b.new, b.old, problems, want)
		}
	}
}
