package rolesanywhere

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// stage is a provider in front of a fake service, in a bubble.
type stage struct {
	*Provider
	service  *service
	source   *source
	log      *record
	counters *telemetry.Counters
}

// newStage must run in a bubble; all it starts ends with the test.
func newStage(t *testing.T, change func(*Config)) *stage {
	t.Helper()
	fixtureYear()
	network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &stage{service: &service{lifetime: time.Hour}, source: &source{identity: ecIdentity(t)}, log: new(record), counters: new(telemetry.Counters)}
	server := &http.Server{Handler: s.service, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(network)
	}()
	transport := &http.Transport{DialContext: network.dial, DisableKeepAlives: true}
	c := Config{
		TrustAnchorARN: anchorARN, ProfileARN: profileARN, RoleARN: roleARN, Source: s.source, Endpoint: "http://127.0.0.1",
		HTTPClient: &http.Client{Transport: transport}, Counters: s.counters,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Provider = p
	t.Cleanup(func() {
		p.Close()
		_ = server.Close()
		<-served
	})
	return s
}

// record is a log in memory.
type record struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) count(part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.text.String(), part)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
