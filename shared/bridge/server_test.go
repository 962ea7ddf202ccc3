package bridge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// slow is a sink that accepts after a time, or never.
type slow struct {
	after time.Duration
	mu    sync.Mutex
	took  int
}

func (*slow) Limits() forward.Limits { return forward.Limits{Items: 10} }

func (*slow) Prepare(*event.Event, string) (forward.Item, error) { return forward.Item{Size: 1}, nil }

func (s *slow) Send(ctx context.Context, items []forward.Item) []error {
	wait := time.NewTimer(s.after)
	defer wait.Stop()
	errs := make([]error, len(items))
	select {
	case <-wait.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.took += len(items)
	case <-ctx.Done():
		for i := range errs {
			errs[i] = &forward.Error{Op: "send", Kind: forward.Unavailable, Err: ctx.Err()}
		}
	}
	return errs
}

// noIdentity needs none.
type noIdentity struct{ ran, closed bool }

func (n *noIdentity) run(ctx context.Context) { n.ran = true; <-ctx.Done() }
func (n *noIdentity) close()                  { n.closed = true }

// serving is a server at work in a bubble.
type serving struct {
	t        *testing.T
	network  virtual.Network
	listener net.Listener
	stop     context.CancelFunc
	ended    chan error
	log      bytes.Buffer
}

func startServer(t *testing.T, sink forward.Sink, change func(*Config)) *serving {
	t.Helper()
	var config Config
	load(settingsOf(&config), good())
	change(&config)
	v := &serving{t: t, ended: make(chan error, 1)}
	v.listener = v.network.Listen("fn:80")
	log := telemetry.NewLogger(&v.log, slog.LevelInfo)
	counters := &telemetry.Counters{}
	f := forward.New(sink, forward.Config{Logger: log, Counters: counters})
	s := &server{
		name: "test", config: &config, log: log, counters: counters, listener: v.listener, forwarder: f, identity: &noIdentity{},
		health: &health{next: ingress.New(ingress.Config{Forwarder: f, RequestTimeout: config.Server.Timeout, Logger: log, Counters: counters})},
	}
	ctx, stop := context.WithCancel(t.Context())
	v.stop = stop
	go func() {
		v.ended <- s.serve(ctx)
		s.close()
	}()
	synctest.Wait()
	return v
}

// end waits for the server and returns what serve returned.
func (v *serving) end() error {
	err := <-v.ended
	synctest.Wait()
	return err
}

func (v *serving) ask(method, path, body string) (int, http.Header, string) {
	r, err := http.NewRequestWithContext(v.t.Context(), method, "http://fn"+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/x", "Ce-Type": "t",
	} {
		r.Header.Set(name, value)
	}
	response, err := v.network.Client().Do(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		v.t.Error(err)
	}
	return response.StatusCode, response.Header, string(text)
}

func TestHealth(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		v := startServer(t, &slow{}, func(c *Config) { c.Server.DrainDelay = 3 * time.Second })
		for _, path := range []string{"/healthz", "/readyz", "/_/health", "/_/ready"} {
			if status, _, body := v.ask(http.MethodGet, path, ""); status != 200 || body != "ok\n" {
				t.Errorf("GET %s = %d %q, want 200 ok", path, status, body)
			}
			if status, header, _ := v.ask(http.MethodPost, path, "{}"); status != 405 || header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST %s = %d, Allow %q; want 405: no event may be lost in a probe", path, status, header.Get("Allow"))
			}
		}
		for _, path := range []string{"/", "/anything/else", "/healthz/"} {
			if status, _, body := v.ask(http.MethodPost, path, "{}"); status != 204 {
				t.Errorf("POST %s = %d %s, want 204", path, status, body)
			}
		}
		v.stop()
		synctest.Wait()
		for path, want := range map[string]int{"/healthz": 200, "/_/health": 200, "/readyz": 503, "/_/ready": 503} {
			if status, _, _ := v.ask(http.MethodGet, path, ""); status != want {
				t.Errorf("GET %s while draining = %d, want %d", path, status, want)
			}
		}
		if status, _, body := v.ask(http.MethodPost, "/", "{}"); status != 204 {
			t.Errorf("POST in the drain delay = %d %s, want 204", status, body)
		}
		if err := v.end(); err != nil {
			t.Errorf("serve() = %v, want nil", err)
		}
	})
}

// TestDrainingClosesConnections: a client that keeps its connection would go on sending here.
func TestDrainingClosesConnections(t *testing.T) {
	h := &health{next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}
	for _, draining := range []bool{false, true} {
		h.draining.Store(draining)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		if got := w.Header().Get("Connection") == "close"; got != draining {
			t.Errorf("draining %t: Connection: close is %t", draining, got)
		}
	}
}

func TestDrainAnswersWhatIsInFlight(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		sink := &slow{after: 10 * time.Second}
		v := startServer(t, sink, func(c *Config) { c.Server.DrainDelay, c.Server.Grace = 3*time.Second, 30*time.Second })
		var wg sync.WaitGroup
		wg.Go(func() {
			if status, _, body := v.ask(http.MethodPost, "/", "{}"); status != 204 {
				t.Errorf("the request in flight = %d %s, want 204", status, body)
			}
		})
		synctest.Wait()
		began := time.Now()
		v.stop()
		if err := v.end(); err != nil {
			t.Errorf("serve() = %v, want nil", err)
		}
		wg.Wait()
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("the drain took %v, want the 10s of the call in flight", took)
		}
		if status, _, _ := v.ask(http.MethodPost, "/", "{}"); status != 0 {
			t.Errorf("a request after the end = %d, want none", status)
		}
		if !strings.Contains(v.log.String(), `"msg":"stopped"`) || !strings.Contains(v.log.String(), `"events_accepted":1`) {
			t.Errorf("the log's last word is not the counters:\n%s", v.log.String())
		}
	})
}

// TestDrainEndsByTheGracePeriod: from SIGTERM on, every deadline is at most SIGTERM + GRACE − 2 s.
func TestDrainEndsByTheGracePeriod(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		sink := &slow{after: time.Hour}
		v := startServer(t, sink, func(c *Config) { c.Server.Grace, c.Server.Timeout = 10*time.Second, 15*time.Minute })
		began := time.Now()
		var wg sync.WaitGroup
		for _, delay := range []time.Duration{0, 2 * time.Second} { // before SIGTERM, and in the drain delay
			wg.Go(func() {
				time.Sleep(delay)
				status, header, body := v.ask(http.MethodPost, "/", "{}")
				if status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, "shutting down") {
					t.Errorf("the request = %d %s, want 503, to be sent again", status, body)
				}
				if took := time.Since(began); took != 8*time.Second {
					t.Errorf("answered %v after SIGTERM, want 8s", took)
				}
			})
		}
		synctest.Wait()
		v.stop()
		if err := v.end(); err != nil {
			t.Errorf("serve() = %v, want nil", err)
		}
		wg.Wait()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end came %v after SIGTERM, want it within the grace period of 10s", took)
		}
	})
}

// TestDrainAnswersWhoIsStillSending: a body on its way is no reason to break the deadline, nor to say nothing.
func TestDrainAnswersWhoIsStillSending(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		v := startServer(t, &slow{}, func(c *Config) { c.Server.Grace, c.Server.Timeout = 10*time.Second, 15*time.Minute })
		began := time.Now()
		body, sending := io.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://fn/", body)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/cloudevents+json")
			response, err := v.network.Client().Do(r)
			if err != nil {
				t.Errorf("no answer: %v", err)
				return
			}
			text, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Error(err)
			}
			if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !strings.Contains(string(text), "send it again") {
				t.Errorf("the request = %d %s, want 503, to be sent again", response.StatusCode, text)
			}
			if took := time.Since(began); took != 8*time.Second {
				t.Errorf("answered %v after SIGTERM, want 8s", took)
			}
		})
		if _, err := sending.Write([]byte(`{"specversion"`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		v.stop()
		if err := v.end(); err != nil {
			t.Errorf("serve() = %v, want nil", err)
		}
		_ = sending.Close()
		wg.Wait()
		if !strings.Contains(v.log.String(), `"level":"WARN","msg":"request refused"`) {
			t.Errorf("the log does not warn of the request that was ended:\n%s", v.log.String())
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end came %v after SIGTERM, want it within the grace period of 10s", took)
		}
	})
}

// TestSilentConnectionsEnd: one that never finishes its headers, and one that has nothing more to ask.
func TestSilentConnectionsEnd(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		v := startServer(t, &slow{}, func(*Config) {})
		for start, want := range map[string]time.Duration{
			"POST / HTTP/1.1\r\nHost: fn\r\n":           10 * time.Second,
			"GET /healthz HTTP/1.1\r\nHost: fn\r\n\r\n": 2 * time.Minute,
		} {
			c, err := v.network.Dial(t.Context(), "tcp", "fn:80")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, start); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("read: %v", err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("after %q the connection ended in %v, want %v", start, took, want)
			}
			_ = c.Close()
		}
		v.stop()
		if err := v.end(); err != nil {
			t.Errorf("serve() = %v, want nil", err)
		}
	})
}

// TestBrokenListenerAnswersWhatCame: that nothing more can come is no reason to drop what has.
func TestBrokenListenerAnswersWhatCame(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		v := startServer(t, &slow{after: 10 * time.Second}, func(*Config) {})
		var wg sync.WaitGroup
		wg.Go(func() {
			if status, _, body := v.ask(http.MethodPost, "/", "{}"); status != 204 {
				t.Errorf("the request in flight = %d %s, want 204", status, body)
			}
		})
		synctest.Wait()
		began := time.Now()
		_ = v.listener.Close()
		if err := v.end(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve() = %v, want %v", err, net.ErrClosed)
		}
		wg.Wait()
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("the end came after %v, want no delay beyond the call in flight", took)
		}
		v.stop()
	})
}

func TestBrokenListenerIsAnError(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var config Config
		load(settingsOf(&config), good())
		f := forward.New(&slow{}, forward.Config{})
		id := &noIdentity{}
		s := &server{
			config: &config, log: slog.New(slog.DiscardHandler), listener: brokenListener{}, forwarder: f, identity: id,
			health: &health{next: http.NotFoundHandler()},
		}
		if err := s.serve(t.Context()); !errors.Is(err, errBroken) {
			t.Errorf("serve() = %v, want %v", err, errBroken)
		}
		s.close()
		if !id.ran || !id.closed {
			t.Errorf("the identity ran: %t, was closed: %t; want both", id.ran, id.closed)
		}
	})
}

var errBroken = errors.New("broken")

type brokenListener struct{}

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }
