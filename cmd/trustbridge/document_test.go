package main

import (
	"crypto/x509"
	"encoding/pem"
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
	for _, b := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
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

func TestPageHasThePinnedRoot(t *testing.T) {
	if !strings.Contains(page(t), "`"+setup.SAPRoot+"`") {
		t.Errorf("docs/setup.md does not show %s", setup.SAPRoot)
	}
}
