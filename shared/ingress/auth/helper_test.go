package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// line is a line of a users file, with the least cost that there is.
func line(t testing.TB, name, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return name + ":" + string(hash) + "\n"
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// harness is a Basic with all it says and counts.
type harness struct {
	*Basic
	path     string
	log      *virtual.Log
	counters *telemetry.Counters
}

// newHarness makes a Basic of a new file with that content.
func newHarness(t testing.TB, content string) *harness {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	write(t, path, content)
	return openHarness(t, path)
}

func openHarness(t testing.TB, path string) *harness {
	t.Helper()
	h := &harness{path: path, log: &virtual.Log{}, counters: &telemetry.Counters{}}
	var err error
	h.Basic, err = NewBasic(BasicConfig{UsersPath: path, Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Counters: h.counters})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// as asks for admission with the values of the Authorization header, and returns the status of the verdict: 204 if it is
// to come in.
func (h *harness) as(t testing.TB, values ...string) int {
	t.Helper()
	return statusOf(t, h.Authenticate(requestOf(t, values...)))
}

func requestOf(t testing.TB, values ...string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if values != nil {
		r.Header["Authorization"] = values
	}
	return r
}

func statusOf(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusNoContent
	}
	e, ok := errors.AsType[*ingress.AuthError](err)
	if !ok {
		t.Fatalf("the error is %v, want an AuthError", err)
	}
	return e.Status
}

// checks is a check of passwords that a test watches.
type checks struct {
	mu     sync.Mutex // guards what follows
	hashes []string
	now    int // under way
	most   int // at once
}

// watch puts more before the checks of h, which is called while a check is under way.
func (h *harness) watch(more func()) *checks {
	c := &checks{}
	h.verifier.compare = func(hash, password []byte) error {
		c.mu.Lock()
		c.hashes = append(c.hashes, string(hash))
		c.now++
		c.most = max(c.most, c.now)
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			c.now--
			c.mu.Unlock()
		}()
		more()
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	return c
}

func (c *checks) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.hashes)
}
