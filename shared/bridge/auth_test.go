package bridge

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// usersFile is a users file of em with the password U*U, and its path.
// Source: https://github.com/openwall/crypt_blowfish (test vectors in wrapper.c).
func usersFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte("em:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProblemsOfWhoMaySend(t *testing.T) {
	good := usersFile(t)
	bad := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(bad, []byte("# senders\nem:hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		changes map[string]string
		want    []string // each a part of one problem, in order
	}{
		"basic":                 {map[string]string{"AUTH": "basic", "AUTH_BASIC_USERS_PATH": good}, nil},
		"basic, blanks":         {map[string]string{"AUTH": " basic , basic ", "AUTH_BASIC_USERS_PATH": good}, nil},
		"origins":               {map[string]string{"WEBHOOK_ORIGINS": "eventmesh.example.com, B.example:443"}, nil},
		"jwt":                   {map[string]string{"AUTH": "jwt"}, []string{`AUTH is "jwt"; this version does not have jwt yet; possible are none, alone, and basic`}},
		"basic or later ones":   {map[string]string{"AUTH": "basic,jwt,mtls", "AUTH_BASIC_USERS_PATH": good}, []string{`AUTH is "basic,jwt,mtls"; this version does not have jwt and mtls yet`}},
		"unknown":               {map[string]string{"AUTH": "Basic,digest"}, []string{`AUTH is "Basic,digest"; there is no "Basic" and no "digest"; possible`}},
		"empty element":         {map[string]string{"AUTH": "basic,", "AUTH_BASIC_USERS_PATH": good}, []string{`AUTH is "basic,"; there is no ""`}},
		"none and basic":        {map[string]string{"AUTH": "basic,none", "AUTH_BASIC_USERS_PATH": good}, []string{`AUTH is "basic,none"; none lets in everyone, so it stands alone`}},
		"basic without users":   {map[string]string{"AUTH": "basic"}, []string{"AUTH_BASIC_USERS_PATH is not set, but AUTH has basic"}},
		"users without basic":   {map[string]string{"AUTH_BASIC_USERS_PATH": good}, []string{"AUTH_BASIC_USERS_PATH and AUTH contradict each other"}},
		"users and no AUTH":     {map[string]string{"AUTH": "", "AUTH_BASIC_USERS_PATH": good}, []string{"AUTH is not set"}},
		"no such file":          {map[string]string{"AUTH": "basic", "AUTH_BASIC_USERS_PATH": "/no/such/file"}, []string{"AUTH_BASIC_USERS_PATH cannot be used: read users: /no/such/file: no such file"}},
		"bad file":              {map[string]string{"AUTH": "basic", "AUTH_BASIC_USERS_PATH": bad}, []string{"AUTH_BASIC_USERS_PATH cannot be used: read users: " + bad + ": line 2: the hash is not one of bcrypt"}},
		"star":                  {map[string]string{"WEBHOOK_ORIGINS": "*"}, []string{`WEBHOOK_ORIGINS has "*": origins are compared as they are`}},
		"pattern":               {map[string]string{"WEBHOOK_ORIGINS": "a.example,*.b.example"}, []string{`WEBHOOK_ORIGINS has "*.b.example"`}},
		"no origin":             {map[string]string{"WEBHOOK_ORIGINS": "a.example,,"}, []string{`WEBHOOK_ORIGINS has "": an origin is not empty`, `WEBHOOK_ORIGINS has "": an origin is not empty`}},
		"origin with a blank":   {map[string]string{"WEBHOOK_ORIGINS": "a.example b.example"}, []string{"an origin has no blanks and only ASCII"}},
		"origin beyond ASCII":   {map[string]string{"WEBHOOK_ORIGINS": "bücher.example"}, []string{"an origin has no blanks and only ASCII"}},
		"several beside others": {map[string]string{"AUTH": "basic", "WEBHOOK_ORIGINS": "*", "GRACE": "4s"}, []string{"GRACE and", "AUTH_BASIC_USERS_PATH is", "WEBHOOK_ORIGINS has"}},
	} {
		got := problemsOf(tc.changes)
		if len(got) != len(tc.want) {
			t.Errorf("%s: problems = %q, want %d", name, got, len(tc.want))
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], tc.want[i]) || strings.Contains(got[i], "hunter2") {
				t.Errorf("%s: problem %d = %q, want it to say %q and to show nothing of the file", name, i, got[i], tc.want[i])
			}
		}
	}
}

func TestWhoMaySendReachesTheIngress(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s, _, _ := built(t, &slow{}, map[string]string{"AUTH": "basic", "AUTH_BASIC_USERS_PATH": usersFile(t), "WEBHOOK_ORIGINS": "a.example, eventmesh.example.com"})
		right, wrong := "Basic ZW06VSpV", "Basic ZW06VSpW" // em:U*U and em:U*V
		for value, want := range map[string]int{"": 401, wrong: 401, right: 204} {
			if got := post(t, s, map[string]string{"Authorization": value}, "{}"); got != want {
				t.Errorf("POST with Authorization %q = %d, want %d", value, got, want)
			}
		}
		for origin, want := range map[string]int{"eventmesh.example.com": 200, "A.example": 200, "b.example": 403} {
			if got := ask(t, s, http.MethodOptions, "/", origin); got != want {
				t.Errorf("handshake of %s = %d, want %d", origin, got, want)
			}
		}
		for _, path := range []string{"/healthz", "/readyz", "/_/health", "/_/ready"} {
			if got := ask(t, s, http.MethodGet, path, ""); got != 200 {
				t.Errorf("GET %s = %d, want 200 without a password", path, got)
			}
		}
		if n := s.counters.Value("handshakes_granted"); n != 2 {
			t.Errorf("%d handshakes granted are counted, want 2", n)
		}
	})
}

// ask sends a request without a password and returns the status of the answer.
func ask(t *testing.T, s *server, method, path, origin string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if origin != "" {
		r.Header.Set("WebHook-Request-Origin", origin)
	}
	w := httptest.NewRecorder()
	s.health.ServeHTTP(w, r)
	return w.Code
}

// TestUsersThatBecomeBadBeforeTheStartAreConfiguration: between the check of the settings and the making of the rooms.
func TestUsersThatBecomeBadBeforeTheStartAreConfiguration(t *testing.T) {
	var c Config
	c.Auth.Auth, c.Auth.BasicUsersPath = "basic", "/no/such/file"
	_, err := Function{Name: "fn", Settings: &own{}}.build(context.Background(), &c, slog.New(slog.DiscardHandler))
	if p, ok := errors.AsType[Problem](err); !ok || p.Names[0] != "AUTH_BASIC_USERS_PATH" || !strings.Contains(p.Reason, "no such file") {
		t.Errorf("build() = %v, want a problem of AUTH_BASIC_USERS_PATH", err)
	}
}

func TestWhatIsSaidOfWhoMaySend(t *testing.T) {
	for name, tc := range map[string]struct {
		auth, address, want string // want "" means nothing
	}{
		"none, everywhere":  {"none", "0.0.0.0", `"level":"WARN","msg":"AUTH=none and the listener is not loopback`},
		"none, loopback":    {"none", "127.0.0.1", ""},
		"basic, everywhere": {"basic", "10.0.0.1", `"level":"INFO","msg":"AUTH=basic and the listener is plain HTTP`},
		"basic, loopback":   {"basic", "::1", ""},
	} {
		var log bytes.Buffer
		var c Config
		c.Auth.Auth = tc.auth
		c.sayWhoMaySend(&net.TCPAddr{IP: net.ParseIP(tc.address), Port: 8080}, telemetry.NewLogger(&log, slog.LevelInfo))
		if got := log.String(); tc.want == "" && got != "" || !strings.Contains(got, tc.want) || strings.Count(got, "\n") > 1 {
			t.Errorf("%s: the log is %q, want %q", name, got, tc.want)
		}
	}
}
