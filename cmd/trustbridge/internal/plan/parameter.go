package plan

import (
	"bytes"
	"strings"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

// parameter is one of deploy/aws/template.yaml.
type parameter struct {
	Key   string `json:"ParameterKey"`
	Value string `json:"ParameterValue"`
}

// anchorParameter is the one that create.sh reads from trust-anchor.pem.
const anchorParameter = "TrustAnchorCertificate"

func (o Options) parameters(anchor []byte) []parameter {
	alias := o.Alias
	if alias == "" {
		alias = "live"
	}
	return []parameter{
		{"Name", o.name()},
		{anchorParameter, string(anchor)},
		{"SubjectLocality", o.Pins.Locality},
		{"IssuerCommonNames", strings.Join(o.Pins.Issuers, ",")}, // a tag's value has no comma
		{"PublishSnsCommonName", o.commonName("publish-sns")},
		{"StoreDynamodbCommonName", o.commonName("store-dynamodb")},
		{"InvokeLambdaCommonName", o.commonName(InvokeLambda)},
		{"FunctionName", o.Lambda},
		{"FunctionAlias", alias},
		{"FunctionRoleName", o.LambdaRole},
	}
}

// name is what the AWS side is called.
func (o Options) name() string {
	if o.Name == "" {
		return "trustbridge"
	}
	return o.Name
}

// parameterFiles are the parameters as CloudFormation, create.sh and Terraform read them.
func (o Options) parameterFiles(anchor []byte) []folder.File {
	parameters := o.parameters(anchor)
	var shell bytes.Buffer
	shell.WriteString("# What create.sh is called with: the parameters of template.yaml, but for " + anchorParameter + ",\n# which is in " + AnchorName + ".\n")
	terraform := make(map[string]string, len(parameters))
	for _, p := range parameters {
		if p.Key != anchorParameter {
			shell.WriteString(p.Key + "=" + QuoteShell(p.Value) + "\n")
		}
		terraform[snake(p.Key)] = p.Value
	}
	return []folder.File{
		{Path: ParameterName, Content: indented(parameters)},
		{Path: "parameters.sh", Content: shell.Bytes()},
		{Path: "terraform.tfvars.json", Content: indented(terraform)},
	}
}

// QuoteShell is s as one word of a POSIX shell, which takes nothing in it for its own.
func QuoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// snake is a name of CloudFormation as Terraform writes it: SubjectLocality is subject_locality.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}
