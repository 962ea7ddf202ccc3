package aws

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTemplateHasARoleForEachFunction(t *testing.T) {
	for _, role := range []string{"PublishSnsRole", "StoreDynamodbRole", "InvokeLambdaRole"} {
		if !bytes.Contains(Template, []byte("\n  "+role+":\n")) {
			t.Errorf("the template has no %s", role)
		}
	}
}

// TestTerraformIsWhole: the embedded folder has every file of the module.
func TestTerraformIsWhole(t *testing.T) {
	for _, name := range []string{"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"} {
		if b, err := fs.ReadFile(Terraform, "terraform/"+name); err != nil || len(b) == 0 {
			t.Errorf("terraform/%s: %d bytes, %v", name, len(b), err)
		}
	}
}

// setUp is a folder as `trustbridge setup` writes it, with a file changed or, if text is "", without it.
func setUp(t *testing.T, name, text string) string {
	t.Helper()
	folder := t.TempDir()
	files := map[string]string{
		"parameters.sh": "SubjectLocality='x'\n", "trust-anchor.pem": "x\n",
		"trust-policy-publish-sns.json": "{}", "trust-policy-store-dynamodb.json": "{}", "trust-policy-invoke-lambda.json": "{}",
	}
	files[name] = text
	for name, text := range files {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// create is create.sh on a folder, with the commands of bin before all others.
func create(t *testing.T, bin, folder string) *exec.Cmd {
	t.Helper()
	if _, err := os.Stat("create.sh"); err != nil { // so that go test knows what its result depends on
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "bash", "-c", `PATH="$1:$PATH" exec bash create.sh "$2"`, "bash", bin, folder)
}

// TestCreateRefuses: what is wrong with its folder is said before anything is asked of AWS.
func TestCreateRefuses(t *testing.T) {
	bin := t.TempDir()
	asked := filepath.Join(bin, "asked")
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\necho \"$@\" >>'"+asked+"'\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, text, says string }{
		{"parameters.sh", "", "parameters.sh cannot be read; run trustbridge setup first"},
		{"trust-anchor.pem", "", "trust-anchor.pem cannot be read"},
		{"trust-policy-store-dynamodb.json", "", "trust-policy-store-dynamodb.json cannot be read; run trustbridge setup again"},
		{"parameters.sh", "Name='a\"b'\n", "Name in "}, {"parameters.sh", "Name='ab'\n", "does not match"}, {"parameters.sh", "FunctionName='a b'\n", "FunctionName in "},
		{"parameters.sh", "FunctionAlias=''\n", "FunctionAlias in "}, {"parameters.sh", "FunctionRoleName='a/b'\n", "FunctionRoleName in "},
		{"parameters.sh", "TableSortKey='a\"'\n", "TableSortKey in "}, {"parameters.sh", "TableTtlAttribute=''\n", "TableTtlAttribute in "},
		{"parameters.sh", "AlarmEmail='ops'\n", "AlarmEmail in "},
	} {
		out, err := create(t, bin, setUp(t, tt.file, tt.text)).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "create.sh: ") || !strings.Contains(string(out), tt.says) {
			t.Errorf("with %s %q = %v, %s, want an error that says %q", tt.file, tt.text, err, out, tt.says)
		}
	}
	if b, err := os.ReadFile(asked); err == nil {
		t.Errorf("AWS was asked %s, want nothing", b)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", "create.sh").CombinedOutput(); err == nil || !strings.Contains(string(out), "usage: bash create.sh FOLDER") {
		t.Errorf("without a folder = %v, %s, want its usage", err, out)
	}
}

// TestCreateStops: what AWS refuses ends it, with AWS's words and status.
func TestCreateStops(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte("#!/bin/sh\necho \"refused: $*\" >&2\nexit 254\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := create(t, bin, setUp(t, "", ""))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 254 || string(out) != "refused: sts get-caller-identity --query Arn --output text\n" {
		t.Errorf("create.sh = %v, %s, want it to end at the first call", err, out)
	}
}

func Example() {
	first, _, _ := bytes.Cut(Template, []byte("\n"))
	fmt.Printf("%s\n", first)
	// Output: AWSTemplateFormatVersion: '2010-09-09'
}
