package senders

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

func kyma(t *testing.T, target *target) *Sender {
	t.Helper()
	return makers()["Kyma"](t, Options{Client: target.client()})
}

func TestWhatKymaSends(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, always(204))
		event := orders(1)[0]
		event.Time = time.Now()
		deliver(t, kyma(t, target), event)
		r := target.events()[0]
		got := make(map[string]string)
		for name, value := range r.Header {
			got[name] = strings.Join(value, ",")
		}
		want := map[string]string{
			"Ce-Id": "id-0", "Ce-Source": event.Source, "Ce-Type": event.Type, "Ce-Specversion": "1.0", "Ce-Time": "2026-12-01T00:00:00Z",
			"Ce-Originaltype": event.Type, "Ce-Eventtypeversion": "v1", "Ce-Sappassport": "2A54", "Content-Type": "application/json",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		if r.Body != `{"SalesOrder":"0"}` || r.URL != "http://publish-sns.integration.svc.cluster.local" || !regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(r.trace) {
			t.Errorf("POST %s to %s with traceparent %q", r.Body, r.URL, r.trace)
		}
	})
}

func TestKymaGivesUpAfter100Deliveries(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, always(503))
		report := deliver(t, kyma(t, target), orders(1)...)
		last := target.events()[len(target.events())-1]
		if report.Count(Lost) != 1 || len(target.events()) != 100 || last.At != 99*30*time.Second {
			t.Errorf("%d lost after %d requests, the last at %v; want 1 after 100, at %v", report.Count(Lost), len(target.events()), last.At, 99*30*time.Second)
		}
	})
}

// TestKymaSendsADuplicateBesideASlowOne: after 30 s without an answer there are two requests at a time, and both are accepted.
func TestKymaSendsADuplicateBesideASlowOne(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, _ request, n int) (int, error) {
			return 204, wait(ctx, map[int]time.Duration{1: 40 * time.Second, 2: 20 * time.Second}[n])
		})
		report := deliver(t, kyma(t, target), orders(1)...)
		d := report.Deliveries[0]
		if target.mostInFlight() != 2 || len(d.Attempts) != 2 || d.Accepted() != 2 || target.events()[1].At != 30*time.Second || d.Outcome != Delivered {
			t.Errorf("%d at a time, %d requests, %d accepted, the second at %v; want 2, 2, 2 and 30 s", target.mostInFlight(), len(d.Attempts), d.Accepted(), target.events()[1].At)
		}
		quick := newTarget(t, func(ctx context.Context, _ request, _ int) (int, error) { return 204, wait(ctx, 29*time.Second) })
		if report := deliver(t, kyma(t, quick), orders(1)...); report.Repeated() != 0 {
			t.Errorf("an answer after 29 s: %d repetitions, want none", report.Repeated())
		}
	})
}

func TestKymaNeverAnswered(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, _ request, _ int) (int, error) { return 204, wait(ctx, 24*time.Hour) })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		report, err := kyma(t, target).Deliver(ctx, orders(1)...)
		if err != nil || report.Count(Lost) != 1 || target.mostInFlight() != 100 {
			t.Errorf("%d lost with %d requests at a time (%v), want 1 with 100", report.Count(Lost), target.mostInFlight(), err)
		}
	})
}

func TestKymaInFlight(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, _ request, _ int) (int, error) { return 204, wait(ctx, time.Second) })
		if report := deliver(t, kyma(t, target), orders(50)...); target.mostInFlight() != 10 || report.Count(Delivered) != 50 {
			t.Errorf("%d at a time, %d delivered, want 10 and 50", target.mostInFlight(), report.Count(Delivered))
		}
	})
}

func TestKymaMatching(t *testing.T) {
	for _, tc := range []struct {
		matching, source, eventType string
		want                        Outcome
	}{
		{"standard", "webshop", "order.received.v1", Delivered},
		{"standard", "web-shop", "order.received.v1", Delivered},
		{"standard", "other", "order.received.v1", Unsubscribed},
		{"standard", "webshop", "order.shipped.v1", Unsubscribed},
		{"exact", "webshop", "order.received.v1", Delivered},
		{"exact", "web-shop", "order.received.v1", Unsubscribed},
	} {
		virtual.Run(t, func(t *testing.T) {
			files := shipped(t)
			file := files["kyma/subscription.yaml"]
			text := strings.NewReplacer("typeMatching: standard", "typeMatching: "+tc.matching, "<your source>", "webshop", "<your event type>", "order.received.v1").Replace(string(file.Data))
			file.Data = []byte(text)
			target := newTarget(t, always(200))
			s, err := fromFiles("kyma", files, Options{Client: target.client()})
			if err != nil {
				t.Fatal(err)
			}
			report := deliver(t, s, Event{ID: "1", Source: tc.source, Type: tc.eventType})
			if got := report.Deliveries[0].Outcome; got != tc.want {
				t.Errorf("%+v: %v, want %v", tc, got, tc.want)
			}
		})
	}
}
