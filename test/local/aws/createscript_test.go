//go:build awscli

package aws

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// shell is a folder as `trustbridge setup` writes it, and what runs create.sh on it with the AWS CLI against a stand-in.
type shell struct {
	folder      string
	environment []string
	old         bool // the AWS CLI cannot set what a trust anchor notifies of
}

// writeShell writes the folder. The trust policies are the template's, with the anchor left open.
func writeShell(t *testing.T, s *Server, url string, root testpki.Authority, given map[string]string) shell {
	t.Helper()
	cli, err := exec.LookPath("aws")
	if override := os.Getenv("AWSCLI"); override != "" {
		cli, err = override, nil
	}
	if err != nil {
		t.Fatalf("the AWS CLI is needed: %v (Debian: apt-get install awscli)", err)
	}
	template, err := s.readTemplate(strings.NewReader(deployed(t)), given)
	if err != nil {
		t.Fatal(err)
	}
	out := shell{folder: t.TempDir()}
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(out.folder, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range template.Resources {
		if r.Type != "AWS::IAM::Role" {
			continue
		}
		trust, err := json.Marshal(r.Properties["AssumeRolePolicyDocument"])
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(functionsDeployed(), func(f deployedFunction) bool { return f.role == r.ID })
		write("trust-policy-"+functionsDeployed()[i].name+".json", strings.ReplaceAll(string(trust), s.anchorARN(stack), "@TrustAnchorArn@"), 0o600)
	}
	var variables strings.Builder
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != "TrustAnchorCertificate" {
			variables.WriteString(name + "='" + given[name] + "'\n")
		}
	}
	write("parameters.sh", variables.String(), 0o600)
	write("trust-anchor.pem", strings.ReplaceAll(pemOf(root.Cert), "\n", "\r\n"), 0o600) // as the Destination service has it
	bin := filepath.Join(out.folder, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	// An option, since CLIs before 2.13 do not know AWS_ENDPOINT_URL.
	write("bin/aws", "#!/bin/sh\nexec '"+cli+"' --endpoint-url '"+url+"' \"$@\"\n", 0o700)
	out.environment = append([]string{"HOME=" + out.folder, "PATH=" + bin + ":" + os.Getenv("PATH")}, "AWS_ACCESS_KEY_ID="+s.Seed().AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+s.Seed().SecretAccessKey, "AWS_DEFAULT_REGION=eu-central-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1")
	return out
}

// run runs create.sh and returns its outputs.
func (s *shell) run(t *testing.T) map[string]string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "bash", "../../../deploy/aws/create.sh", s.folder)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.environment, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("create.sh: %v\n%s", err, stderr.String())
	}
	t.Logf("create.sh:\n%s", stderr.String())
	s.old = strings.Contains(stderr.String(), "this AWS CLI is too old")
	out := make(map[string]string)
	for line := range strings.Lines(stdout.String()) {
		key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !found || out[key] != "" {
			t.Errorf("create.sh wrote the line %q, want a name, a tab and a value, once", line)
		}
		out[key] = value
	}
	return out
}

// TestCreateScript: create.sh makes with a real AWS CLI what the template makes, and by what it made each function signs in and
// delivers. Run again it makes nothing.
func TestCreateScript(t *testing.T) {
	root := testpki.Root("root")
	for name, change := range map[string]func(map[string]string){
		"everything":  func(p map[string]string) { p["AlarmEmail"], p["TableSortKey"] = "ops@example.com", "sk" },
		"no function": func(p map[string]string) { delete(p, "FunctionName"); delete(p, "FunctionRoleName") },
	} {
		t.Run(name, func(t *testing.T) {
			given := parameters(root.Cert)
			change(given)
			template, script := serve(t, newServer(t, Config{})), serve(t, newServer(t, Config{}))
			for _, l := range []*lab{template, script} {
				l.root = root
				l.works(t)
			}
			made := template.load(t, deployed(t), given)
			listener := httptest.NewServer(script.Server)
			defer listener.Close()
			shell := writeShell(t, script.Server, listener.URL, root, given)
			outputs := shell.run(t)

			wantKeys, gotKeys := slices.Sorted(maps.Keys(made.Outputs)), slices.Sorted(maps.Keys(outputs))
			if diff := cmp.Diff(wantKeys, gotKeys); diff != "" {
				t.Fatalf("outputs (-template +create.sh):\n%s", diff)
			}
			for _, key := range []string{"TrustAnchorArn", "ProfileArn", "TopicArn", "TableName", "FunctionArn"} { // the others have other names, or another host
				if outputs[key] != made.Outputs[key] {
					t.Errorf("output %s = %q, want %q as the template's", key, outputs[key], made.Outputs[key])
				}
			}
			if want := listener.URL + "/111122223333/" + stack; outputs["QueueUrl"] != want {
				t.Errorf("output QueueUrl = %q, want %q", outputs["QueueUrl"], want)
			}
			roles := func(outputs map[string]string) map[string]string {
				named := make(map[string]string)
				for _, f := range functionsDeployed() {
					if outputs[f.output] != "" {
						named["role of "+f.name] = outputs[f.output]
					}
				}
				return named
			}
			first := script.picture(t, roles(outputs))
			if shell.old {
				if err := template.onAnchor(made.Outputs["TrustAnchorArn"], func(a *anchor) { a.notifications = nil }); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(template.picture(t, roles(made.Outputs)), first); diff != "" {
				t.Errorf("what is there (-template +create.sh):\n%s", diff)
			}

			for _, f := range functionsDeployed() {
				if outputs[f.output] == "" {
					continue
				}
				leaf, issuing := script.subject(locality, f.cn, issuerCN)
				for action, do := range f.calls {
					if err := do(t, script, script.signIn(outputs, f.output, leaf, issuing)); err != nil {
						t.Errorf("%s: %s = %v", f.name, action, err)
					}
				}
			}

			if name != "everything" { // one case is enough to run again: each call of the CLI takes half a second
				return
			}
			requests := script.RequestCount()
			if diff := cmp.Diff(outputs, shell.run(t)); diff != "" {
				t.Errorf("outputs of the second run (-first +second):\n%s", diff)
			}
			if diff := cmp.Diff(first, script.picture(t, roles(outputs))); diff != "" {
				t.Errorf("what is there after the second run (-first +second):\n%s", diff)
			}
			for _, r := range script.Requests()[requests:] {
				if strings.HasPrefix(r.Action, "Create") && r.Action != "CreateTopic" || r.Status >= 300 { // CreateTopic makes none twice
					t.Errorf("the second run: %s %s = %d %s", r.Service, r.Action, r.Status, r.Text)
				}
			}
		})
	}
}
