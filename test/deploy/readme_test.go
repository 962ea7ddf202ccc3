package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// block is the one block of commands in a README that has a text, without its indentation.
func block(t *testing.T, readme, text string) string {
	t.Helper()
	content, err := os.ReadFile("../../deploy/" + readme)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range regexp.MustCompile("(?ms)^( *)```bash\n(.*?)^ *```").FindAllStringSubmatch(string(content), -1) {
		if strings.Contains(one[2], text) {
			found = append(found, regexp.MustCompile("(?m)^"+one[1]).ReplaceAllString(one[2], ""))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks with %q, want one", readme, len(found), text)
	}
	return found[0]
}

// run runs commands in a folder, where programs of bin come first.
func run(t *testing.T, folder, commands string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", commands)
	c.Dir, c.Env = folder, append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, output)
	}
}

// TestKymaReadmeCopiesTheSecret runs the lines that copy the binding's Secret, with a kubectl that prints it, and finds the binding.
func TestKymaReadmeCopiesTheSecret(t *testing.T) {
	pki, err := btp.NewPKI(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := btp.New(btp.Config{PKI: pki})
	if err != nil {
		t.Fatal(err)
	}
	b, err := server.Bind(btp.BindingOptions{Name: "destination", X509: true})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	secret, err := b.Write(filepath.Join(folder, "cluster"), btp.MetadataFiles, "https://btp.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	// What kubectl makes of the template: each name and its value in base64, without line ends.
	kubectl := "#!/bin/bash\nset -eu\n[[ \"$*\" == 'get secret -n trustbridge trustbridge-destination -o go-template='* ]]\ncd " + secret +
		"\nfor name in .metadata *; do echo \"$name $(base64 -w0 \"$name\")\"; done\n"
	if err := os.WriteFile(filepath.Join(folder, "bin", "kubectl"), []byte(kubectl), 0o700); err != nil {
		t.Fatal(err)
	}
	copying, rest, found := strings.Cut(block(t, "kyma/README.md", "kubectl get secret"), ")\ngo run ./cmd/trustbridge setup --service-binding-root bindings ")
	if !found || !strings.Contains(rest, "\nrm -r bindings\n") {
		t.Fatal("README.md does not set up with the copy, or does not remove it")
	}
	run(t, folder, copying+")")
	got, err := binding.Find(binding.Sources{Root: filepath.Join(folder, "bindings")})
	if err != nil {
		t.Fatal(err)
	}
	want, err := binding.Find(binding.Sources{Root: filepath.Join(folder, "cluster")})
	if err != nil {
		t.Fatal(err)
	}
	if got.ClientID != want.ClientID || got.ClientID == "" {
		t.Errorf("the copy is of client %q, want %q", got.ClientID, want.ClientID)
	}
	if info, err := os.Stat(filepath.Join(folder, "bindings", "destination", "key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key is there for others: %v, %v", info, err)
	}
}

// TestKymaReadmeExplainsWhatToFillIn: each <your …> stands in README.md, and none is explained that is not there.
func TestKymaReadmeExplainsWhatToFillIn(t *testing.T) {
	form := regexp.MustCompile(`<your [a-z ]+>`)
	var used []string
	files, err := filepath.Glob("../../deploy/kyma/*/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, form.FindAllString(string(text), -1)...)
	}
	text, err := os.ReadFile("../../deploy/kyma/README.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := form.FindAllString(string(text), -1)
	slices.Sort(used)
	slices.Sort(explained)
	if !slices.Equal(slices.Compact(used), explained) {
		t.Errorf("to be filled in are %v, README.md explains %v", slices.Compact(used), explained)
	}
}

// TestCloudFoundryReadmeMakesTheVariables runs the lines that make vars.yml of what setup's script wrote.
func TestCloudFoundryReadmeMakesTheVariables(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "trustbridge-setup"), 0o700); err != nil {
		t.Fatal(err)
	}
	want, outputs := filledIn(), ""
	for name, value := range want {
		if name != "destination" && name != "webhook_origins" {
			outputs += name + "\t" + value + "\n"
		}
	}
	want["webhook_origins"] = ""
	if err := os.WriteFile(filepath.Join(folder, "trustbridge-setup", "outputs.tsv"), []byte(outputs), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, folder, block(t, "cloudfoundry/README.md", ">vars.yml"))
	made, err := os.ReadFile(filepath.Join(folder, "vars.yml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := yaml.Unmarshal(made, &got); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(cloudFoundry)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Holes(text) {
		if value, has := got[name]; !has || value != want[name] {
			t.Errorf("variable %s is %q, want %q", name, value, want[name])
		}
	}
}

// TestCloudFoundryReadmeBuildsWhereTheManifestLooks: the folders of the apps are those that README.md fills.
func TestCloudFoundryReadmeBuildsWhereTheManifestLooks(t *testing.T) {
	commands := block(t, "cloudfoundry/README.md", "go build")
	for _, app := range manifest(t).Applications {
		if folder, _ := filepath.Rel("../..", app.Path); !strings.Contains(strings.ReplaceAll(commands, "$function", app.Name), "-o "+folder+"/ ./functions/"+app.Name+"\n") {
			t.Errorf("README.md does not build %s into %s", app.Name, folder)
		}
	}
}

// TestOutputsAreThoseOfSetup: the keys in the manifest are among those that the scripts of setup fill in.
func TestOutputsAreThoseOfSetup(t *testing.T) {
	template, err := os.ReadFile("../../deploy/aws/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, outputs, found := strings.Cut(string(template), "\nOutputs:")
	if !found {
		t.Fatal("template.yaml has no outputs")
	}
	text, err := os.ReadFile(cloudFoundry)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Holes(text) {
		if name != "destination" && name != "webhook_origins" && !strings.Contains("\n"+outputs, "\n  "+name+":") {
			t.Errorf("((%s)) is no output of template.yaml", name)
		}
	}
}
