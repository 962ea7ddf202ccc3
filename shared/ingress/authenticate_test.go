package ingress

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// gate is an Authenticator that always gives one verdict: a word, and after = what it asks to wait.
type gate string

func (g gate) Authenticate(*http.Request) error {
	word, wait, _ := strings.Cut(string(g), "=")
	e := &AuthError{Challenge: `Basic realm="trustbridge"`, Reason: word, Detail: "the gate says so"}
	e.RetryAfter, _ = time.ParseDuration(wait)
	switch word {
	case "open":
		return nil
	case "unknown":
		e.Status = http.StatusUnauthorized
	case "forbidden":
		e.Status = http.StatusForbidden
	case "undecided":
		e.Status = http.StatusServiceUnavailable
	default:
		return errors.New("the gate is broken: " + word)
	}
	return e
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func (unread) Close() error { return nil }

func TestNothingOfABodyIsReadBeforeItsSenderIsLetIn(t *testing.T) {
	for name, tc := range map[string]struct {
		method, header string
		verdict        gate
		want           int
	}{
		"unknown":           {http.MethodPost, "", "unknown", 401},
		"forbidden":         {http.MethodPost, "", "forbidden", 403},
		"undecided":         {http.MethodPost, "", "undecided", 503},
		"handshake":         {http.MethodOptions, "a.example", "unknown", 200},
		"refused handshake": {http.MethodOptions, "b.example", "unknown", 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tc.method, "/", unread{t})
		r.ContentLength = 10
		r.Header.Set("Ce-Specversion", "1.0")
		if tc.header != "" {
			r.Header.Set(requestOrigin, tc.header)
		}
		w := httptest.NewRecorder()
		events := &recorder{}
		newHarness(Config{Forwarder: events, Authenticator: tc.verdict, WebhookOrigins: []string{"a.example"}}).handler.ServeHTTP(w, r)
		if w.Code != tc.want || w.Header().Get("Connection") != "close" || len(events.events) != 0 {
			t.Errorf("%s: %d, Connection %q, %d events; want %d, close, none", name, w.Code, w.Header().Get("Connection"), len(events.events), tc.want)
		}
	}
}

// TestARefusedSenderIsNotWaitedFor: net/http would read what is left of a small body before it answers, and after that.
func TestARefusedSenderIsNotWaitedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		raw  string
		want int
	}{
		"unknown":      {eventHead("10") + "1", http.StatusUnauthorized},
		"other method": {strings.Replace(eventHead("10"), "POST", "PUT", 1) + "1", http.StatusMethodNotAllowed},
		"handshake":    {strings.Replace(eventHead("10", requestOrigin+": x"), "POST", "OPTIONS", 1) + "1", http.StatusForbidden},
	} {
		virtual.Run(t, func(t *testing.T) {
			c := converse(t, newHarness(Config{Forwarder: &recorder{}, Authenticator: gate("unknown")}), nil)
			start := time.Now()
			c.write(t, tc.raw)
			answer := c.want(t, tc.want, "", "")
			if took := time.Since(start); took != 0 || !answer.closed {
				t.Errorf("%s: the answer took %v and closed is %t, want it at once, and the connection closed", name, took, answer.closed)
			}
			const linger = 500 * time.Millisecond // of net/http, on a connection whose sender may still be sending; it is not always there
			if _, err := c.reader.ReadByte(); !errors.Is(err, io.EOF) || time.Since(start) > leaveTime+linger {
				t.Errorf("%s: the connection ended after %v (%v), want its end after at most %v", name, time.Since(start), err, leaveTime+linger)
			}
		})
	}
}

// TestOnlyWhoIsLetInIsToldToContinue: a sender that asks before it sends is told to go on only if it is let in.
func TestOnlyWhoIsLetInIsToldToContinue(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for verdict, want := range map[gate]string{"unknown": "HTTP/1.1 401 Unauthorized\r\n", "open": "HTTP/1.1 100 Continue\r\n"} {
			c := converse(t, newHarness(Config{Forwarder: &recorder{}, Authenticator: verdict}), nil)
			c.write(t, eventHead("2", "Content-Type: application/json", "Expect: 100-continue"))
			if line, err := c.reader.ReadString('\n'); err != nil || line != want {
				t.Errorf("%s: first line %q (%v), want %q", verdict, line, err, want)
			}
			if verdict == "open" {
				_, _ = c.reader.ReadString('\n') // the empty line
				c.write(t, "{}")
				c.want(t, http.StatusNoContent, "", "")
			} else {
				_, _ = io.Copy(io.Discard, c.reader)
			}
		}
	})
}

// slowGate does not decide before the request's time is over.
type slowGate struct{}

func (slowGate) Authenticate(r *http.Request) error {
	<-r.Context().Done()
	return r.Context().Err()
}

func TestADecisionHasTheTimeOfItsRequest(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(Config{Forwarder: &recorder{}, Authenticator: slowGate{}, RequestTimeout: 25 * time.Second})
		c := converse(t, h, nil)
		start := time.Now()
		c.write(t, eventHead("2")+"{}")
		c.want(t, http.StatusServiceUnavailable, "10", `"reason":"undecided"`)
		if took := time.Since(start); took != 24*time.Second {
			t.Errorf("the answer took %v, want 24s", took)
		}
		synctest.Wait()
		if h.log.Count("deadline exceeded") != 1 {
			t.Errorf("the log does not say once why it was not decided:\n%s", h.log)
		}
	})
}

func TestOriginsAreLoggedOnceAndShort(t *testing.T) {
	h := newHarness(Config{Forwarder: &recorder{}, WebhookOrigins: []string{"A.example"}})
	shake := func(origin string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodOptions, "/", nil)
		r.Header.Set(requestOrigin, origin)
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 3 {
		for origin, want := range map[string]int{"a.EXAMPLE": 200, strings.Repeat("x", 300): 403, "B.example": 403, "b.example": 403} {
			if got := shake(origin); got != want {
				t.Errorf("handshake of %s = %d, want %d", origin, got, want)
			}
		}
	}
	for i := range 1100 { // more than are remembered
		shake(strings.Repeat("y", i+1))
	}
	log := h.log.String()
	if n := strings.Count(log, "granted"); n != 1 {
		t.Errorf("%d lines of granted handshakes, want 1", n)
	}
	if n := strings.Count(strings.ToLower(log), "origin=b.example"); n != 1 {
		t.Errorf("%d lines of b.example, want 1", n)
	}
	if strings.Contains(log, strings.Repeat("x", 257)) || !strings.Contains(log, strings.Repeat("x", 256)) {
		t.Error("a long origin does not stand in the log clipped to 256 bytes")
	}
	if n := strings.Count(log, "handshake refused"); n > 1000 {
		t.Errorf("%d refused handshakes are logged, want at most 1000", n)
	}
}
