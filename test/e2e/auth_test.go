package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/trustbridge/trustbridge/test/local"
)

// sendAs posts a small event with the user and password, none if user is "".
func (s *system) sendAs(id, user, password string) reply {
	s.t.Helper()
	header := map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-id": id, "ce-source": "/default/sap.s4.beh/731904412",
		"ce-type": "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
	}
	if user != "" {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		header["authorization"] = r.Header.Get("Authorization")
	}
	return s.post(header, []byte(`{"SalesOrder":"7000412"}`))
}

// ask sends a request without body and password and returns the answer.
func (s *system) ask(method, path string, header map[string]string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, strings.TrimSuffix(s.url(), "/")+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		s.t.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header}
}

// usersLine is a line of htpasswd, with the cost that its default is.
func usersLine(t *testing.T, user, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 5)
	if err != nil {
		t.Fatal(err)
	}
	return user + ":" + string(hash) + "\n"
}

// TestBasicAuthentication runs a function that only users of a file may send to, and changes the file under it.
func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	users := filepath.Join(s.folder, "users")
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(users+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(users+".new", users); err != nil {
			t.Fatal(err)
		}
	}
	put(usersLine(t, "eventmesh", "first-secret"))
	s.start("AUTH=basic", "AUTH_BASIC_USERS_PATH="+users, "WEBHOOK_ORIGINS=eventmesh.example.com")

	for name, tc := range map[string]struct{ user, password, reason string }{
		"without":      {"", "", "no-credentials"},
		"wrong":        {"eventmesh", "guessed-secret", "wrong-credentials"},
		"unknown user": {"stranger", "first-secret", "wrong-credentials"},
	} {
		answer := s.sendAs("refused", tc.user, tc.password)
		if answer.status != 401 || answer.header.Get("WWW-Authenticate") != `Basic realm="trustbridge", charset="UTF-8"` ||
			answer.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(answer.body), `"reason":"`+tc.reason+`"`) {
			t.Errorf("%s: %d %v %s, want 401 %s with the challenge", name, answer.status, answer.header, answer.body, tc.reason)
		}
	}
	for range 2 { // the second time it is remembered
		if answer := s.sendAs("accepted", "eventmesh", "first-secret"); answer.status != 204 {
			t.Errorf("with the password: %d %s, want 204", answer.status, answer.body)
		}
	}

	put(usersLine(t, "eventmesh", "second-secret"))
	if answer := s.sendAs("rotated", "eventmesh", "second-secret"); answer.status != 204 {
		t.Errorf("with the new password: %d %s, want 204 without a restart", answer.status, answer.body)
	}
	if answer := s.sendAs("refused", "eventmesh", "first-secret"); answer.status != 401 {
		t.Errorf("with the old password: %d, want 401", answer.status)
	}
	put("eventmesh:third-secret\n")
	if a, b := s.sendAs("refused", "eventmesh", "third-secret"), s.sendAs("kept", "eventmesh", "second-secret"); a.status != 401 || b.status != 204 {
		t.Errorf("by a bad file: %d, and %d by the one before; want 401 and 204", a.status, b.status)
	}

	s.checkHandshake()
	for _, path := range []string{"/healthz", "/readyz", "/_/health", "/_/ready"} {
		if answer := s.ask(http.MethodGet, path, nil); answer.status != 200 {
			t.Errorf("GET %s = %d, want 200 without a password", path, answer.status)
		}
	}

	arrived := map[string]int{}
	for _, m := range s.stand.AWS.Messages(s.QueueARN) {
		arrived[m.Attributes["ce-id"].Value]++
	}
	if arrived["accepted"] != 2 || arrived["rotated"] != 1 || arrived["kept"] != 1 || len(arrived) != 3 {
		t.Errorf("arrived: %v, want what was let in and nothing else", arrived)
	}
	if code := s.fn.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if lines := s.fn.find("the users file cannot be used", "line 1: the hash is not one of bcrypt"); len(lines) != 1 {
		t.Errorf("the log names the bad file in %q, want one line", lines)
	}
	if strings.Contains(s.fn.log(), "-secret") || strings.Contains(s.fn.log(), "AUTH=none") {
		t.Error("the log shows a password, or speaks of AUTH=none")
	}
}

// checkHandshake asks as senders of webhooks do, without a password.
func (s *system) checkHandshake() {
	s.t.Helper()
	asked := map[string]string{
		"WebHook-Request-Origin": "EventMesh.example.com", "WebHook-Request-Rate": "120", "WebHook-Request-Callback": s.url() + "callback",
		"Origin": "https://eventmesh.example.com", "Access-Control-Request-Method": "POST",
	}
	answer := s.ask(http.MethodOptions, "/", asked)
	if answer.status != 200 || answer.header.Get("WebHook-Allowed-Origin") != "EventMesh.example.com" || answer.header.Get("WebHook-Allowed-Rate") != "*" ||
		answer.header.Get("Allow") != "POST" || answer.header.Get("Access-Control-Allow-Origin") != "" {
		s.t.Errorf("handshake: %d %v, want 200 with the origin and any rate, and nothing of CORS", answer.status, answer.header)
	}
	asked["WebHook-Request-Origin"] = "mail.example.com"
	if answer := s.ask(http.MethodOptions, "/", asked); answer.status != 403 || answer.header.Get("WebHook-Allowed-Origin") != "" {
		s.t.Errorf("handshake of another origin: %d %v, want 403 and no permission", answer.status, answer.header)
	}
	if answer := s.ask(http.MethodOptions, "/", nil); answer.status != 405 || answer.header.Get("Allow") != "POST" {
		s.t.Errorf("OPTIONS: %d %v, want 405 that allows POST", answer.status, answer.header)
	}
	if lines := s.fn.find("webhook handshake refused", "mail.example.com"); len(lines) != 1 {
		s.t.Errorf("the log names the refused origin in %q, want one line", lines)
	}
}

// TestABadUsersFileExits2 and names the line, not what is in it.
func TestABadUsersFileExits2(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	users := filepath.Join(s.folder, "users")
	if err := os.WriteFile(users, []byte("# senders\neventmesh:plain-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment, err := s.Environment("publish-sns", s.folder)
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "publish-sns", append(environment, "AUTH=basic", "AUTH_BASIC_USERS_PATH="+users, "WEBHOOK_ORIGINS=*"))
	if code := p.wait(10 * time.Second); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, text := range []string{"AUTH_BASIC_USERS_PATH cannot be used: read users: " + users + ": line 2: the hash is not one of bcrypt", `WEBHOOK_ORIGINS has "*"`} {
		if !strings.Contains(p.log(), text) {
			t.Errorf("the output does not say %q:\n%s", text, p.log())
		}
	}
	if strings.Contains(p.log(), "plain-secret") {
		t.Errorf("the output shows what is in the file:\n%s", p.log())
	}
}
