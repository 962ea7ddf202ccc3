package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/command"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// TestTheStandInTakesWhatSetupWrites: template and parameters of the folder make the AWS side, whose outputs fill in every
// place in the environments.
func TestTheStandInTakesWhatSetupWrites(t *testing.T) {
	pki, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	s, err := newScene(pki, folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.http.Close()
	var stderr bytes.Buffer
	code := command.Run(t.Context(), command.Process{
		Args: []string{
			"setup", "--service-key", filepath.Join(folder, "service-key.json"), "--folder", folder, "--destination", "aws-orders", "--create",
			"--accept-root", local.Fingerprint(pki.Root()), "--lambda", "orders",
		},
		Stdout: io.Discard, Stderr: &stderr, Now: clock(),
	})
	if code != 0 {
		t.Fatalf("setup = %d\n%s", code, stderr.String())
	}
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var list []struct{ ParameterKey, ParameterValue string }
	if err := json.Unmarshal(read("parameters.json"), &list); err != nil {
		t.Fatal(err)
	}
	parameters := map[string]string{}
	for _, p := range list {
		parameters[p.ParameterKey] = p.ParameterValue
	}
	cloud := aws.New(aws.Config{})
	defer func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	}()
	arn, err := cloud.CreateFunction("orders", aws.FunctionOptions{Handler: echo})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.CreateAlias(arn, "live", "$LATEST"); err != nil {
		t.Fatal(err)
	}
	made, err := cloud.LoadTemplate(bytes.NewReader(read("template.yaml")), parameters)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"publish-sns.env", "store-dynamodb.env", "invoke-lambda.env"} {
		for _, hole := range regexp.MustCompile(`@[A-Za-z]+@`).FindAllString(string(read(name)), -1) {
			if made.Outputs[strings.Trim(hole, "@")] == "" {
				t.Errorf("%s has %s, and the outputs are %v", name, hole, made.Outputs)
			}
		}
	}
}

func echo(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
