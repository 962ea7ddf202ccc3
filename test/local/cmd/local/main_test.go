package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/local"
)

func TestRunDescribesAndAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-folder", t.TempDir(), "-bits", "2048"}, write)
		_ = write.CloseWithError(err) // so that nobody waits for what will not come
		ended <- err
	}()

	var d local.Description
	if err := json.NewDecoder(read).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if len(d.Environments["invoke-lambda"]) < 10 || d.AccessKeyID == "" || len(d.Steps) != 5 {
		t.Errorf("the description is %+v, want environment, keys and steps", d)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.ControlURL+"/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	var asked local.Requests
	if err := errors.Join(json.NewDecoder(response.Body).Decode(&asked), response.Body.Close()); err != nil || len(asked.AWS)+len(asked.BTP) != 0 {
		t.Errorf("the requests are %+v (%v), want none yet", asked, err)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil when it is told to end", err)
	}
}

// TestBareMakesStacks: with -bare there is a service key and nothing in AWS, until a stack is made.
func TestBareMakesStacks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	folder := filepath.Join(t.TempDir(), "new", "folder")
	go func() {
		err := run(ctx, []string{"-folder", folder, "-bare"}, write)
		_ = write.CloseWithError(err) // so that nobody waits for what will not come
		ended <- err
	}()
	var d local.Description
	if err := json.NewDecoder(read).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.ServiceKeyPath); err != nil || len(d.Environments)+len(d.Steps) != 0 {
		t.Errorf("the description is %+v (%v), want a service key, no environments and no steps", d, err)
	}
	for body, want := range map[string]string{
		`{"TemplateBody":"Parameters: {N: {Type: String}}\nResources: {T: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Ref N}}}\nOutputs: {A: {Value: !Ref T}}",` +
			`"Parameters":[{"ParameterKey":"N","ParameterValue":"orders"}]}`: `"A":"arn:aws:sns:eu-central-1:111122223333:orders"`,
		`{"TemplateBody":"Resources: {T: {Type: 'AWS::Other::Thing'}}"}`:                                                         "AWS::Other::Thing",
		`{"TemplateBody":"","Parameters":[{"ParameterKey":"N","ParameterValue":"a"},{"ParameterKey":"N","ParameterValue":"b"}]}`: "the parameter N is given twice",
		`{"TemplateBody":`: "read the stack",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.ControlURL+"/stacks", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || !strings.Contains(string(answer), want) || (response.StatusCode == http.StatusOK) != strings.HasPrefix(want, `"A"`) {
			t.Errorf("POST /stacks of %s = %d %s (%v), want %s", body, response.StatusCode, answer, err, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil when it is told to end", err)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"no folder": nil, "a file in the place of the folder": {"-folder", "main.go/x"}, "an argument": {"-folder", "x", "y"}, "an unknown flag": {"-nonsense"},
		"all interfaces": {"-folder", t.TempDir(), "-bits", "2048", "-aws", "0.0.0.0:0"}, "control beyond loopback": {"-folder", t.TempDir(), "-bits", "2048", "-control", ":0"},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil || strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%s: run(%v) = %v, want an error", name, args, err)
		}
	}
}
