package ingress

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// forwarderFunc is a Forwarder that is one function.
type forwarderFunc func(ctx context.Context, events []event.Event, trace string) []error

func (f forwarderFunc) Forward(ctx context.Context, events []event.Event, trace string) []error {
	return f(ctx, events, trace)
}

// recorder is a Forwarder that accepts everything and remembers it.
type recorder struct {
	mu     sync.Mutex // guards what follows
	events []event.Event
	traces []string
}

func (r *recorder) Forward(_ context.Context, events []event.Event, trace string) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	r.traces = append(r.traces, trace)
	return make([]error, len(events))
}

// harness is a handler with everything it writes kept for a test to read.
type harness struct {
	handler  *Handler
	log      *virtual.Log
	counters *telemetry.Counters
}

func newHarness(c Config) *harness {
	h := &harness{log: &virtual.Log{}, counters: &telemetry.Counters{}}
	c.Logger = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	c.Counters = h.counters
	h.handler = New(c)
	return h
}

// address is where the servers of the tests listen, on a network of their own.
const address = "bridge:8080"

// serve runs the real server of net/http around h on a network in memory until the returned function is called.
func serve(h http.Handler, base context.Context) (*virtual.Network, func()) {
	network := &virtual.Network{}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	if base != nil {
		server.BaseContext = func(net.Listener) context.Context { return base }
	}
	listener := network.Listen(address)
	var ended sync.WaitGroup
	ended.Go(func() { _ = server.Serve(listener) })
	return network, func() {
		_ = server.Close()
		ended.Wait()
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	closed bool // the server closes the connection
	body   string
}

// roundTrip writes raw bytes of a request to the server and reads the answer.
func roundTrip(network *virtual.Network, raw string) (answer, error) {
	conn, err := network.Dial(context.Background(), "tcp", address)
	if err != nil {
		return answer{}, err
	}
	var written sync.WaitGroup
	written.Go(func() { _, _ = io.WriteString(conn, raw) }) // the server may answer and hang up before it has read all
	a, err := readAnswer(bufio.NewReader(conn))
	_ = conn.Close()
	written.Wait()
	return a, err
}

func readAnswer(r *bufio.Reader) (answer, error) {
	response, err := http.ReadResponse(r, &http.Request{Method: http.MethodPost})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	return answer{response.StatusCode, response.Header, response.Close, string(body)}, err
}

// request is raw HTTP/1.1: lines are header lines, then the body with its length.
func request(method, target, body string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: bridge\r\n")
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// mustJSON is the event as cloudevent.AppendJSON writes it.
func mustJSON(t testing.TB, e *event.Event) []byte {
	t.Helper()
	document, _, err := cloudevent.AppendJSON(nil, e)
	if err != nil {
		t.Fatalf("write %v as JSON: %v", e, err)
	}
	return document
}
