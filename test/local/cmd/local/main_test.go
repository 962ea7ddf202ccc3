package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/local"
)

func TestRunDescribesAndAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-folder", t.TempDir(), "-bits", "2048"}, write) }()

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

func TestRunRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"no folder": nil, "an argument": {"-folder", "x", "y"}, "an unknown flag": {"-nonsense"},
		"all interfaces": {"-folder", t.TempDir(), "-bits", "2048", "-aws", "0.0.0.0:0"}, "control beyond loopback": {"-folder", t.TempDir(), "-bits", "2048", "-control", ":0"},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil || strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%s: run(%v) = %v, want an error", name, args, err)
		}
	}
}
