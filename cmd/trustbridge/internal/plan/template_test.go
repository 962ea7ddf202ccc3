package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/trustbridge/trustbridge/deploy/aws"
)

// template is the CloudFormation template that we ship, as far as these tests read it.
type template struct {
	Parameters map[string]struct {
		Type    string  `yaml:"Type"`
		Default *string `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources map[string]struct {
		Type       string `yaml:"Type"`
		Properties struct {
			Trust yaml.Node `yaml:"AssumeRolePolicyDocument"`
		} `yaml:"Properties"`
	} `yaml:"Resources"`
}

func shipped(t *testing.T) template {
	t.Helper()
	var out template
	if err := yaml.Unmarshal(aws.Template, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// resolve is what CloudFormation makes of a node: references to parameters become their values, and those to the trust anchor
// the mark that stands for its ARN.
func (t template) resolve(n *yaml.Node, parameters map[string]string) any {
	switch {
	case n.Tag == "!Ref" || n.Tag == "!GetAtt":
		value, isParameter := parameters[n.Value]
		switch {
		case isParameter && t.Parameters[n.Value].Type == "CommaDelimitedList":
			var list []any
			for v := range strings.SplitSeq(value, ",") {
				list = append(list, v)
			}
			return list
		case isParameter:
			return value
		case strings.HasPrefix(n.Value, "TrustAnchor"):
			return anchorHole
		}
		return "unresolved " + n.Value
	case n.Kind == yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = t.resolve(n.Content[i+1], parameters)
		}
		return out
	case n.Kind == yaml.SequenceNode:
		var out []any
		for _, c := range n.Content {
			out = append(out, t.resolve(c, parameters))
		}
		return out
	}
	return n.Value
}

// TestPoliciesAreThoseOfTheTemplate: whoever uses the AWS CLI gets the same trust as who uses CloudFormation.
func TestPoliciesAreThoseOfTheTemplate(t *testing.T) {
	shipped := shipped(t)
	one := options(t)
	one.Functions = []string{"store-dynamodb"}
	two := options(t)
	two.Pins.Issuers = sapIssuers()
	for i, o := range []Options{options(t), one, two} {
		files := map[string][]byte{}
		for _, f := range make1(t, o) {
			files[f.Path] = f.Content
		}
		var list []parameter
		if err := json.Unmarshal(files[ParameterName], &list); err != nil {
			t.Fatal(err)
		}
		parameters := map[string]string{}
		for _, p := range list {
			parameters[p.Key] = p.Value
		}
		for function, role := range map[string]string{"publish-sns": "PublishSnsRole", "store-dynamodb": "StoreDynamodbRole", InvokeLambda: "InvokeLambdaRole"} {
			resource := shipped.Resources[role]
			if resource.Type != "AWS::IAM::Role" {
				t.Fatalf("the template has no role %s", role)
			}
			var got any
			if err := json.Unmarshal(files["trust-policy-"+function+".json"], &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shipped.resolve(&resource.Properties.Trust, parameters), got); diff != "" {
				t.Errorf("options %d, %s (-template +made):\n%s", i, function, diff)
			}
		}
	}
}

// TestParametersAreThoseOfTheTemplate: CloudFormation refuses parameters that it does not know, and missing ones.
func TestParametersAreThoseOfTheTemplate(t *testing.T) {
	shipped := shipped(t)
	given := map[string]bool{}
	for _, p := range options(t).parameters([]byte("anchor")) {
		given[p.Key] = true
		if _, known := shipped.Parameters[p.Key]; !known {
			t.Errorf("the template has no parameter %s", p.Key)
		}
	}
	for name, p := range shipped.Parameters {
		if p.Default == nil && !given[name] {
			t.Errorf("parameter %s has no default and is not given", name)
		}
	}
	for function, parameter := range map[string]string{
		"publish-sns": "PublishSnsCommonName", "store-dynamodb": "StoreDynamodbCommonName", InvokeLambda: "InvokeLambdaCommonName",
	} {
		want := Options{}.commonName(function)
		if got := shipped.Parameters[parameter].Default; got == nil || *got != want {
			t.Errorf("the default of %s = %v, want %s, which is taken for functions that do not use the certificate", parameter, fmt.Sprint(got), want)
		}
	}
}

// TestParametersAreThoseOfTerraform: Terraform warns of variables that its module does not have, and asks for missing ones.
func TestParametersAreThoseOfTerraform(t *testing.T) {
	text, err := aws.Terraform.ReadFile("terraform/variables.tf")
	if err != nil {
		t.Fatal(err)
	}
	var given map[string]string // all of them are texts
	for _, f := range make1(t, options(t)) {
		if f.Path == "terraform.tfvars.json" {
			if err := json.Unmarshal(f.Content, &given); err != nil {
				t.Fatal(err)
			}
		}
	}
	known := map[string]bool{}
	for _, block := range strings.Split(string(text), "\nvariable ")[1:] {
		name := strings.Split(block, `"`)[1]
		known[name] = true
		if !strings.Contains(block, "= string\n") {
			t.Errorf("variable %s is no text", name)
		}
		if _, is := given[name]; !is && !strings.Contains(block, "  default ") {
			t.Errorf("variable %s has no default and is not given", name)
		}
	}
	for name := range given {
		if !known[name] {
			t.Errorf("the module has no variable %s", name)
		}
	}
}

// TestHolesAreOutputs: what stands in the environments is what comes out of each of the three ways.
func TestHolesAreOutputs(t *testing.T) {
	var outputs struct {
		Outputs map[string]any `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal(aws.Template, &outputs); err != nil {
		t.Fatal(err)
	}
	terraform, err := aws.Terraform.ReadFile("terraform/outputs.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, hole := range holes() {
		name := strings.Trim(hole, "@")
		if _, is := outputs.Outputs[name]; !is {
			t.Errorf("template.yaml has no output %s", name)
		}
		if !strings.Contains(string(terraform), fmt.Sprintf("output %q {", name)) {
			t.Errorf("the Terraform module has no output %s", name)
		}
		if !strings.Contains(string(aws.Create), "output "+name+" ") {
			t.Errorf("create.sh has no output %s", name)
		}
	}
}
