package deploy

import (
	"errors"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// alone is an environment with which a function starts, though it reaches nobody.
func alone() map[string]string {
	const arn = "arn:aws:rolesanywhere:eu-central-1:111122223333:"
	return map[string]string{
		"ADDRESS": "127.0.0.1", "PORT": "0", "AUTH": "none", "DESTINATION_NAME": "aws-orders", "SNS_TOPIC_ARN": "arn:aws:sns:eu-central-1:111122223333:orders",
		"ROLES_ANYWHERE_TRUST_ANCHOR_ARN": arn + "trust-anchor/11111111-2222-3333-4444-555555555555",
		"ROLES_ANYWHERE_PROFILE_ARN":      arn + "profile/66666666-7777-8888-9999-000000000000", "ROLES_ANYWHERE_ROLE_ARN": "arn:aws:iam::111122223333:role/publish",
		"VCAP_SERVICES": `{"destination":[{"name":"d","credentials":{"clientid":"c","clientsecret":"s","instanceid":"i","url":"https://127.0.0.1:1","uri":"https://127.0.0.1:1"}}]}`,
	}
}

// TestProbes: the paths of Facts answer as a liveness and a readiness probe do, before and while the function ends.
func TestProbes(t *testing.T) {
	f := theFacts(t)
	environment := alone()
	maps.Copy(environment, map[string]string{"GRACE": "12s", "DRAIN_DELAY": "10s"})
	p := start(t, "publish-sns", environment)
	for _, path := range []string{f.Live, f.Ready} {
		if status, body := answer(t, http.MethodGet, p.url+path); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if status, _ := answer(t, http.MethodGet, p.url+"/"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /: %d, want 405: a probe there would be no probe", status)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if status, _ := answer(t, http.MethodGet, p.url+f.Ready); status == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(end) {
			t.Fatal("still ready 5 s after SIGTERM")
		}
	}
	if status, body := answer(t, http.MethodGet, p.url+f.Live); status != http.StatusOK {
		t.Errorf("GET %s while it ends: %d %s", f.Live, status, body)
	}
}

// TestReserve: GRACE must be longer than DRAIN_DELAY by just the Reserve of Facts.
func TestReserve(t *testing.T) {
	f := theFacts(t)
	environment := alone()
	environment["DRAIN_DELAY"], environment["GRACE"] = "2s", (2*time.Second + f.Reserve).String()
	start(t, "publish-sns", environment)
	environment["GRACE"] = (2*time.Second + f.Reserve - time.Millisecond).String()
	refused := exec.CommandContext(t.Context(), filepath.Join(bin, "publish-sns"))
	for name, value := range environment {
		refused.Env = append(refused.Env, name+"="+value)
	}
	output, err := refused.CombinedOutput()
	if exit, is := errors.AsType[*exec.ExitError](err); !is || exit.ExitCode() != 2 || !strings.Contains(string(output), "GRACE and DRAIN_DELAY") {
		t.Errorf("with a millisecond less: %v\n%s", err, output)
	}
}
