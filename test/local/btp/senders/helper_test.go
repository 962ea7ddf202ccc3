package senders

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	deploy "github.com/trustbridge/trustbridge/deploy/btp"
)

// values fill in every file.
func values() Values {
	return Values{
		"your namespace": "nordwind/orders/1", "your endpoint": "https://publish-sns.example/events", "your user": "sap", "your password": `p"\ß`,
		"your client id": "sb-em!b1|x", "your client secret": "s=&", "your token url": "https://login.example/oauth/token",
		"your topic filter": "+/+/+/ce/*", "your host": "publish-sns.example", "your path": "/events", "your source": "/default/sap.s4.beh/TB1CLNT200",
		"your event type": "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
	}
}

// valuesOf are values with some changed.
func valuesOf(changes map[string]string) Values {
	all := values()
	maps.Copy(all, changes)
	return all
}

// kymaValues and hubValues fill in the files whose namespace is another.
func kymaValues() Values { return valuesOf(map[string]string{"your namespace": "integration"}) }
func hubValues() Values  { return valuesOf(map[string]string{"your namespace": "nordwind.aws"}) }

// aemValues has Solace's form of topic filters.
func aemValues() Values { return valuesOf(map[string]string{"your topic filter": "default/*/*/ce/>"}) }

func folder(t *testing.T, name string) fs.FS {
	t.Helper()
	f, err := fs.Sub(deploy.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// orders are n events that every subscription of the files is for.
func orders(n int) []Event {
	var out []Event
	for i := range n {
		out = append(out, Event{
			ID: fmt.Sprintf("id-%d", i), Source: "/default/sap.s4.beh/TB1CLNT200", Type: "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
			Extensions: map[string]any{"sappassport": "2A54"}, Data: json.RawMessage(fmt.Sprintf(`{"SalesOrder":"%d"}`, i)),
		})
	}
	return out
}

// request is what a target got.
type request struct {
	At           time.Duration // since the target was made
	Method, URL  string
	Header       http.Header
	Body         string
	Event        string // id
	trace        string
	inFlightThen int
}

// target is where senders send to: a handler without a network, reached in no time.
type target struct {
	t      *testing.T
	start  time.Time
	answer func(ctx context.Context, r request, n int) (int, error) // n is how often the event came, from 1

	mu       sync.Mutex // guards all below
	got      []request
	times    map[string]int
	inFlight int
}

// newTarget answers events by answer, OPTIONS by agreement, and requests for tokens with one.
func newTarget(t *testing.T, answer func(ctx context.Context, r request, n int) (int, error)) *target {
	return &target{t: t, start: time.Now(), answer: answer, times: make(map[string]int)}
}

func always(status int) func(context.Context, request, int) (int, error) {
	return func(context.Context, request, int) (int, error) { return status, nil }
}

func (g *target) client() *http.Client { return &http.Client{Transport: g} }

// RoundTrip answers a request.
func (g *target) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	one := request{At: time.Since(g.start), Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone(), Body: string(body), Event: eventID(r, body)}
	one.trace = one.Header.Get("Traceparent")
	one.Header.Del("Traceparent") // random
	g.mu.Lock()
	g.inFlight++
	one.inFlightThen = g.inFlight
	g.times[one.Event]++
	n := g.times[one.Event]
	g.got = append(g.got, one)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inFlight--
	}()
	w := httptest.NewRecorder()
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
	case strings.HasSuffix(r.URL.Path, "/oauth/token"):
		_, _ = io.WriteString(w, `{"access_token":"good","expires_in":60}`)
	default:
		status, err := g.answer(r.Context(), one, n)
		if err != nil {
			return nil, err
		}
		w.WriteHeader(status)
	}
	return w.Result(), nil
}

func eventID(r *http.Request, body []byte) string {
	var e struct{ ID string }
	if id := r.Header.Get("Ce-Id"); id != "" {
		return id
	}
	if json.Unmarshal(body, &e) == nil {
		return e.ID
	}
	return ""
}

// events are the requests with events.
func (g *target) events() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []request
	for _, r := range g.got {
		if r.Method != http.MethodOptions && !strings.HasSuffix(r.URL, "/oauth/token") {
			out = append(out, r)
		}
	}
	return out
}

func (g *target) mostInFlight() int {
	most := 0
	for _, r := range g.events() {
		most = max(most, r.inFlightThen)
	}
	return most
}

// wait is a handler that takes its time, unless the sender ends the request first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makers make each sender from the shipped files.
func makers() map[string]func(t *testing.T, o Options) *Sender {
	must := func(t *testing.T, s *Sender, err error) *Sender {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return map[string]func(*testing.T, Options) *Sender{
		"Event Mesh": func(t *testing.T, o Options) *Sender {
			c, err := LoadEventMesh(folder(t, "event-mesh"), "subscription.json", values())
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewEventMesh(c, o)
			return must(t, s, err)
		},
		"CAP": func(t *testing.T, o Options) *Sender {
			mesh, err := LoadEventMesh(folder(t, "event-mesh"), "subscription.json", values())
			if err != nil {
				t.Fatal(err)
			}
			c, err := LoadCAP(folder(t, "cap"), "package.json")
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewCAP(c, mesh, o)
			return must(t, s, err)
		},
		"Advanced Event Mesh": func(t *testing.T, o Options) *Sender {
			c, err := LoadAdvancedEventMesh(folder(t, "advanced-event-mesh"), aemValues())
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewAdvancedEventMesh(c, o)
			return must(t, s, err)
		},
		"Event Hub": func(t *testing.T, o Options) *Sender {
			c, err := LoadEventHub(folder(t, "event-hub"), hubValues())
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewEventHub(c, o)
			return must(t, s, err)
		},
		"Kyma": func(t *testing.T, o Options) *Sender {
			c, err := LoadKyma(folder(t, "kyma"), kymaValues())
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewKyma(c, o)
			return must(t, s, err)
		},
	}
}

func deliver(t *testing.T, s *Sender, events ...Event) *Report {
	t.Helper()
	report, err := s.Deliver(t.Context(), events...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}
