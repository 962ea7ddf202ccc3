package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/setup"
	"github.com/trustbridge/trustbridge/test/local"
)

// page is docs/setup.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/setup.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPageWithoutOurPrograms runs the commands of docs/setup.md for those who may run nothing of ours, as they stand there,
// against the stand-in. It needs curl and openssl.
func TestPageWithoutOurPrograms(t *testing.T) {
	blocks := map[string]string{}
	for _, b := range regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
		for _, mark := range []string{"/oauth/token", "/publicKeys", "AutomaticRenew"} {
			if strings.Contains(b[1], mark) {
				blocks[mark] = b[1]
			}
		}
	}
	pki, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := newScene(pki, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.http.Close()
	if err := os.WriteFile(filepath.Join(dir, "certificate-9.pem"), []byte("of another run"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n" + blocks["/oauth/token"] + blocks["AutomaticRenew"] + blocks["/publicKeys"]
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the commands of the page: %v (curl and openssl are needed)\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "certificate-*.pem"))
	if err != nil || len(files) != 4 {
		t.Fatalf("certificates: %v, %v, want four files\n%s", files, err, out)
	}
	text, err := os.ReadFile(files[3])
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("the last file holds no PEM:\n%s", text)
	}
	last, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !last.Equal(pki.Root()) {
		t.Errorf("the last certificate is %v, %v, want the root", last, err)
	}
	for _, want := range []string{local.Fingerprint(pki.Root()), "CN = trustbridge-aws-orders", "Digital Signature", "TLS Web Client Authentication", s.btp.L()} {
		if !strings.Contains(strings.ReplaceAll(string(out), "CN=", "CN = "), want) {
			t.Errorf("the commands do not show %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), s.secret) || strings.Contains(string(out), "PRIVATE KEY") {
		t.Errorf("the commands show a secret:\n%s", out)
	}
}

// TestPageFillsInFromOutputs runs the commands of docs/setup.md for a second folder beside Terraform's.
func TestPageFillsInFromOutputs(t *testing.T) {
	_, block, found := strings.Cut(page(t), "```bash\nwhile IFS=")
	if !found {
		t.Fatal("docs/setup.md does not fill in a second folder")
	}
	block, _, _ = strings.Cut(block, "```")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"setup-publish-sns/outputs.tsv":                    "TrustAnchorArn\tarn:aws:rolesanywhere:eu-central-1:1:trust-anchor/1\nTableName\torders\n",
		"setup-store-dynamodb/store-dynamodb.env":          "A=@TrustAnchorArn@\nT=@TableName@\n",
		"setup-store-dynamodb/openfaas/store-dynamodb.yml": "T: \"@TableName@\"\n",
		"setup-store-dynamodb/knative/store-dynamodb.yaml": "T: \"@TableName@\"\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -eu\nwhile IFS="+block)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the commands of the page: %v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"store-dynamodb.env": "A=arn:aws:rolesanywhere:eu-central-1:1:trust-anchor/1\nT=orders\n", "openfaas/store-dynamodb.yml": "T: \"orders\"\n", "knative/store-dynamodb.yaml": "T: \"orders\"\n",
	} {
		if text, err := os.ReadFile(filepath.Join(dir, "setup-store-dynamodb", name)); err != nil || string(text) != want {
			t.Errorf("%s = %q (%v), want %q", name, text, err, want)
		}
	}
}

// TestPagesNameTheRole: wherever a page has --lambda, it has the role, without which Lambda refuses the queue, and says that the alias must
// be there.
func TestPagesNameTheRole(t *testing.T) {
	for _, path := range []string{"README.md", "docs/setup.md", "deploy/openfaas/README.md", "deploy/cloudfoundry/README.md", "deploy/knative/README.md"} {
		text, err := os.ReadFile("../../" + path)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Count(string(text), "--lambda orders")
		if with := strings.Count(string(text), "--lambda orders --lambda-role orders-r"); all == 0 || with != all {
			t.Errorf("%s: %d of %d commands with --lambda name the role, want all of at least one", path, with, all)
		}
		if !strings.Contains(string(text), "alias `live` must be there") || !strings.Contains(string(text), "NAME:ALIAS`") {
			t.Errorf("%s does not say that the alias live must be there, or how to name another", path)
		}
		if strings.HasSuffix(path, "openfaas/README.md") && !strings.Contains(string(text), "--filter") {
			t.Errorf("%s does not say how to deploy without invoke-lambda", path)
		}
	}
}

func TestPageHasThePinnedRoot(t *testing.T) {
	if !strings.Contains(page(t), "`"+setup.SAPRoot+"`") {
		t.Errorf("docs/setup.md does not show %s", setup.SAPRoot)
	}
}
