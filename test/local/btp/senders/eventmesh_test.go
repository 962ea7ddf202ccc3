package senders

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// mesh is Event Mesh with the shipped files, but for replacements in the subscription and the queue.
func mesh(t *testing.T, target *target, o Options, replace ...string) *Sender {
	t.Helper()
	files := shipped(t)
	for _, name := range []string{"event-mesh/subscription.json", "event-mesh/queue.json"} {
		files[name] = &fstest.MapFile{Data: []byte(strings.NewReplacer(replace...).Replace(string(files[name].Data)))}
	}
	if o.Client == nil {
		o.Client = target.client()
	}
	s, err := fromFiles("event-mesh/subscription.json", files, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHandshakeComesFirst(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, always(204))
		s := mesh(t, target, Options{Unverified: Unverified{Origin: "em.example"}})
		deliver(t, s, orders(1)...)
		deliver(t, s, orders(2)[1])
		var methods []string
		for _, r := range target.got {
			methods = append(methods, r.Method)
		}
		if diff := cmp.Diff([]string{"OPTIONS", "POST", "POST"}, methods); diff != "" {
			t.Fatalf("requests (-want +got):\n%s", diff)
		}
		first, second := target.got[0], target.got[1]
		if first.Header.Get("WebHook-Request-Origin") != "em.example" || first.URL != second.URL || first.Header.Get("Authorization") != second.Header.Get("Authorization") || first.Header.Get("Authorization") == "" {
			t.Errorf("handshake %v of %s, want the origin, and the POST's address and authorization", first.Header, first.URL)
		}
	})
}

func TestHandshakeThatIsRefused(t *testing.T) {
	broken := errors.New("connection refused")
	for name, tc := range map[string]struct {
		status  int
		allowed string
		err     error
		agreed  bool
	}{
		"same origin":      {200, "eventmesh.standin.example", nil, true},
		"in another case":  {200, "EventMesh.Standin.Example", nil, true},
		"any origin":       {200, "*", nil, true},
		"another origin":   {200, "other.example", nil, false},
		"no origin":        {200, "", nil, false},
		"another success":  {204, "*", nil, false},
		"forbidden":        {403, "", nil, false},
		"no such method":   {405, "*", nil, false},
		"redirect to more": {301, "*", nil, false},
		"refused":          {0, "", broken, false},
	} {
		virtual.Run(t, func(t *testing.T) {
			inner := newTarget(t, always(204))
			client := &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodOptions {
					return inner.RoundTrip(r)
				}
				if tc.err != nil {
					return nil, tc.err
				}
				w := httptest.NewRecorder()
				if tc.allowed != "" {
					w.Header().Set("WebHook-Allowed-Origin", tc.allowed)
				}
				w.WriteHeader(tc.status)
				return w.Result(), nil
			})}
			report, err := mesh(t, inner, Options{Client: client}).Deliver(t.Context(), orders(1)...)
			var refused *HandshakeError
			switch {
			case tc.agreed && (err != nil || report.Count(Delivered) != 1):
				t.Errorf("%s: %v, want the event delivered", name, err)
			case !tc.agreed && (!errors.As(err, &refused) || refused.Status != tc.status || len(inner.events()) != 0):
				t.Errorf("%s: %v after %d events, want a HandshakeError with status %d before any", name, err, len(inner.events()), tc.status)
			case tc.err != nil && !errors.Is(err, tc.err):
				t.Errorf("%s: %v, want it to wrap %v", name, err, tc.err)
			}
			exempt := mesh(t, inner, Options{Client: client}, `"exemptHandshake": false`, `"exemptHandshake": true`)
			if report := deliver(t, exempt, orders(1)...); report.Count(Delivered) != 1 {
				t.Errorf("%s: an exempted webhook got %d events, want 1 without asking", name, report.Count(Delivered))
			}
		})
	}
}

// tripper is a RoundTripper of one function.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhatEventMeshSends(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for replacement, want := range map[string]string{
			`"defaultContentType": "application/cloudevents+json"`: "application/cloudevents+json", `"defaultContentType": ""`: "application/json",
		} {
			target := newTarget(t, always(204))
			event := orders(1)[0]
			event.Subject, event.Time = "s", time.Now()
			deliver(t, mesh(t, target, Options{}, `"defaultContentType": "application/cloudevents+json"`, replacement), event)
			r := target.events()[0]
			if got := r.Header.Get("Content-Type"); got != want {
				t.Errorf("%s: content type %s, want %s", replacement, got, want)
			}
			if want := "topic:default/sap.s4.beh/TB1CLNT200/ce/sap/s4/beh/salesorder/v1/SalesOrder/Changed/v1"; r.Header.Get("X-Address") != want {
				t.Errorf("x-address %s, want %s", r.Header.Get("X-Address"), want)
			}
			want := `{"data":{"SalesOrder":"0"},"datacontenttype":"application/json","id":"id-0","sappassport":"2A54","source":"/default/sap.s4.beh/TB1CLNT200",` +
				`"specversion":"1.0","subject":"s","time":"2026-12-01T00:00:00Z","type":"sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1"}`
			if r.Body != want || r.Method != http.MethodPost || r.URL != "https://publish-sns.example/events" {
				t.Errorf("%s %s %s, want POST of %s", r.Method, r.URL, r.Body, want)
			}
			if user, password, _ := (&http.Request{Header: r.Header}).BasicAuth(); user != "sap" || password != values()["your password"] {
				t.Errorf("it presents %s and %s, want what was filled in", user, password)
			}
		}
	})
}

func TestEventMeshOAuth2(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, always(204))
		c, err := LoadEventMesh(folder(t, "event-mesh"), "subscription-oauth2.json", values())
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewEventMesh(c, Options{Client: target.client()})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			deliver(t, s, orders(2)...)
			time.Sleep(time.Minute) // tokens live for one
		}
		var asked []string
		for _, r := range target.got {
			if strings.HasSuffix(r.URL, "/oauth/token") {
				asked = append(asked, r.Body)
			} else if r.Header.Get("Authorization") != "Bearer good" {
				t.Errorf("%s %s presents %q, want the token", r.Method, r.URL, r.Header.Get("Authorization"))
			}
		}
		want := "client_id=sb-em%21b1%7Cx&client_secret=s%3D%26&grant_type=client_credentials"
		if diff := cmp.Diff([]string{want, want}, asked); diff != "" {
			t.Errorf("requests for tokens (-want +got):\n%s", diff)
		}
	})
}

func TestEventMeshPauses(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(_ context.Context, _ request, n int) (int, error) {
			return map[bool]int{true: 204, false: 503}[n == 11], nil
		})
		report := deliver(t, mesh(t, target, Options{}), orders(1)...)
		var pauses []time.Duration
		for i, r := range target.events()[1:] {
			pauses = append(pauses, r.At-target.events()[i].At)
		}
		m, h := time.Minute, time.Hour
		if diff := cmp.Diff([]time.Duration{15 * m, 30 * m, h, 2 * h, 4 * h, 8 * h, 16 * h, 24 * h, 24 * h, 24 * h}, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		if report.Count(Delivered) != 1 || report.Repeated() != 10 {
			t.Errorf("%d delivered after %d repetitions, want 1 after 10", report.Count(Delivered), report.Repeated())
		}
	})
}

// TestUnacknowledgedBlockEventMesh: 18 events that are never accepted stop the queue, for good ones too.
func TestUnacknowledgedBlockEventMesh(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for bad, want := range map[int]int{17: 10, 18: 0} {
			poison := orders(28)[:bad]
			target := newTarget(t, func(_ context.Context, r request, _ int) (int, error) {
				if slices.ContainsFunc(poison, func(e Event) bool { return e.ID == r.Event }) {
					return 400, nil
				}
				return 204, nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour)
			report, err := mesh(t, target, Options{}).Deliver(ctx, orders(bad+10)...)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if report.Count(Delivered) != want || report.Count(Pending) != bad+10-want || report.Count(Lost) != 0 {
				t.Errorf("%d refused events: %d delivered, %d pending, %d lost; want %d, %d, 0", bad, report.Count(Delivered), report.Count(Pending), report.Count(Lost), want, bad+10-want)
			}
		}
	})
}

func TestEventMeshInFlight(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, _ request, _ int) (int, error) { return 204, wait(ctx, time.Second) })
		report := deliver(t, mesh(t, target, Options{}), orders(100)...)
		if target.mostInFlight() != 18 || report.Count(Delivered) != 100 {
			t.Errorf("%d in flight at most, %d delivered, want 18 and 100", target.mostInFlight(), report.Count(Delivered))
		}
	})
}

func TestEventMeshLimits(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for name, tc := range map[string]struct {
			replace  []string
			requests int
		}{
			"no repetition at quality 0": {[]string{`"qos": 1`, `"qos": 0`}, 1},
			"three repetitions":          {[]string{`"maxRedeliveryCount": 0`, `"maxRedeliveryCount": 3`}, 4},
		} {
			target := newTarget(t, always(422))
			report := deliver(t, mesh(t, target, Options{}, tc.replace...), orders(1)...)
			if report.Count(Lost) != 1 || len(target.events()) != tc.requests || report.Deliveries[0].Reason == "" {
				t.Errorf("%s: %d lost after %d requests, want 1 after %d", name, report.Count(Lost), len(target.events()), tc.requests)
			}
		}
		target := newTarget(t, always(204))
		events := orders(3)
		events[1].Source = "elsewhere"
		events[2].Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		report := deliver(t, mesh(t, target, Options{}), events...)
		if report.Count(Delivered) != 1 || report.Count(Unsubscribed) != 1 || report.Count(Refused) != 1 || len(target.events()) != 1 {
			t.Errorf("%d delivered, %d unsubscribed, %d refused, want one of each", report.Count(Delivered), report.Count(Unsubscribed), report.Count(Refused))
		}
	})
}

func TestBadEventsAreRefusedAtOnce(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for _, e := range []Event{{}, {ID: "x", Source: "x"}, {ID: "x", Source: "x", Type: "x", Data: []byte("{")}} {
			if _, err := mesh(t, newTarget(t, always(204)), Options{}).Deliver(t.Context(), e); err == nil {
				t.Errorf("Deliver(%+v) = nil, want an error", e)
			}
		}
	})
}

func TestTopicFilters(t *testing.T) {
	for _, tc := range []struct {
		topic, filter, one, rest string
		want                     bool
	}{
		{"a/b/c/ce/d/e", "+/+/+/ce/*", "+", "*", true},
		{"a/b/c/xx/d/e", "+/+/+/ce/*", "+", "*", false},
		{"a/b/c/ce", "+/+/+/ce/*", "+", "*", false},
		{"a/b", "a/+", "+", "*", true},
		{"a/b/c", "a/+", "+", "*", false},
		{"a", "a/+", "+", "*", false},
		{"a/b/c", "a/*/c", "*", ">", true},
		{"a/b/c/d", "a/>", "*", ">", true},
		{"a", "a/>", "*", ">", false},
		{"a/b", "a/b", "*", ">", true},
	} {
		if got := matches(tc.topic, tc.filter, tc.one, tc.rest); got != tc.want {
			t.Errorf("matches(%q, %q) = %v, want %v", tc.topic, tc.filter, got, tc.want)
		}
	}
}
