package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openfaas/go-sdk/stack"
)

const stackPath = "../../../stack.yml"

func read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(stackPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestStackHasNoProblems(t *testing.T) {
	s, err := Load(stackPath)
	if err != nil {
		t.Fatal(err)
	}
	if problems := Problems(s); problems != nil {
		t.Errorf("Problems(stack.yml) = %q, want none", problems)
	}
	if len(s.Functions) != 3 {
		t.Errorf("stack.yml has %d functions, want 3", len(s.Functions))
	}
	for name, f := range s.Functions {
		if f.BuildArgs["FUNCTION"] != name || !strings.HasSuffix(f.Image, "/"+name+":latest") || !strings.HasSuffix(f.EnvironmentFile[0], "/"+name+".yml") {
			t.Errorf("%s has build_args %v, image %s, environment_file %v; want all of them its own", name, f.BuildArgs, f.Image, f.EnvironmentFile)
		}
	}
}

// TestBrokenManifestIsCaught puts one fault at a time into stack.yml.
func TestBrokenManifestIsCaught(t *testing.T) {
	const label = `com.openfaas.scale.max: "5"`
	annotate := func(annotation string) [2]string {
		return [2]string{"    readonly_root_filesystem: true\n", "    readonly_root_filesystem: true\n    annotations: {" + annotation + "}\n"}
	}
	many := "functions:\n"
	for i := range 13 {
		many += fmt.Sprintf("  more-%d: {lang: dockerfile, image: more}\n", i)
	}
	for name, tc := range map[string]struct {
		change [2]string
		want   string
	}{
		"typo in a field":                           {[2]string{"readonly_root_filesystem:", "read_only_root_filesystem:"}, "field read_only_root_filesystem not found"},
		"typo at the top":                           {[2]string{"\nconfiguration:", "\nconfigurations:"}, "field configurations not found"},
		"typo in limits":                            {[2]string{"limits: {memory:", "limits: {mem:"}, "field mem not found"},
		"another provider":                          {[2]string{"name: openfaas", "name: faas"}, "provider.name"},
		"another version":                           {[2]string{"version: 1.0", "version: 2.0"}, "valid versions"},
		"dollar sign that begins nothing":           {[2]string{"${LOG_LEVEL:-info}", "${ }"}, "unable to parse variable name"},
		"wrong port":                                {[2]string{"AUTH: basic\n", "AUTH: basic\n      PORT: \"9090\"\n"}, "PORT is 9090, but OpenFaaS calls 8080"},
		"label CE forbids: scale to zero":           {[2]string{label, `com.openfaas.scale.zero: "true"`}, "label com.openfaas.scale.zero: true is refused"},
		"label CE forbids: scale to zero, duration": {[2]string{label, `com.openfaas.scale.zero-duration: 15m`}, "label com.openfaas.scale.zero-duration is refused"},
		"label CE forbids: scale target":            {[2]string{label, `com.openfaas.scale.target: "50"`}, "label com.openfaas.scale.target is refused"},
		"label CE forbids: scale type":              {[2]string{label, `com.openfaas.scale.type: capacity`}, "label com.openfaas.scale.type is refused"},
		"label CE forbids: six replicas at most":    {[2]string{label, `com.openfaas.scale.max: "6"`}, "label com.openfaas.scale.max: 6 is refused"},
		"label CE forbids: six replicas at least":   {[2]string{`com.openfaas.scale.min: "1"`, `com.openfaas.scale.min: "6"`}, "label com.openfaas.scale.min: 6 is refused"},
		"annotation CE forbids: role of EKS":        {annotate("eks.amazonaws.com/role-arn: arn"), "annotation eks.amazonaws.com/role-arn is refused"},
		"annotation CE forbids: account of GKE":     {annotate("iam.gke.io/gcp-service-account: a"), "annotation iam.gke.io/gcp-service-account is refused"},
		"annotation CE forbids: two topics":         {annotate(`topic: "a,b"`), "annotation topic with more than one topic is refused"},
		"another namespace":                         {[2]string{"lang: dockerfile\n", "lang: dockerfile\n    namespace: team\n"}, "namespace team is refused"},
		"sixteen functions":                         {[2]string{"functions:\n  publish-sns", many + "  publish-sns"}, "16 functions; Community Edition takes 15"},
		"secret that nobody mounts":                 {[2]string{"[trustbridge-destination, trustbridge-users]", "[trustbridge-users]"}, "trustbridge-destination is not among the secrets"},
		"secret under another name":                 {[2]string{"secrets/trustbridge-users", "secrets/users"}, "secret trustbridge-users is mounted, but nothing names its file"},
		"root file system that can be written":      {[2]string{"readonly_root_filesystem: true", "readonly_root_filesystem: false"}, "readonly_root_filesystem is not true"},
		"grace above the platform's":                {[2]string{"GRACE: 30s", "GRACE: 60s"}, "GRACE is 1m0s, but the pod is killed after 30s"},
		"drain that the grace does not hold":        {[2]string{"DRAIN_DELAY: 3s", "DRAIN_DELAY: 5s"}, "do not fit into GRACE"},
		"request longer than the gateway waits":     {[2]string{"REQUEST_TIMEOUT: 25s", "REQUEST_TIMEOUT: 60s"}, "the gateway gives up after 1m0s"},
		"time that is none":                         {[2]string{"DRAIN_DELAY: 3s", "DRAIN_DELAY: 3"}, `DRAIN_DELAY is "3", want a time`},
		"limit of the processor":                    {[2]string{"limits: {memory: 256Mi}", "limits: {memory: 256Mi, cpu: 100m}"}, "limits are not one of memory alone"},
	} {
		t.Run(name, func(t *testing.T) {
			text := read(t)
			broken := strings.Replace(text, tc.change[0], tc.change[1], 1)
			if broken == text {
				t.Fatalf("stack.yml has no %q to break", tc.change[0])
			}
			s, err := Parse([]byte(broken))
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("Parse() = %v, want %q", err, tc.want)
				}
				return
			}
			if problems := Problems(s); !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, tc.want) }) {
				t.Errorf("Problems() = %q, want %q among them", problems, tc.want)
			}
		})
	}
}

// TestOpenFaaSDropsWhatItDoesNotKnow is why Parse exists.
func TestOpenFaaSDropsWhatItDoesNotKnow(t *testing.T) {
	typo := strings.ReplaceAll(read(t), "readonly_root_filesystem", "read_only_root_filesystem")
	s, err := stack.ParseYAMLData([]byte(typo), "", "", true)
	if err != nil || s.Functions["publish-sns"].ReadOnlyRootFilesystem {
		t.Errorf("OpenFaaS's parser = %v, %v; want the key dropped silently, or else Parse has lost its reason", s, err)
	}
}

func TestEnvironmentChoosesRegistryGatewayAndFolder(t *testing.T) {
	for name, value := range map[string]string{
		"REGISTRY": "registry.example.com/team", "TAG": "v7", "OPENFAAS_URL": "https://gateway.example.com", "SETUP": "elsewhere", "LAMBDA_INVOCATION": "request-response",
	} {
		t.Setenv(name, value)
	}
	s, err := Load(stackPath)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Functions["invoke-lambda"]
	got := []string{f.Image, s.Provider.GatewayURL, f.EnvironmentFile[0], f.Environment["LAMBDA_INVOCATION"], f.Environment["GRACE"]}
	want := []string{"registry.example.com/team/invoke-lambda:v7", "https://gateway.example.com", "elsewhere/openfaas/invoke-lambda.yml", "request-response", "30s"}
	if !slices.Equal(got, want) {
		t.Errorf("the stack has %q, want %q", got, want)
	}
}

func TestDeployment(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a.yml": "environment: {A: file, B: file}\n", "b.yml": "environment: {B: later}\n", "typo.yml": "environments: {A: x}\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := stack.Function{Environment: map[string]string{"A": "own", "C": "own"}, EnvironmentFile: []string{"a.yml", "b.yml"}}
	d, err := Deployment("f", f, folder)
	if err != nil || d.EnvVars["A"] != "file" || d.EnvVars["B"] != "later" || d.EnvVars["C"] != "own" || f.Environment["A"] != "own" {
		t.Errorf("Deployment() has %v, %v; want files over the function's own, the later the stronger", d.EnvVars, err)
	}
	for file, want := range map[string]string{"none.yml": "trustbridge setup writes it", "typo.yml": "field environments not found"} {
		f.EnvironmentFile = []string{file}
		if _, err := Deployment("f", f, folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Deployment() with %s = %v, want %q", file, err, want)
		}
	}
}

func ExampleProblems() {
	s, err := Parse([]byte(`
version: 1.0
provider: {name: openfaas}
functions:
  orders:
    environment: {REQUEST_TIMEOUT: 25s, GRACE: 30s, DRAIN_DELAY: 3s}
    labels: {com.openfaas.scale.max: "20"}
    limits: {memory: 64Mi}
    readonly_root_filesystem: true
`))
	fmt.Println(err, Problems(s))
	// Output: <nil> [orders: label com.openfaas.scale.max: 20 is refused by Community Edition]
}
