package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// inject makes a fault happen until the test ends.
func (g *target) inject(f aws.Fault) *aws.Injection {
	g.t.Helper()
	f.Service = "dynamodb"
	return g.Inject(f)
}

// changes is how many changes of each kind the table had.
func (g *target) changes() string {
	n := map[string]int{}
	for _, c := range g.Stand.AWS.Changes("orders") {
		n[string(c.Kind)]++
	}
	return fmt.Sprintf("%d inserts, %d modifications, %d removals", n["INSERT"], n["MODIFY"], n["REMOVE"])
}

// TestRepeatsChangeNothing: in every form of the log.
func TestRepeatsChangeNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*settings)
		duplicates int64
	}{
		"batch":              {nil, 0},
		"first":              {with("log", "WRITE", "first"), 2},
		"a key of their own": {with("log", "KEY", "pk={data/id}"), 2},
		"life from arrival":  {with("log", "TTL", "expires=1h"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				g := newTarget(t, tc.change)
				e := g.Event("e")
				if name == "life from arrival" {
					e.Context.(*event.EventContextV1).Time = nil
				}
				for i := range 3 {
					e.SetExtension("kafkaoffset", fmt.Sprint(i))
					if errs := g.send(e); errs[0] != nil {
						t.Fatalf("delivery %d: %v", i, errs[0])
					}
					time.Sleep(time.Minute)
				}
				if got := g.changes(); got != "1 inserts, 0 modifications, 0 removals" {
					t.Errorf("the table had %s, want one insert", got)
				}
				if got := g.sink.counters.Value("duplicates"); got != tc.duplicates {
					t.Errorf("duplicates = %d, want %d", got, tc.duplicates)
				}
				offset, kept := g.Stand.AWS.Items("orders")[0]["kafkaoffset"]
				if kept != (tc.duplicates > 0) || kept && offset.Text != "0" {
					t.Errorf("kafkaoffset = %v, kept: %t, want that of the first delivery where all of it is kept", offset, kept)
				}
			})
		})
	}
}

// TestAnotherEventHoldsTheKey: it is neither overwritten nor dropped in silence.
func TestAnotherEventHoldsTheKey(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("log", "KEY", "pk={subject}"))
		first, second := g.Event("first"), g.Event("second")
		first.SetSubject("s")
		second.SetSubject("s")
		_ = second.SetData("application/json", json.RawMessage(`{"secret":"payload"}`))
		if errs := g.send(first); errs[0] != nil {
			t.Fatal(errs[0])
		}
		err := g.send(second)[0]
		if err == nil || forward.KindOf(err) != forward.Invalid || strings.Contains(err.Error(), "payload") {
			t.Fatalf("Send() = %v, want invalid without data", err)
		}
		for _, part := range []string{`type "t.v1" id "first"`, `type "t.v1" id "second"`, "DYNAMODB_KEY"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Send() = %v, want it to name %s", err, part)
			}
		}
		if detail := forward.Detail(err); !strings.Contains(detail, "DYNAMODB_KEY") || strings.Contains(detail, "first") {
			t.Errorf("Detail() = %q, want the setting and no ids", detail)
		}
		if items := g.Stand.AWS.Items("orders"); len(items) != 1 || items[0]["id"].Text != "first" {
			t.Errorf("the table holds %v, want the first event", items)
		}
	})
}

// TestTheSDKsSecondTryMeetsTheFirst: an answer that is lost once is no failure, since the condition shows what was written.
func TestTheSDKsSecondTryMeetsTheFirst(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("log", "WRITE", "first"))
		lost := g.inject(aws.Fault{Action: "PutItem", Phase: aws.After, Kind: aws.Drop, Count: 1})
		if errs := g.send(g.Event("e")); errs[0] != nil || lost.Hits() != 1 {
			t.Errorf("Send() = %v after %d lost answers, want accepted after one", errs, lost.Hits())
		}
		if got := g.changes(); got != "1 inserts, 0 modifications, 0 removals" {
			t.Errorf("the table had %s, want one insert", got)
		}
	})
}

// TestBatchesAndPutsInOneCall: events without a time count their life from arrival and are put by themselves.
func TestBatchesAndPutsInOneCall(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, with("log", "TTL", "expires=1h"))
		var events []event.Event
		for i := range 25 {
			e := g.Event(fmt.Sprint(i))
			if i%5 == 0 {
				e.Context.(*event.EventContextV1).Time = nil
			}
			events = append(events, e)
		}
		g.inject(aws.Fault{Action: "PutItem", Phase: aws.Before, Kind: aws.Throttle, When: func(c aws.Call) bool { return strings.Contains(string(c.Body), `"id":{"S":"10"}`) }})
		g.inject(aws.Fault{Action: "BatchWriteItem", Phase: aws.Before, Kind: aws.PartialFailure, Entries: func(e aws.Entry) bool { return e.Attributes["id"] == "7" }})
		for i, err := range g.send(events...) {
			if failed := i == 7 || i == 10; failed != (err != nil) || failed && forward.KindOf(err) != forward.Throttled {
				t.Errorf("event %d: %v", i, err)
			}
		}
		calls := map[string]int{}
		for _, r := range g.Stand.AWS.Requests() {
			if r.Effect != "" {
				calls[r.Action]++
			}
		}
		if n := g.Stand.AWS.ItemCount("orders"); n != 23 || calls["BatchWriteItem"] != 1 || calls["PutItem"] != 4 {
			t.Errorf("%d items by %v, want 23 by one batch and four puts", n, calls)
		}
		want := fmt.Sprint(virtual.Start.Add(time.Hour).Unix())
		for _, item := range g.Stand.AWS.Items("orders") {
			if got := item["expires"].Text; got != want {
				t.Errorf("expires = %s, want %s: an hour after the event or its arrival", got, want)
			}
		}
	})
}

// TestLargeRequestsAreSplit: an item may have seven times its size as JSON, and 25 of them more than a request may.
func TestLargeRequestsAreSplit(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, nil)
		var events []event.Event
		for i := range 9 {
			e := g.Event(fmt.Sprint(i))
			e.DataEncoded = []byte("[" + strings.Repeat("null,", 150_000) + "0]")
			events = append(events, e)
		}
		if err := errors.Join(g.send(events...)...); err != nil {
			t.Fatal(err)
		}
		writes := 0
		for _, r := range g.Stand.AWS.Requests() {
			if r.Action == "BatchWriteItem" {
				writes++
			}
		}
		if n := g.Stand.AWS.ItemCount("orders"); n != 9 || writes != 2 {
			t.Errorf("%d items in %d requests, want 9 in 2", n, writes)
		}
	})
}

// TestExactlyOnce sends events again and again through a forwarder, while calls fail before and after their effect: the table
// has one insert for each, and no modification.
func TestExactlyOnce(t *testing.T) {
	const events, rounds = 300, 4
	for name, change := range map[string]func(*settings){"batch": nil, "first": with("log", "WRITE", "first")} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				g := newTarget(t, change)
				seed := uint64(1)
				for _, phase := range []aws.Phase{aws.Before, aws.After} {
					for _, f := range []aws.Fault{{Kind: aws.Drop}, {Kind: aws.ServerError, Status: http.StatusServiceUnavailable}, {Kind: aws.Empty}, {Kind: aws.Throttle}} {
						seed++
						f.Phase, f.When = phase, aws.Random(seed, 0.06)
						g.inject(f)
					}
				}
				r := rand.New(rand.NewPCG(1, 2))
				g.inject(aws.Fault{Action: "BatchWriteItem", Phase: aws.Before, Kind: aws.PartialFailure, Entries: func(aws.Entry) bool { return r.IntN(10) == 0 }})
				f := forward.New(g.sink, forward.Config{})
				accepted := map[int]bool{}
				deliver := func(left []int, round int) (failed []int) {
					var list []event.Event
					for _, i := range left {
						e := g.Event(fmt.Sprint(i))
						e.SetExtension("kafkaoffset", fmt.Sprint(round, i))
						list = append(list, e)
					}
					for n, err := range f.Forward(t.Context(), list, fmt.Sprint(round)) {
						if err != nil {
							failed = append(failed, left[n])
							continue
						}
						accepted[left[n]] = true
					}
					return failed
				}
				for round := range rounds { // every sender sends each event that often, and again what failed
					left := r.Perm(events)
					for tries := 0; len(left) > 0 && tries < 50; tries++ {
						left = deliver(left, round)
					}
				}
				f.Close()
				want := fmt.Sprintf("%d inserts, 0 modifications, 0 removals", events)
				if got := g.changes(); got != want || len(accepted) != events {
					t.Errorf("%d accepted, the table had %s; want %d and %s", len(accepted), got, events, want)
				}
			})
		})
	}
}
