package aws

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyfunction "github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// module is a Terraform module, read and evaluated as Terraform would, with what the provider would answer.
type module struct {
	t       *testing.T
	context *hcl.EvalContext
	blocks  map[string][]*hclsyntax.Block // :: resource, output … → blocks
}

// readModule reads the module and gives its variables values; those that are not given must have a default.
func readModule(t *testing.T, given map[string]string) *module {
	t.Helper()
	m := &module{t: t, blocks: map[string][]*hclsyntax.Block{}, context: &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: map[string]ctyfunction.Function{
		"can": tryfunc.CanFunc, "regex": stdlib.RegexFunc, "length": stdlib.StrlenFunc, "alltrue": alltrue(), "jsonencode": stdlib.JSONEncodeFunc, "concat": stdlib.ConcatFunc, "compact": stdlib.CompactFunc, "split": stdlib.SplitFunc, "trimspace": stdlib.TrimSpaceFunc,
	}}}
	files, err := filepath.Glob("../../../deploy/aws/terraform/*.tf")
	if err != nil || len(files) != 4 {
		t.Fatalf("files %v, %v, want main, outputs, variables and versions", files, err)
	}
	parser := hclparse.NewParser()
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, problems := parser.ParseHCL(source, file)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		for _, block := range parsed.Body.(*hclsyntax.Body).Blocks {
			m.blocks[block.Type] = append(m.blocks[block.Type], block)
		}
	}
	variables := map[string]cty.Value{}
	for _, block := range m.blocks["variable"] {
		name := block.Labels[0]
		if value, there := given[name]; there {
			variables[name] = cty.StringVal(value)
		} else if attribute, there := block.Body.Attributes["default"]; there {
			variables[name] = m.value(attribute.Expr)
		} else {
			t.Fatalf("variable %s has neither a value nor a default", name)
		}
	}
	for name := range given {
		if _, there := variables[name]; !there {
			t.Fatalf("there is no variable %s", name)
		}
	}
	m.context.Variables["var"] = cty.ObjectVal(variables)
	m.answer()
	return m
}

func (m *module) value(e hcl.Expression) cty.Value {
	m.t.Helper()
	v, problems := e.Value(m.context)
	if problems.HasErrors() {
		m.t.Fatal(problems)
	}
	return v
}

// answer gives the resources the attributes that the provider would, and the locals their values.
func (m *module) answer() {
	m.t.Helper()
	byType := map[string]map[string]cty.Value{}
	for _, block := range m.blocks["resource"] {
		kind, label := block.Labels[0], block.Labels[1]
		name := camel(label)
		if attribute, there := block.Body.Attributes["name"]; there {
			name = m.value(attribute.Expr).AsString()
		}
		object := cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(name),
			"url":  cty.StringVal("https://sqs.eu-central-1.amazonaws.com/111122223333/" + name),
			"arn": cty.StringVal(map[string]string{
				"aws_iam_role": "arn:aws:iam::111122223333:role/trustbridge/" + name, "aws_sns_topic": stackARN("sns", name), "aws_sqs_queue": stackARN("sqs", name),
				"aws_dynamodb_table": stackARN("dynamodb", "table/"+name), "aws_rolesanywhere_trust_anchor": New(Config{}).anchorARN(name),
				"aws_rolesanywhere_profile": New(Config{}).profileARN(name),
			}[kind]),
		})
		if byType[kind] == nil {
			byType[kind] = map[string]cty.Value{}
		}
		switch count, counted := block.Body.Attributes["count"]; {
		case !counted:
			byType[kind][label] = object
		case m.value(count.Expr).RawEquals(cty.NumberIntVal(0)):
			byType[kind][label] = cty.EmptyTupleVal
		default:
			byType[kind][label] = cty.TupleVal([]cty.Value{object})
		}
	}
	for kind, labels := range byType {
		m.context.Variables[kind] = cty.ObjectVal(labels)
	}
	arn := cty.ObjectVal(map[string]cty.Value{"partition": cty.StringVal("aws"), "region": cty.StringVal("eu-central-1"), "account": cty.StringVal("111122223333")})
	m.context.Variables["data"] = cty.ObjectVal(map[string]cty.Value{"aws_arn": cty.ObjectVal(map[string]cty.Value{"topic": arn})})
	locals := map[string]cty.Value{}
	for _, block := range m.blocks["locals"] {
		for name, attribute := range block.Body.Attributes {
			locals[name] = m.value(attribute.Expr)
		}
	}
	m.context.Variables["local"] = cty.ObjectVal(locals)
}

// camel is publish_sns_role as PublishSnsRole.
func camel(label string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(label, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// tree is a body as JSON would have it: blocks are lists, absent attributes are left out, JSON texts are read.
func (m *module) tree(body *hclsyntax.Body) map[string]any {
	m.t.Helper()
	out := map[string]any{}
	for name, attribute := range body.Attributes {
		if name == "count" || name == "depends_on" {
			continue
		}
		v := m.value(attribute.Expr)
		if v.IsNull() {
			continue
		}
		text, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			m.t.Fatal(err)
		}
		out[name] = treeOf(text)
		if s, isText := out[name].(string); isText && strings.HasPrefix(s, "{") {
			out[name] = treeOf([]byte(s))
		}
	}
	add := func(name string, one map[string]any) {
		list, _ := out[name].([]any)
		out[name] = append(list, one)
	}
	for _, block := range body.Blocks {
		switch block.Type {
		case "lifecycle":
		case "dynamic":
			for it := m.value(block.Body.Attributes["for_each"].Expr).ElementIterator(); it.Next(); {
				_, element := it.Element()
				m.context.Variables[block.Labels[0]] = cty.ObjectVal(map[string]cty.Value{"value": element})
				add(block.Labels[0], m.tree(block.Body.Blocks[0].Body))
			}
		default:
			add(block.Type, m.tree(block.Body))
		}
	}
	return out
}

// resources are the module's as CloudFormation would have them, by the names of the template.
func (m *module) resources() map[string]any {
	m.t.Helper()
	out := map[string]any{}
	var policies []map[string]any
	for _, block := range m.blocks["resource"] {
		if count, counted := block.Body.Attributes["count"]; counted && m.value(count.Expr).RawEquals(cty.NumberIntVal(0)) {
			continue
		}
		kind, id, attributes := block.Labels[0], camel(block.Labels[1]), m.tree(block.Body)
		if kind == "aws_iam_role_policy" && attributes["role"] == id { // of a role of ours, whose name is this
			attributes["id"] = id
			policies = append(policies, attributes)
			continue
		}
		translate, known := translations()[kind]
		if !known {
			m.t.Errorf("resource %s of type %s has no counterpart", id, kind)
			continue
		}
		cfn, properties := translate(attributes)
		for left := range attributes {
			m.t.Errorf("%s.%s: argument %s has no counterpart", kind, block.Labels[1], left)
		}
		out[id] = map[string]any{"Type": cfn, "Properties": properties}
	}
	for _, p := range policies {
		role := out[p["id"].(string)].(map[string]any)["Properties"].(map[string]any)
		list, _ := role["Policies"].([]any)
		role["Policies"] = append(list, map[string]any{"PolicyName": p["name"], "PolicyDocument": p["policy"]})
	}
	return out
}

// TestTerraform: the module makes what the template makes, resource by resource and statement by statement, and tells the same.
func TestTerraform(t *testing.T) {
	first, second := testpki.Root("first"), testpki.Root("second")
	for name, change := range map[string]func(map[string]string){
		"everything": func(p map[string]string) {
			p["AlarmEmail"], p["TableSortKey"], p["SecondTrustAnchorCertificate"] = "ops@example.com", "sk", pemOf(second.Cert)
			p["IssuerCommonNames"] = "One CA, Another CA"
		},
		"plain":       func(map[string]string) {},
		"no role":     func(p map[string]string) { delete(p, "FunctionRoleName") },
		"no function": func(p map[string]string) { delete(p, "FunctionName") },
	} {
		t.Run(name, func(t *testing.T) {
			given := parameters(first.Cert)
			change(given)
			variables := map[string]string{}
			for key, value := range given {
				variables[snake(key)] = value
			}
			whole, err := New(Config{}).readTemplate(strings.NewReader(deployed(t)), given)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{}
			for _, r := range whole.Resources {
				want[r.ID] = map[string]any{"Type": r.Type, "Properties": r.Properties}
			}
			m := readModule(t, variables)
			text, err := json.Marshal([]any{want, m.resources()})
			if err != nil {
				t.Fatal(err)
			}
			both := treeOf(text).([]any)
			if diff := cmp.Diff(both[0], both[1]); diff != "" {
				t.Errorf("resources (-template +module):\n%s", diff)
			}
			outputs := map[string]string{}
			for _, block := range m.blocks["output"] {
				if v := m.value(block.Body.Attributes["value"].Expr); !v.IsNull() {
					outputs[block.Labels[0]] = v.AsString()
				}
			}
			if diff := cmp.Diff(whole.Outputs, outputs); diff != "" {
				t.Errorf("outputs (-template +module):\n%s", diff)
			}
		})
	}
}

// snake is PublishSnsRole as publish_sns_role.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// alltrue is Terraform's function of this name.
func alltrue() ctyfunction.Function {
	return ctyfunction.New(&ctyfunction.Spec{
		Params: []ctyfunction.Parameter{{Name: "list", Type: cty.DynamicPseudoType}}, Type: ctyfunction.StaticReturnType(cty.Bool),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(!slices.ContainsFunc(arguments[0].AsValueSlice(), cty.Value.False)), nil
		},
	})
}

// refused are the variables whose validations do not hold.
func (m *module) refused() (names []string) {
	m.t.Helper()
	for _, block := range m.blocks["variable"] {
		for _, validation := range block.Body.Blocks {
			if m.value(validation.Body.Attributes["condition"].Expr).False() {
				names = append(names, block.Labels[0])
			}
		}
	}
	return names
}

// TestTerraformRefuses: what the template's parameters refuse, the module's variables refuse too, and nothing else.
func TestTerraformRefuses(t *testing.T) {
	root := testpki.Root("root")
	for _, row := range []struct{ name, value string }{
		{"Name", "ab"}, {"Name", "1ab"}, {"TrustAnchorCertificate", "x"}, {"TrustAnchorCertificate", ""}, {"TrustAnchorCertificate", pemOf(root.Cert) + strings.Repeat(" ", 4096)},
		{"SecondTrustAnchorCertificate", "x"}, {"SubjectLocality", ""}, {"PublishSnsCommonName", ""}, {"StoreDynamodbCommonName", ""}, {"InvokeLambdaCommonName", ""},
		{"FunctionName", worker}, {"FunctionAlias", ""}, {"FunctionAlias", "*"}, {"FunctionRoleName", "a/b"}, {"TableSortKey", "a b"}, {"TableTtlAttribute", ""}, {"AlarmEmail", "ops"},
		{"AlarmEmail", "ops@example.com"}, {"SecondTrustAnchorCertificate", pemOf(root.Cert)}, {"TableSortKey", "sk"}, {"FunctionAlias", "7"}, {"IssuerCommonNames", "One CA, Another CA"},
	} {
		given := parameters(root.Cert)
		given[row.name] = row.value
		variables := map[string]string{}
		for key, value := range given {
			variables[snake(key)] = value
		}
		var want []string
		if _, err := New(Config{}).readTemplate(strings.NewReader(deployed(t)), given); err != nil {
			want = []string{snake(row.name)}
		}
		if got := readModule(t, variables).refused(); !slices.Equal(got, want) {
			t.Errorf("%s = %.40q: the module refuses %v, want %v as the template", row.name, row.value, got, want)
		}
	}
	variables := map[string]string{"trust_anchor_certificate": pemOf(root.Cert), "subject_locality": "x", "issuer_common_names": "One CA,"}
	if got := readModule(t, variables).refused(); !slices.Equal(got, []string{"issuer_common_names"}) {
		t.Errorf("an issuer without a name: the module refuses %v, want it", got)
	}
}

// TestTerraformVariables: the module has the template's parameters, with the same defaults.
func TestTerraformVariables(t *testing.T) {
	needed := map[string]string{"trust_anchor_certificate": "x", "subject_locality": "x"}
	variables := readModule(t, needed).context.Variables["var"].AsValueMap()
	text, _, _ := strings.Cut(deployed(t), "\nConditions:\n")
	_, text, _ = strings.Cut(text, "\nParameters:\n")
	defaults := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if key, found := strings.CutPrefix(line, "  "); found && !strings.HasPrefix(key, " ") {
			name = snake(strings.TrimSuffix(key, ":"))
			defaults[name] = needed[name]
		}
		if value, found := strings.CutPrefix(line, "    Default: "); found {
			defaults[name] = strings.Trim(value, "'")
		}
	}
	if names := slices.Sorted(maps.Keys(variables)); !slices.Equal(names, slices.Sorted(maps.Keys(defaults))) {
		t.Errorf("variables %v, want %v", names, slices.Sorted(maps.Keys(defaults)))
	}
	for name, v := range variables {
		if v.AsString() != defaults[name] {
			t.Errorf("default of %s = %q, want %q", name, v.AsString(), defaults[name])
		}
	}
}
