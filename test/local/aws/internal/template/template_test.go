package template

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testNames = Names{
	Partition: "aws-cn", Region: "cn-north-1", Account: "111122223333",
	Stable: func(kind, name string) string { return "id-of-" + kind + "-" + name },
}

// resources stands for one of each resource type.
const resources = `
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${Name}-topic'}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Ref Name, BillingMode: PAY_PER_REQUEST}}
  Queue: {Type: AWS::SQS::Queue}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: worker}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !Ref Function}}
  OtherAlias: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !GetAtt Function.Arn}}
  Anchor: {Type: AWS::RolesAnywhere::TrustAnchor, Properties: {Name: sap}, DependsOn: Topic}
  Profile: {Type: AWS::RolesAnywhere::Profile, Properties: {Name: bridge}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: bridge, Path: /p/, AssumeRolePolicyDocument: {}}}
`

const parameters = `
  Name: {Type: String, Default: orders, AllowedPattern: '[a-z]+', MinLength: 3, MaxLength: '8'}
  Names: {Type: CommaDelimitedList, Default: 'a b , c'}
  Number: {Type: String, Default: 7, AllowedValues: [7, '8']}
`

// template has an output for an expression.
func outputs(expression string) string {
	return "Parameters:" + parameters + "Resources:" + resources + "Outputs:\n  O:\n    Value: " + expression + "\n"
}

func TestReferences(t *testing.T) {
	const arn = ":cn-north-1:111122223333:"
	for expression, want := range map[string]string{
		`plain`: "plain", `12`: "12", `!Ref Name`: "orders", `{Ref: Name}`: "orders", `!Ref Number`: "7",
		`!Ref AWS::Region`: "cn-north-1", `!Ref 'AWS::AccountId'`: "111122223333", `!Ref "AWS::Partition"`: "aws-cn",
		`!Ref Topic`: "arn:aws-cn:sns" + arn + "orders-topic", `!GetAtt Topic.TopicArn`: "arn:aws-cn:sns" + arn + "orders-topic", `!GetAtt Topic.TopicName`: "orders-topic",
		`!Ref Table`: "orders", `!GetAtt Table.Arn`: "arn:aws-cn:dynamodb" + arn + "table/orders", `!GetAtt [Table, Arn]`: "arn:aws-cn:dynamodb" + arn + "table/orders",
		`!Ref Queue`: "https://sqs.cn-north-1.amazonaws.com/111122223333/Queue", `!GetAtt Queue.Arn`: "arn:aws-cn:sqs" + arn + "Queue", `!GetAtt Queue.QueueName`: "Queue",
		`!Ref Function`: "worker", `{"Fn::GetAtt": [Function, Arn]}`: "arn:aws-cn:lambda" + arn + "function:worker",
		`!Ref Alias`: "arn:aws-cn:lambda" + arn + "function:worker:live", `!Ref OtherAlias`: "arn:aws-cn:lambda" + arn + "function:worker:live",
		`!Ref Anchor`: "id-of-trust-anchor-sap", `!GetAtt Anchor.TrustAnchorArn`: "arn:aws-cn:rolesanywhere" + arn + "trust-anchor/id-of-trust-anchor-sap",
		`!GetAtt Profile.ProfileArn`: "arn:aws-cn:rolesanywhere" + arn + "profile/id-of-profile-bridge", `!Ref Profile`: "id-of-profile-bridge",
		`!Ref Role`: "bridge", `!GetAtt Role.Arn`: "arn:aws-cn:iam::111122223333:role/p/bridge",
		`!Sub '${Name}/${AWS::Region}/${Table.Arn}/$x/${!Literal}'`: "orders/cn-north-1/arn:aws-cn:dynamodb" + arn + "table/orders/$x/${Literal}",
		`!Sub ['${A}-${Name}', {A: !Ref Number}]`:                   "7-orders", `{"Fn::Sub": ['${A}', {A: {Ref: Name}}]}`: "orders",
	} {
		got, err := Read(strings.NewReader(outputs(expression)), nil, testNames)
		if err != nil || got.Outputs["O"] != want {
			t.Errorf("%s = %q, %v, want %q", expression, got.Outputs["O"], err, want)
		}
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ expression, says string }{
		{`!If [A, B, C]`, "Fn::If: this function is not read; only Ref, Fn::GetAtt and Fn::Sub are"}, {`{"Fn::Join": ['', [a, b]]}`, "Fn::Join"}, {`!ImportValue x`, "Fn::ImportValue"},
		{`{"Fn::Select": [0, [a]]}`, "Fn::Select"}, {`!Split [a, b]`, "Fn::Split"}, {`!Condition A`, "Fn::Condition"}, {`!Base64 x`, "Fn::Base64"},
		{`!Ref Nothing`, "no parameter and no resource Nothing"}, {`!Ref AWS::StackName`, "AWS::StackName"}, {`!Ref [a]`, "must be a name"}, {`!GetAtt Nothing.Arn`, "no resource Nothing"},
		{`!GetAtt Topic.Arn`, "attribute Arn of a resource of type AWS::SNS::Topic"}, {`!GetAtt Topic`, "Resource.Attribute"}, {`!GetAtt [Topic]`, "a resource and an attribute"}, {`{"Fn::GetAtt": Topic.TopicArn}`, "a resource and an attribute"},
		{`!Sub '${Nothing}'`, "Nothing"}, {`!Sub '${Names}'`, "Names is a list"}, {`!Sub '${Name'`, "not closed"}, {`!Sub ['${A}', {A: x, B: y}]`, "variable B is not used"}, {`!Sub [x]`, "text and a mapping"},
		{`!Ref Names`, "text or a number"}, {`[a]`, "text or a number"}, {`{a: b}`, "text or a number"}, {`true`, "text or a number"}, {`{Ref: Name, x: y}`, "Ref must stand alone"}, {``, "!!null"},
		{`&a x`, "anchors"}, {`{a: x, a: y}`, `key "a" is there twice`}, {`{1: x}`, "plain text"}, {`!!binary aGk=`, "!!binary"}, {`!Ref {a: b}`, "this argument"}, {"x\n---\ny", "second document"},
		{strings.Repeat("[", 60) + strings.Repeat("]", 60), "nested deeper"},
	} {
		_, err := Read(strings.NewReader(outputs(tt.expression)), nil, testNames)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s = %v, want an error that says %q", tt.expression, err, tt.says)
		}
	}
}

func TestParameters(t *testing.T) {
	text := "Parameters:" + parameters + "  Needed: {Type: String}\nResources: {}\nOutputs: {O: {Value: !Ref Name}}\n"
	for _, tt := range []struct {
		given map[string]string
		says  string
	}{
		{map[string]string{}, "parameter Needed has neither a value nor a default"}, {map[string]string{"Needed": "x", "Nmae": "y"}, "parameter Nmae is not in the template"},
		{map[string]string{"Needed": "x", "Name": "ORDERS"}, "parameter Name: the value does not match [a-z]+"}, {map[string]string{"Needed": "x", "Name": "orders1"}, "does not match"},
		{map[string]string{"Needed": "x", "Name": "or"}, "MinLength 3"}, {map[string]string{"Needed": "x", "Name": "ordersorders"}, "MaxLength 8"},
		{map[string]string{"Needed": "x", "Number": "9"}, "parameter Number: the value is not one of AllowedValues"},
	} {
		if _, err := Read(strings.NewReader(text), tt.given, testNames); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Read with %v = %v, want an error that says %q", tt.given, err, tt.says)
		}
	}
	got, err := Read(strings.NewReader(text), map[string]string{"Needed": "", "Name": "invoices", "Number": "8"}, testNames)
	if err != nil || got.Outputs["O"] != "invoices" {
		t.Errorf("Read = %v, %v", got.Outputs, err)
	}
	for _, tt := range []struct{ parameter, says string }{
		{`{Type: Number, Default: 1}`, "type Number is not read"}, {`{Type: 'AWS::SSM::Parameter::Value<String>', Default: x}`, "AWS::SSM"}, {`{Type: String, Default: x, NoEcho: true}`, `"NoEcho"`},
		{`{Type: String, Default: [x]}`, "neither a value nor a default"}, {`{Type: String, Default: x, AllowedPattern: '('}`, "AllowedPattern"}, {`x`, "mapping"},
		{`{Type: CommaDelimitedList, Default: x, MinLength: 1}`, "MinLength"}, {`{Type: String, Default: x, MinLength: y}`, "MinLength"},
	} {
		if _, err := Read(strings.NewReader("Parameters: {P: "+tt.parameter+"}\nResources: {}\n"), nil, testNames); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("parameter %s = %v, want an error that says %q", tt.parameter, err, tt.says)
		}
	}
}

func TestRoles(t *testing.T) {
	const text = `
Parameters:
  Issuers: {Type: CommaDelimitedList, Default: 'CA 1, CA 2'}
Resources:
  A:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Condition: {StringEquals: {k: !Ref Issuers}, Bool: {b: true}}}]
  B:
    Type: AWS::IAM::Role
    Properties:
      RoleName: Bridge
      Path: /x/y/
      MaxSessionDuration: 7200
      AssumeRolePolicyDocument: {Version: '2012-10-17'}
      Policies: [{PolicyName: p, PolicyDocument: {Resource: !GetAtt T.Arn}}]
  More:
    Type: AWS::IAM::Policy
    Properties: {PolicyName: q, PolicyDocument: {N: 1}, Roles: [!Ref A, Bridge]}
  T: {Type: AWS::DynamoDB::Table}
`
	got, err := Read(strings.NewReader(text), nil, testNames)
	if err != nil {
		t.Fatal(err)
	}
	want := []Role{
		{ID: "A", Name: "A", MaxSession: time.Hour, Policies: map[string]string{"q": `{"N":1}`},
			Trust: `{"Statement":[{"Condition":{"Bool":{"b":true},"StringEquals":{"k":["CA 1","CA 2"]}},"Effect":"Allow"}],"Version":"2012-10-17"}`},
		{ID: "B", Name: "x/y/Bridge", MaxSession: 2 * time.Hour, Trust: `{"Version":"2012-10-17"}`,
			Policies: map[string]string{"p": `{"Resource":"arn:aws-cn:dynamodb:cn-north-1:111122223333:table/T"}`, "q": `{"N":1}`}},
	}
	if diff := cmp.Diff(want, got.Roles); diff != "" {
		t.Errorf("Roles (-want +got):\n%s", diff)
	}
	for _, tt := range []struct{ old, new, says string }{
		{"RoleName: Bridge", "RoleName: Bridge\n      ManagedPolicyArns: [x]", `"ManagedPolicyArns" is not read`}, {"RoleName: Bridge", "PermissionsBoundary: x", `"PermissionsBoundary"`},
		{"Path: /x/y/", "Path: x", "slash"}, {"MaxSessionDuration: 7200", "MaxSessionDuration: x", "MaxSessionDuration"}, {"AssumeRolePolicyDocument: {Version: '2012-10-17'}", "AssumeRolePolicyDocument: x", "AssumeRolePolicyDocument"},
		{"      AssumeRolePolicyDocument: {Version: '2012-10-17'}\n", "", "AssumeRolePolicyDocument"}, {"PolicyName: p,", "", "PolicyName"}, {"PolicyName: p,", "PolicyName: q,", "there twice"},
		{"PolicyName: p,", "PolicyName: p, X: y,", `"X"`}, {"Policies: [", "Policies: [x, ", "mappings"}, {"Roles: [!Ref A, Bridge]", "Roles: [Other]", `"Other" is not in this template`},
		{"Roles: [!Ref A, Bridge]", "Users: [x]", `"Users"`}, {"Roles: [!Ref A, Bridge]", "Roles: []", "must name a role"}, {"Type: AWS::DynamoDB::Table", "Type: AWS::S3::Bucket", `resource T: type "AWS::S3::Bucket" is not read`},
		{"{Type: AWS::DynamoDB::Table}", "{Type: AWS::DynamoDB::Table, Condition: X}", `resource T: "Condition" is not read`}, {"{Type: AWS::DynamoDB::Table}", "x", "must be a mapping"},
		{"{Type: AWS::DynamoDB::Table}", "{Type: AWS::DynamoDB::Table, Properties: {TableName: !Ref T}}", "needs its own name"}, {"Resources:", "Conditions: {}\nResources:", `"Conditions" is not read`},
		{"Resources:", "Transform: x\nResources:", `"Transform"`}, {"Resources:", "Outputs: {O: {Value: x, Condition: y}}\nResources:", `"Condition"`}, {"Resources:", "Outputs: {O: x}\nResources:", "output O"},
		{"!GetAtt T.Arn", "!GetAtt T.StreamArn", "StreamArn"}, {"{N: 1}", "{N: !If [x]}", "Fn::If"}, {"{N: 1}", "{N: ~}", "!!null"},
	} {
		if !strings.Contains(text, tt.old) {
			t.Fatalf("%q is not in the template", tt.old)
		}
		_, err := Read(strings.NewReader(strings.Replace(text, tt.old, tt.new, 1)), nil, testNames)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("with %q = %v, want an error that says %q", tt.new, err, tt.says)
		}
	}
	for _, tt := range []struct{ text, says string }{
		{"", "YAML"}, {"[]", "mapping"}, {"a: [", "YAML"}, {"\tx: y", "YAML"}, {"Resources: []", "mapping"}, {strings.Repeat(" ", bytesMax+1), "bytes"}, {"a: &x 1\nb: *x", "anchors"},
	} {
		if _, err := Read(strings.NewReader(tt.text), nil, testNames); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Read(%.20q) = %v, want an error that says %q", tt.text, err, tt.says)
		}
	}
}

// FuzzRead: whatever is read, roles have names and documents that are JSON objects.
func FuzzRead(f *testing.F) {
	f.Add(outputs("!Sub '${Name}'"))
	f.Add("Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {a: !GetAtt R.Arn}}}}")
	f.Add("a: &x [*x]")
	f.Add("Resources: {R: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref R}}}\nOutputs: {O: {Value: !Ref R}}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text), nil, testNames)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "read template: ") {
				t.Errorf("Read(%q) = %v", text, err)
			}
			return
		}
		for _, r := range got.Roles {
			for _, document := range append(slices.Collect(maps.Values(r.Policies)), r.Trust) {
				if !json.Valid([]byte(document)) || document[0] != '{' {
					t.Errorf("Read(%q): role %s has the document %s", text, r.ID, document)
				}
			}
		}
	})
}
