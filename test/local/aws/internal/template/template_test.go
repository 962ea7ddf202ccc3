package template

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

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
  Absent: {Type: AWS::SNS::Topic, Condition: Never}
  Anchor: {Type: AWS::RolesAnywhere::TrustAnchor, Properties: {Name: sap}, DependsOn: Topic}
  Profile: {Type: AWS::RolesAnywhere::Profile, Properties: {Name: bridge}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: bridge, Path: /p/, AssumeRolePolicyDocument: {}}}
`

const parameters = `
  Name: {Type: String, Default: orders, AllowedPattern: '[a-z]+', MinLength: 3, MaxLength: '8'}
  Names: {Type: CommaDelimitedList, Default: 'a b , c'}
  Number: {Type: String, Default: 7, AllowedValues: [7, '8']}
`

const conditions = `
  Always: !Equals [!Ref Name, orders]
  Never: !Not [!Condition Always]
  Both: !And [!Condition Always, !Not [!Condition Never]]
  Either: {"Fn::Or": [!Condition Never, !Equals [a, b]]}
`

// template has an output for an expression.
func outputs(expression string) string {
	return "Parameters:" + parameters + "Conditions:" + conditions + "Resources:" + resources + "Outputs:\n  O:\n    Value: " + expression + "\n"
}

func TestReferences(t *testing.T) {
	const arn = ":cn-north-1:111122223333:"
	for expression, want := range map[string]string{
		`plain`: "plain", `12`: "12", `!Ref Name`: "orders", `{Ref: Name}`: "orders", `!Ref Number`: "7",
		`!Ref AWS::Region`: "cn-north-1", `!Ref 'AWS::AccountId'`: "111122223333", `!Ref "AWS::Partition"`: "aws-cn",
		`!Ref Topic`: "arn:aws-cn:sns" + arn + "orders-topic", `!GetAtt Topic.TopicArn`: "arn:aws-cn:sns" + arn + "orders-topic", `!GetAtt Topic.TopicName`: "orders-topic",
		`!Ref Table`: "orders", `!GetAtt Table.Arn`: "arn:aws-cn:dynamodb" + arn + "table/orders", `!GetAtt [Table, Arn]`: "arn:aws-cn:dynamodb" + arn + "table/orders",
		`!Ref Queue`: "https://sqs.cn-north-1.amazonaws.com/111122223333/Queue", `!GetAtt Queue.Arn`: "arn:aws-cn:sqs" + arn + "Queue", `!GetAtt Queue.QueueName`: "Queue",
		`!If [Always, a, !Ref Absent]`: "a", `!If [Never, !Ref Absent, b]`: "b", `!If [Both, a, b]`: "a", `{"Fn::If": [Either, a, !Sub '${Name}']}`: "orders",
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
		{`!If [A, B, C]`, `Fn::If: there is no condition "A"`}, {`!If [Always, B]`, "a condition and two values"}, {`!If [Always, !Ref Absent, b]`, "resource Absent is not made under its condition"},
		{`!GetAtt Absent.TopicArn`, "not made under its condition"}, {`!Ref AWS::NoValue`, "text or a number"}, {`!Equals [a, a]`, "Fn::Equals: this function is not read here; only Ref, Fn::GetAtt, Fn::Sub and Fn::If are"}, {`{"Fn::Join": ['', [a, b]]}`, "Fn::Join"}, {`!ImportValue x`, "Fn::ImportValue"},
		{`{"Fn::Select": [0, [a]]}`, "Fn::Select"}, {`!Split [a, b]`, "Fn::Split"}, {`!Condition Always`, "Condition: this function is not read here"}, {`!Base64 x`, "Fn::Base64"},
		{`!Ref Nothing`, "no parameter and no resource Nothing"}, {`!Ref AWS::StackName`, "AWS::StackName"}, {`!Ref [a]`, "must be a name"}, {`!GetAtt Nothing.Arn`, "no resource Nothing"},
		{`!GetAtt Topic.Arn`, "attribute Arn of a resource of type AWS::SNS::Topic"}, {`!GetAtt Topic`, "Resource.Attribute"}, {`!GetAtt [Topic]`, "a resource and an attribute"}, {`{"Fn::GetAtt": Topic.TopicArn}`, "a resource and an attribute"},
		{`!Sub '${Nothing}'`, "Nothing"}, {`!Sub '${Names}'`, "Names is no text"}, {`!Sub '${Name'`, "not closed"}, {`!Sub ['${A}', {A: x, B: y}]`, "variable B is not used"}, {`!Sub [x]`, "text and a mapping"},
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

// TestConditionsThatAreRefused: a condition compares parameters and joins other conditions, and nothing else.
func TestConditionsThatAreRefused(t *testing.T) {
	for expression, says := range map[string]string{
		"x": "it must be one of Fn::Equals", "!Equals [a]": "compares two values", "!Equals a": "must be a list", "!Not [!Condition A, !Condition A]": "with so many conditions",
		"!And [!Condition A]": "with so many conditions", "!Not [!Condition Other]": `there is no condition "Other"`, "!Not [x]": "it must be one of", "!Condition C": "it needs its own value",
		"!Or [!Condition C, !Condition A]": "it needs its own value", "!If [A, a, b]": "not read here", "!Equals [!Ref T, x]": "no parameter and no resource T", "!Equals [!GetAtt T.TopicArn, x]": "no resource T", "!Equals [a, [b]]": "text or a number",
	} {
		text := "Conditions: {A: !Equals [a, a], C: " + expression + "}\nResources: {T: {Type: AWS::SNS::Topic}}\n"
		if _, err := Read(strings.NewReader(text), nil, testNames); err == nil || !strings.Contains(err.Error(), "condition C: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("condition %s = %v, want an error that says %q", expression, err, says)
		}
	}
}

const wholeTemplate = `
Parameters:
  Issuers: {Type: CommaDelimitedList, Default: 'CA 1, CA 2'}
  Sorted: {Type: String, Default: ''}
Conditions:
  HasSort: !Not [!Equals [!Ref Sorted, '']]
Resources:
  B:
    Type: AWS::IAM::Role
    Properties:
      RoleName: Bridge
      Path: /x/y/
      MaxSessionDuration: 7200
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{k: !Ref Issuers, Bool: {b: true}}]}
      Policies: [{PolicyName: p, PolicyDocument: {Resource: !GetAtt T.Arn}}]
  A:
    Type: AWS::IAM::Policy
    DependsOn: [C, Left]
    Properties: {PolicyName: q, PolicyDocument: {N: 1.50}, Roles: [!Ref B]}
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      Keys: [pk, !If [HasSort, !Ref Sorted, !Ref AWS::NoValue]]
      Left: !If [HasSort, x, !Ref AWS::NoValue]
  C: {Type: AWS::SNS::Topic}
  Left: {Type: AWS::SQS::Queue, Condition: HasSort}
Outputs:
  There: {Value: !Ref C}
  Left: {Value: !Ref Left, Condition: HasSort}
`

func TestResources(t *testing.T) {
	read := func(sorted string) (out []string, outputs []string) {
		t.Helper()
		got, err := Read(strings.NewReader(wholeTemplate), map[string]string{"Sorted": sorted}, testNames)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Resources {
			text, err := json.Marshal(r.Properties)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.ID+" "+r.Type+" "+r.Name+" "+string(text))
		}
		return out, slices.Sorted(maps.Keys(got.Outputs))
	}
	const role = `B AWS::IAM::Role Bridge {"AssumeRolePolicyDocument":{"Statement":[{"Bool":{"b":true},"k":["CA 1","CA 2"]}],"Version":"2012-10-17"},"MaxSessionDuration":7200,"Path":"/x/y/",` +
		`"Policies":[{"PolicyDocument":{"Resource":"arn:aws-cn:dynamodb:cn-north-1:111122223333:table/T"},"PolicyName":"p"}],"RoleName":"Bridge"}`
	const policy, topic = `A AWS::IAM::Policy q {"PolicyDocument":{"N":1.50},"PolicyName":"q","Roles":["Bridge"]}`, `C AWS::SNS::Topic C {}`
	got, outputs := read("")
	want := []string{`T AWS::DynamoDB::Table T {"Keys":["pk"]}`, role, topic, policy}
	if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(outputs, []string{"There"}) {
		t.Errorf("outputs %v, resources (-want +got):\n%s", outputs, diff)
	}
	got, outputs = read("sk")
	want = []string{`T AWS::DynamoDB::Table T {"Keys":["pk","sk"],"Left":"x"}`, role, topic, `Left AWS::SQS::Queue Left {}`, policy}
	if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(outputs, []string{"Left", "There"}) {
		t.Errorf("outputs %v, resources (-want +got):\n%s", outputs, diff)
	}
}

// TestMetadataOrders: what Metadata refers to is made before, and only under its condition.
func TestMetadataOrders(t *testing.T) {
	for sorted, want := range map[string]string{"": "T B A C", "sk": "T B Left A C"} {
		text := strings.Replace(wholeTemplate, "DependsOn: [C, Left]", "DependsOn: Left", 1)
		text = strings.Replace(text, "C: {Type: AWS::SNS::Topic}", "C: {Type: AWS::SNS::Topic, Metadata: {After: !If [HasSort, !Ref A, '']}}", 1)
		got, err := Read(strings.NewReader(text), map[string]string{"Sorted": sorted}, testNames)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range got.Resources {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("resources with %q = %q, want %q", sorted, got, want)
		}
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ old, new, says string }{
		{"!GetAtt T.Arn}}]", "!GetAtt B.Arn}}]", "refers to it again"}, {"Type: AWS::DynamoDB::Table", "Type: AWS::S3::Bucket", `resource T: type "AWS::S3::Bucket" is not read`},
		{"Condition: HasSort}\nOutputs", "Condition: X}\nOutputs", `resource Left: there is no condition "X"`}, {"{Type: AWS::SNS::Topic}", "x", "must be a mapping"},
		{"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, Properties: {TopicName: !Ref C}}", "needs its own name"}, {"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, DependsOn: A}", "refers to it again"},
		{"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, Metadata: {x: !Ref D}}", "Metadata: "}, {"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, Metadata: {x: !GetAtt C.TopicArn}}", "refers to it again"},
		{"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, DependsOn: D}", "there is no resource D"}, {"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, DependsOn: {}}", "DependsOn must name"},
		{"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, Properties: {x: !GetAtt C.TopicArn}}", "refers to it again"}, {"{Type: AWS::SNS::Topic}", "{Type: AWS::SNS::Topic, CreationPolicy: x}", `"CreationPolicy" is not read`},
		{"Resources:", "Transform: x\nResources:", `"Transform"`}, {"Resources:", "Rules: {}\nResources:", `"Rules"`}, {"Value: !Ref C}", "Value: !Ref C, Export: x}", `"Export"`},
		{"{Value: !Ref C}", "x", "output There"}, {"{Value: !Ref Left, Condition: HasSort}", "{Value: !Ref Left}", "not made under its condition"}, {"{Value: !Ref Left, Condition: HasSort}", "{Value: x, Condition: y}", `no condition "y"`},
		{"!GetAtt T.Arn", "!GetAtt T.StreamArn", "StreamArn"}, {"{N: 1.50}", "{N: !Join [x]}", "Fn::Join"}, {"{N: 1.50}", "{N: ~}", "!!null"}, {"Conditions:\n  HasSort: !Not [!Equals [!Ref Sorted, '']]\n", "Conditions: []\n", "mapping"},
	} {
		if !strings.Contains(wholeTemplate, tt.old) {
			t.Fatalf("%q is not in the template", tt.old)
		}
		_, err := Read(strings.NewReader(strings.Replace(wholeTemplate, tt.old, tt.new, 1)), nil, testNames)
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

// FuzzRead: whatever is read, its resources are what encoding/json can write, in an order that has none twice.
func FuzzRead(f *testing.F) {
	f.Add(outputs("!Sub '${Name}'"))
	f.Add(wholeTemplate)
	f.Add("Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {a: !GetAtt R.Arn}}}}")
	f.Add("a: &x [*x]")
	f.Add("Resources: {R: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref R}}}\nOutputs: {O: {Value: !Ref R}}")
	f.Add("Conditions: {A: !Condition B, B: !Condition A}\nResources: {R: {Type: AWS::SNS::Topic, Condition: A}}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text), nil, testNames)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "read template: ") {
				t.Errorf("Read(%q) = %v", text, err)
			}
			return
		}
		seen := make(map[string]bool)
		for _, r := range got.Resources {
			if _, err := json.Marshal(r.Properties); err != nil || seen[r.ID] || !knownType(r.Type) {
				t.Errorf("Read(%q): resource %s: %v, or it is there twice or of type %q", text, r.ID, err, r.Type)
			}
			seen[r.ID] = true
		}
	})
}
