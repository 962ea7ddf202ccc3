package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// at is an event of the subject "s" at a second.
func (g *target) at(id string, second int) event.Event {
	e := g.Event(id)
	e.SetSubject("s")
	e.SetTime(virtual.Start.Add(time.Duration(second) * time.Second))
	return e
}

// holds checks which event a table of one item has, and the counters.
func (g *target) holds(want string, stale, equal, duplicates int64) {
	g.t.Helper()
	items := g.Stand.AWS.Items("orders")
	if len(items) != 1 || items[0]["id"].Text != want {
		g.t.Errorf("the table holds %v, want %s", items, want)
	}
	c := g.sink.counters
	if s, e, d := c.Value("stale_events"), c.Value("equal_order"), c.Value("duplicates"); s != stale || e != equal || d != duplicates {
		g.t.Errorf("stale, equal, duplicates = %d, %d, %d, want %d, %d, %d", s, e, d, stale, equal, duplicates)
	}
}

func (g *target) accepts(e event.Event) {
	g.t.Helper()
	if errs := g.send(e); errs[0] != nil {
		g.t.Fatalf("Send() of %s = %v, want accepted", e.ID(), errs[0])
	}
}

func TestLatestByTime(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("latest", "KEY", ""))
		g.accepts(g.at("b", 2))
		g.holds("b", 0, 0, 0)
		g.accepts(g.at("a", 1)) // older
		g.holds("b", 1, 0, 0)
		g.accepts(g.at("b", 2)) // itself
		g.holds("b", 1, 0, 1)
		g.accepts(g.at("c", 2)) // as old
		g.holds("c", 1, 1, 1)
		g.accepts(g.at("d", 10)) // newer, though "10" is below "2" as text
		g.holds("d", 1, 1, 1)
		if got := g.changes(); got != "1 inserts, 2 modifications, 0 removals" {
			t.Errorf("the table had %s", got)
		}
	})
}

func TestLatestByArrival(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("latest", "ORDER", "arrival"))
		g.accepts(g.at("b", 2))
		g.accepts(g.at("a", 1))
		g.holds("a", 0, 0, 0)
		g.accepts(g.at("a", 1))
		g.holds("a", 0, 0, 1)
		g.accepts(g.at("b", 2))
		g.holds("b", 0, 0, 1)
	})
}

// TestNumbersAreOrderedAsNumbers, and texts as texts.
func TestNumbersAreOrderedAsNumbers(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("latest", "ORDER", "seq={data/seq}"))
		send := func(id, seq string) error {
			e := g.at(id, 0)
			e.DataEncoded = []byte(`{"seq":` + seq + `}`)
			return g.send(e)[0]
		}
		for _, step := range []struct{ id, seq, want string }{
			{"a", "9", "a"}, {"b", "10", "b"}, {"c", "9.5", "b"}, {"d", "1e1", "d"}, {"e", "-20", "d"}, {"f", "12345678901234567890.1", "f"}, {"g", "12345678901234567890.09", "f"},
		} {
			if err := send(step.id, step.seq); err != nil {
				t.Fatalf("%s: %v", step.id, err)
			}
			if got := g.Stand.AWS.Items("orders")[0]["id"].Text; got != step.want {
				t.Errorf("after %s with %s the table holds %s, want %s", step.id, step.seq, got, step.want)
			}
		}
		err := send("t", `"99"`)
		if err == nil || forward.KindOf(err) != forward.Denied || !strings.Contains(err.Error(), "DYNAMODB_ORDER") || !strings.Contains(forward.Detail(err), "DYNAMODB_ORDER") {
			t.Errorf("an order of another type = %v, want denied that names DYNAMODB_ORDER", err)
		}
		g.holds("f", 3, 1, 0)
	})
}

// TestAnItemWithoutOrder, as of another program, is not replaced: nobody knows whether it is newer.
func TestAnItemWithoutOrder(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("latest", "ORDER", "seq={data/seq}"))
		before := g.sink
		g.sink = newSink(newSettings(with("latest", "ORDER", "arrival")), g.Target)
		g.accepts(g.at("a", 0))
		g.sink = before
		e := g.at("b", 1)
		e.DataEncoded = []byte(`{"seq":1}`)
		if err := g.send(e)[0]; err == nil || forward.KindOf(err) != forward.Denied {
			t.Errorf("Send() = %v, want denied", err)
		}
	})
}

// TestLatestUnderAnyOrder delivers the events of some keys in many orders, with repeats, ties and faults, and wants the
// newest of each key; of equal ones the one that was accepted last.
func TestLatestUnderAnyOrder(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("latest", "KEY", ""))
		r := rand.New(rand.NewPCG(3, 4))
		for _, phase := range []aws.Phase{aws.Before, aws.After} {
			g.inject(aws.Fault{Action: "PutItem", Phase: phase, Kind: aws.Drop, When: aws.Random(uint64(phase), 0.05)})
			g.inject(aws.Fault{Action: "PutItem", Phase: phase, Kind: aws.ServerError, When: aws.Random(uint64(phase)+7, 0.05)})
		}
		f := forward.New(g.sink, forward.Config{})
		defer f.Close()
		const keys, events = 150, 6
		want := map[string]string{} // :: subject → ids
		for k := range keys {
			subject := fmt.Sprint("k", k)
			second := func(n int) int { return n / 2 * 5 } // two of each
			deliveries := append(r.Perm(events), r.Perm(events)[:2]...)
			for _, n := range deliveries {
				e := g.at(fmt.Sprint(n), second(n))
				e.SetSubject(subject)
				err := f.Forward(t.Context(), []event.Event{e}, "")[0]
				for tries := 0; err != nil && tries < 20; tries++ {
					err = f.Forward(t.Context(), []event.Event{e}, "")[0]
				}
				if err != nil {
					t.Fatalf("%s: %v", subject, err)
				}
				if second(n) == second(events-1) {
					want[subject] = fmt.Sprint(n)
				}
			}
		}
		items := g.Stand.AWS.Items("orders")
		if len(items) != keys {
			t.Fatalf("%d items, want %d", len(items), keys)
		}
		for _, item := range items {
			if subject := item["pk"].Text; item["id"].Text != want[subject] {
				t.Errorf("%s holds event %s, want %s", subject, item["id"].Text, want[subject])
			}
		}
	})
}

// TestWhatTheConditionDoesNotExplain is never called success.
func TestWhatTheConditionDoesNotExplain(t *testing.T) {
	e := order1()
	for _, change := range []func(*settings){with("latest", "KEY", ""), with("latest", "ORDER", "arrival"), with("log", "WRITE", "first")} {
		s := mapper(t, change)
		r, _ := prepared(t, s, e, "")
		if err := s.occupied(r, nil); err == nil || forward.KindOf(err) != forward.Unavailable {
			t.Errorf("occupied(nothing) = %v, want unavailable", err)
		}
		older := map[string]string{"id": "0", "source": "s", "type": "t", "time": "2026-01-01T00:00:00.000000000Z"}
		if err := s.occupied(r, values(older)); err == nil || s.plan.mode == latest && forward.KindOf(err) != forward.Unavailable {
			t.Errorf("occupied(an older event) = %v, want unavailable", err)
		}
	}
}
