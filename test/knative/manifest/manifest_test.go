package manifest

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	shippedPath = "../../../deploy/knative"
	base        = "/base"
	example     = "/overlays/example"
)

func load(t *testing.T) filesys.FileSystem {
	t.Helper()
	files, err := Load(shippedPath)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func objects(t *testing.T, files filesys.FileSystem, folder string) []*Object {
	t.Helper()
	text, err := Render(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Split(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// find decodes the object of that kind and name.
func find[T any](t *testing.T, all []*Object, kind, name string) T {
	t.Helper()
	for _, o := range all {
		if v, err := o.decode(); err == nil && o.Kind == kind && o.Metadata.Name == name {
			if typed, ok := v.(T); ok {
				return typed
			}
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	panic("unreachable")
}

func TestExampleHasNoProblems(t *testing.T) {
	if found := Check(load(t), example); found != nil {
		t.Errorf("Check(%s) = %q, want none", example, found)
	}
}

// TestBaseLacksOnlyTheDeadLetterSink holds the base to what it says of itself.
func TestBaseLacksOnlyTheDeadLetterSink(t *testing.T) {
	want := []string{"Broker default: deadLetterSink Service dead-letter is none of these manifests'"}
	if diff := cmp.Diff(want, Check(load(t), base)); diff != "" {
		t.Errorf("Check(%s), -want +got:\n%s", base, diff)
	}
}

func TestObjectsOfTheExample(t *testing.T) {
	var got []string
	for _, o := range objects(t, load(t), example) {
		got = append(got, o.String())
		if o.Kind != "Namespace" && o.Metadata.Namespace != "trustbridge" {
			t.Errorf("%s is in namespace %q, want trustbridge", o, o.Metadata.Namespace)
		}
	}
	slices.Sort(got)
	want := []string{
		"Broker default", "Deployment dead-letter", "Namespace trustbridge", "Service dead-letter", "Service invoke-lambda", "Service publish-sns",
		"Service store-dynamodb", "ServiceAccount trustbridge", "Trigger invoke-lambda", "Trigger publish-sns", "Trigger replies", "Trigger store-dynamodb",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects, -want +got:\n%s", diff)
	}
}

// TestFunctionsAreAlike holds the three files together: but for their names they say the same.
func TestFunctionsAreAlike(t *testing.T) {
	all := objects(t, load(t), base)
	texts := make(map[string]string)
	for _, o := range all {
		if o.Kind == "Trigger" || o.Kind == "Service" {
			var v any
			if err := json.Unmarshal(o.Text, &v); err != nil {
				t.Fatal(err)
			}
			text, err := yaml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			name := o.Metadata.Name
			texts[o.Kind+" "+name] = strings.ReplaceAll(string(text), name, "NAME")
		}
	}
	for _, kind := range []string{"Service", "Trigger"} {
		for _, name := range []string{"store-dynamodb", "invoke-lambda"} {
			if diff := cmp.Diff(texts[kind+" publish-sns"], texts[kind+" "+name]); diff != "" {
				t.Errorf("%s %s differs from that of publish-sns:\n%s", kind, name, diff)
			}
		}
	}
	if len(texts) != 6 {
		t.Errorf("there are %d Services and Triggers, want 6", len(texts))
	}
}

// TestSetupFits reads what trustbridge setup writes: the ConfigMap's name, and where it says that secrets are mounted.
func TestSetupFits(t *testing.T) {
	all := objects(t, load(t), base)
	for _, golden := range []string{"full", "minimal"} {
		paths, err := filepath.Glob("../../../cmd/trustbridge/internal/plan/testdata/" + golden + "/knative/*.yaml")
		if err != nil || paths == nil {
			t.Fatalf("setup's golden files of %s are not there (%v)", golden, err)
		}
		for _, p := range paths {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			var m corev1.ConfigMap
			if err := yaml.UnmarshalStrict(text, &m); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			function := strings.TrimSuffix(filepath.Base(p), ".yaml")
			c := find[*servingv1.Service](t, all, "Service", function).Spec.Template.Spec.Containers[0]
			if got := c.EnvFrom[0].ConfigMapRef.Name; got != m.Name || m.Kind != "ConfigMap" {
				t.Errorf("%s reads ConfigMap %s, setup writes %s %s", function, got, m.Kind, m.Name)
			}
			mounted := make(map[string]bool)
			for _, v := range c.VolumeMounts {
				mounted[v.MountPath] = true
			}
			for _, name := range []string{"DESTINATION_SERVICE_KEY_PATH", "DESTINATION_KEY_PATH"} {
				if value := m.Data[name]; value != "" && !mounted[path.Dir(value)] {
					t.Errorf("%s: setup says %s=%s, but no volume is mounted there", function, name, value)
				}
			}
			if root := m.Data["SERVICE_BINDING_ROOT"]; root != "" && !mounted[root+"/destination"] {
				t.Errorf("%s: setup says SERVICE_BINDING_ROOT=%s, but no volume is mounted one below it", function, root)
			}
			for _, e := range c.Env {
				if value, both := m.Data[e.Name]; both && value != e.Value {
					t.Errorf("%s: %s is %s in the manifest and %s by setup", function, e.Name, e.Value, value)
				}
			}
		}
	}
}

// TestImagesByDigest uncomments what the example says of images that are there already.
func TestImagesByDigest(t *testing.T) {
	files := load(t)
	at := path.Join(example, "kustomization.yaml")
	text, err := files.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "\n# images:\n")
	block, _, ends := strings.Cut(block, "\n\n")
	if !found || !ends {
		t.Fatal("the example has no block of images")
	}
	text = append(text, "\nimages:\n"+strings.ReplaceAll("\n"+block, "\n# ", "\n")+"\n"...)
	if err := files.WriteFile(at, text); err != nil {
		t.Fatal(err)
	}
	all := objects(t, files, example)
	image := find[*servingv1.Service](t, all, "Service", "publish-sns").Spec.Template.Spec.Containers[0].Image
	if want := "registry.example.com/team/publish-sns@sha256:1111111111111111111111111111111111111111111111111111111111111111"; image != want {
		t.Errorf("image = %s, want %s", image, want)
	}
	if found := Unresolved(all); len(found) != 2 {
		t.Errorf("Unresolved() = %q, want the other two functions", found)
	}
}

// TestFunctionLeftOut uncomments what the example says of a function that is not wanted.
func TestFunctionLeftOut(t *testing.T) {
	files := load(t)
	at := path.Join(example, "kustomization.yaml")
	text, err := files.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "\n# - patch: |\n")
	block, _, _ = strings.Cut("\n# - patch: |\n"+block, "\n\n")
	patched := strings.Replace(string(text), "\npatches:\n", "\npatches:"+strings.ReplaceAll(block, "\n# ", "\n")+"\n", 1)
	// Filters of what is left out, and who else calls it, go too.
	filters, err := files.ReadFile(path.Join(example, "filters.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(filters), "---\n")
	kept := slices.DeleteFunc(documents, func(d string) bool { return strings.Contains(d, "name: store-dynamodb") })
	for name, content := range map[string]string{at: strings.Replace(patched, "- replies.yaml\n", "", 1), path.Join(example, "filters.yaml"): strings.Join(kept, "---\n")} {
		if err := files.WriteFile(name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if found := Check(files, example); found != nil {
		t.Errorf("Check() = %q, want none", found)
	}
	if !found || len(kept) != 2 || slices.ContainsFunc(objects(t, files, example), func(o *Object) bool { return o.Metadata.Name == "store-dynamodb" }) {
		t.Errorf("store-dynamodb is still there (block %t, filters %d)", found, len(kept))
	}
}

// TestFiltersKeepAnswersFromTheirFunction holds the example to its own rule: what the Lambda function answers does not make it run.
func TestFiltersKeepAnswersFromTheirFunction(t *testing.T) {
	all := objects(t, load(t), example)
	answered := find[*eventingv1.Trigger](t, all, "Trigger", "replies").Spec.Filters[0].Exact["type"]
	asks := find[*eventingv1.Trigger](t, all, "Trigger", "invoke-lambda").Spec.Filters[0].CESQL
	if answered == "" || asks == "" || strings.Contains(asks, answered) {
		t.Errorf("answers are %q, and what is asked is %q; want two types", answered, asks)
	}
}

func TestUnknownKindIsAnError(t *testing.T) {
	o := &Object{Text: []byte(`{"apiVersion":"serving.knative.dev/v1","kind":"Servise"}`)}
	if err := json.Unmarshal(o.Text, o); err != nil {
		t.Fatal(err)
	}
	if err := Admit(o); err == nil || !strings.Contains(err.Error(), "kind Servise of serving.knative.dev/v1 is not known") {
		t.Errorf("Admit() = %v, want that the kind is not known", err)
	}
}

func ExampleCheck() {
	files := filesys.MakeFsInMemory()
	for name, text := range map[string]string{
		"/kustomization.yaml": "resources: [broker.yaml]\n",
		"/broker.yaml":        "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: default}\nspec: {delivery: {retry: -1}}\n",
	} {
		if err := files.WriteFile(name, []byte(text)); err != nil {
			panic(err)
		}
	}
	fmt.Println(Check(files, "/"))
	// Output: [Broker default: invalid value: -1: spec.delivery.retry]
}
