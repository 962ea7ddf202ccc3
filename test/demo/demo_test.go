package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built builds the demo and its companions into a folder.
func built(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", folder, ".", "../local/cmd/local", "../local/cmd/lambda-echo", "../../cmd/trustbridge",
		"../../functions/publish-sns", "../../functions/store-dynamodb", "../../functions/invoke-lambda").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return folder
}

func TestDemoOnce(t *testing.T) {
	t.Parallel()
	bin := built(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), "-once")
	cmd.Env = []string{"TMPDIR=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("demo -once: %v\n%s", err, out)
	}
	text := string(out)
	for _, phase := range []string{
		"  1  trust anchor ", "  2  IAM roles ", "  3  profile ", "  4  Destination service ", "  5  application signs ", "  6  Roles Anywhere ",
		"  7  credentials ", "  8  SNS ",
	} {
		if !strings.Contains(text, phase) {
			t.Errorf("the demo does not show the phase %q:\n%s", phase, text)
		}
	}
	for _, proof := range []string{"12345678901234567890.10", "traceparent          00-7c1f", "All 5 events that were accepted are in the queue.",
		"TotalNetAmount: N 12345678901234567890.1}", "AWS will accept the certificate.", "after its handshake, with a password: 204", "Kyma                 binary, within the cluster: 204", "All three far ends have what was sent."} {
		if !strings.Contains(text, proof) {
			t.Errorf("the demo does not show %q:\n%s", proof, text)
		}
	}
	checkTranscript(t, text)
	left, err := os.ReadDir(strings.TrimPrefix(cmd.Env[0], "TMPDIR="))
	if err != nil || len(left) != 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

func TestDemoFailsIfAStepFails(t *testing.T) {
	t.Parallel()
	bin := built(t)
	for _, program := range []string{"publish-sns", "trustbridge"} { // from the later to the earlier
		if err := os.Remove(filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"), "-once")
		cmd.Env, cmd.Stderr = []string{"TMPDIR=" + t.TempDir()}, &stderr
		if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), program) {
			t.Errorf("demo without %s: %v, %s; want an error that names it", program, err, stderr.String())
		}
	}
}
