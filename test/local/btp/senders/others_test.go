package senders

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

func TestWhatAdvancedEventMeshSends(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(_ context.Context, _ request, n int) (int, error) {
			return map[bool]int{true: 204, false: 400}[n == 1000], nil
		})
		report := deliver(t, makers()["Advanced Event Mesh"](t, Options{Client: target.client()}), orders(1)...)
		r := target.events()[0]
		if r.URL != "https://publish-sns.example:443/events" || r.Header.Get("Content-Type") != "application/cloudevents+json" || r.Header.Get("Authorization") == "" || !strings.Contains(r.Body, `"specversion":"1.0"`) {
			t.Errorf("POST %s to %s with %v", r.Body, r.URL, r.Header)
		}
		if gap := target.events()[1].At; report.Count(Delivered) != 1 || gap != 3*time.Second {
			t.Errorf("%d delivered after 999 refusals, %v apart; want 1, and 3 s: there is no limit", report.Count(Delivered), gap)
		}
	})
}

func TestAdvancedEventMeshLimit(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		files := shipped(t)
		files["advanced-event-mesh/queue.json"].Data = []byte(strings.Replace(string(files["advanced-event-mesh/queue.json"].Data), `"maxRedeliveryCount": 0`, `"maxRedeliveryCount": 2`, 1))
		target := newTarget(t, func(ctx context.Context, _ request, _ int) (int, error) { return 204, wait(ctx, time.Hour) })
		s, err := fromFiles("advanced-event-mesh", files, Options{Client: target.client()})
		if err != nil {
			t.Fatal(err)
		}
		report := deliver(t, s, orders(1)...)
		d := report.Deliveries[0]
		if report.Count(Lost) != 1 || len(d.Attempts) != 3 || d.Attempts[0].Duration != 30*time.Second || !errors.Is(d.Attempts[0].Err, context.DeadlineExceeded) {
			t.Errorf("%v after %d requests, the first for %v (%v); want lost after 3 of 30 s", d.Outcome, len(d.Attempts), d.Attempts[0].Duration, d.Attempts[0].Err)
		}
	})
}

func TestWhatEventHubSends(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		for wrapped, want := range map[bool]string{false: `{"SalesOrder":"0"}`, true: `{"data":{"SalesOrder":"0"},"sappassport":"2A54"}`} {
			target := newTarget(t, always(200))
			s := makers()["Event Hub"](t, Options{Client: target.client(), Wrapped: wrapped, Token: func(context.Context) (string, error) { return "ias", nil }})
			deliver(t, s, orders(1)...)
			r := target.events()[0]
			if r.Body != want || r.Header.Get("Authorization") != "Bearer ias" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Ce-Time") != "" ||
				r.Header.Get("Ce-Sapconsumertenant") == "" || r.Header.Get("Ce-Id") != "id-0" || (r.Header.Get("Ce-Sappassport") == "") != wrapped {
				t.Errorf("wrapped %v: POST %s with %v, want %s", wrapped, r.Body, r.Header, want)
			}
		}
		broken := errors.New("no token")
		target := newTarget(t, always(200))
		s := makers()["Event Hub"](t, Options{Client: target.client(), Token: func(context.Context) (string, error) { return "", broken }})
		if report := deliver(t, s, orders(1)...); report.Count(Lost) != 1 || !errors.Is(report.Deliveries[0].Attempts[0].Err, broken) {
			t.Errorf("without a token: %d lost, want 1, because of %v", report.Count(Lost), broken)
		}
		for name, tc := range map[string]struct {
			status int
			o      Unverified
			want   Outcome
		}{
			"204": {204, Unverified{}, Lost}, "204 taken": {204, Unverified{EventHubTakes204: true}, Delivered}, "202": {202, Unverified{}, Delivered}, "201": {201, Unverified{}, Lost},
		} {
			target := newTarget(t, always(tc.status))
			report := deliver(t, makers()["Event Hub"](t, Options{Client: target.client(), Unverified: tc.o}), orders(1)...)
			if got := report.Deliveries[0]; got.Outcome != tc.want || tc.want == Lost && len(got.Attempts) != 10 {
				t.Errorf("%s: %v after %d requests, want %v", name, got.Outcome, len(got.Attempts), tc.want)
			}
		}
	})
}

func TestWhatCAPSends(t *testing.T) {
	for file, tc := range map[string]struct{ old, new, topic, contentType, body string }{
		"cap/package.json": {"", "", "nordwind/orders/1/ce/Order/Submitted/v1", "application/cloudevents+json",
			`{"data":{"ID":"1"},"datacontenttype":"application/json","id":"c","source":"/nordwind/orders/1","specversion":"1.0","type":"Order.Submitted.v1"}`},
		"cap/.cdsrc.json": {`"publishPrefix": "$namespace/ce/"`, `"publishPrefix": "my/own.namespace/-/ce/"`, "my/own.namespace/-/ce/Order/Submitted/v1", "application/cloudevents+json",
			`{"data":{"ID":"1"},"datacontenttype":"application/json","id":"c","source":"/my/own.namespace","specversion":"1.0","type":"Order.Submitted.v1"}`},
	} {
		virtual.Run(t, func(t *testing.T) {
			files := shipped(t)
			files[file] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(files[file].Data), tc.old, tc.new))}
			if tc.old == "" {
				files[file] = shipped(t)[file]
			}
			target := newTarget(t, always(204))
			s, err := fromFiles(file, files, Options{Client: target.client()})
			if err != nil {
				t.Fatal(err)
			}
			report := deliver(t, s, Event{ID: "c", Source: "ignored", Type: "Order.Submitted.v1", Data: []byte(`{"ID":"1"}`)})
			if report.Count(Delivered) != 1 {
				t.Fatalf("%s: %+v", file, report.Deliveries)
			}
			r := target.events()[0]
			if r.Header.Get("X-Address") != "topic:"+tc.topic || r.Header.Get("Content-Type") != tc.contentType || r.Body != tc.body {
				t.Errorf("%s: %s as %s to %s, want %s to %s", file, r.Body, r.Header.Get("Content-Type"), r.Header.Get("X-Address"), tc.body, tc.topic)
			}
		})
	}
}

// TestCAPWithoutTheFormat sends what is no CloudEvent.
func TestCAPWithoutTheFormat(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		files := shipped(t)
		files["cap/package.json"].Data = []byte(`{"cds":{"requires":{"messaging":{"kind":"enterprise-messaging-shared"}}}}`)
		files["event-mesh/topics.txt"].Data = []byte("*")
		target := newTarget(t, always(204))
		s, err := fromFiles("cap/package.json", files, Options{Client: target.client()})
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, s, Event{ID: "c", Source: "x", Type: "nordwind/StockChanged", Data: []byte(`{"ID":"1"}`)})
		if r := target.events()[0]; r.Body != `{"data":{"ID":"1"}}` || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Address") != "topic:nordwind/StockChanged" {
			t.Errorf("POST %s with %v, want the payload alone", r.Body, r.Header)
		}
	})
}

// TestAnOutageShorterThanThePatienceLosesNothing lets the target be down, in three ways, for almost as long as each sender is patient.
func TestAnOutageShorterThanThePatienceLosesNothing(t *testing.T) {
	patience := map[string]time.Duration{
		"Event Mesh": 5 * 24 * time.Hour, "CAP": 5 * 24 * time.Hour, "Advanced Event Mesh": 24 * time.Hour, // without limit: some days are tried
		"Kyma":      99 * 30 * time.Second,
		"Event Hub": 9 * time.Minute,
	}
	for name, newSender := range makers() {
		for how, answer := range map[string]func(ctx context.Context) (int, error){
			"unavailable": func(context.Context) (int, error) { return 503, nil },
			"refusing":    func(context.Context) (int, error) { return 0, errors.New("connection refused") },
			"hanging":     func(ctx context.Context) (int, error) { return 503, wait(ctx, 10*time.Second) },
		} {
			if name == "Advanced Event Mesh" && how != "unavailable" {
				continue // 28,800 repetitions are enough once
			}
			virtual.Run(t, func(t *testing.T) {
				outage := patience[name] - time.Second
				target := newTarget(t, nil)
				target.answer = func(ctx context.Context, r request, _ int) (int, error) {
					if r.At < outage {
						return answer(ctx)
					}
					return 200, nil
				}
				events := orders(30)
				if name == "Advanced Event Mesh" {
					events = orders(1)
				}
				report := deliver(t, newSender(t, Options{Client: target.client()}), events...)
				if report.Count(Delivered) != len(events) {
					t.Errorf("%s, %s for %v: %d of %d delivered, %d lost", name, how, outage, report.Count(Delivered), len(events), report.Count(Lost))
				}
				for _, d := range report.Deliveries {
					if d.Accepted() != 1 {
						t.Errorf("%s, %s: %s was accepted %d times", name, how, d.Event.ID, d.Accepted())
					}
				}
			})
		}
	}
}

// TestAnOutageLongerThanThePatience is the other side: Kyma and, as we guess, Event Hub lose what they gave up, the others nothing.
func TestAnOutageLongerThanThePatience(t *testing.T) {
	for name, want := range map[string]Outcome{"Event Mesh": Pending, "CAP": Pending, "Advanced Event Mesh": Pending, "Kyma": Lost, "Event Hub": Lost} {
		virtual.Run(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			report, err := makers()[name](t, Options{Client: newTarget(t, always(503)).client()}).Deliver(ctx, orders(1)...)
			if err != nil || report.Deliveries[0].Outcome != want {
				t.Errorf("%s after two hours: %v (%v), want %v", name, report.Deliveries[0].Outcome, err, want)
			}
		})
	}
}
