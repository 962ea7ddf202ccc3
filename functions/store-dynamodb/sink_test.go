package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/sinkstage"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// target is the sink wired to a table of the stand-in.
type target struct {
	*sinkstage.Stage
	t      *testing.T
	sink   *sink
	action string // of the calls that faults hit
}

func newTarget(t *testing.T, change func(*settings)) *target {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	g := &target{Stage: sinkstage.New(t, "store-dynamodb", local.Lambda{}), t: t, action: "BatchWriteItem"}
	g.sink = newSink(s, g.Target)
	if g.sink.plan.always {
		g.action = "PutItem"
	}
	if g.sink.plan.hash.name != "pk" || g.sink.plan.sort != nil { // else it is there already
		if err := errors.Join(g.Stand.AWS.DeleteTable("orders"), g.createTable()); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// createTable makes the table that the settings say.
func (g *target) createTable() error {
	keys := []aws.Key{{Name: g.sink.plan.hash.name, Type: "S"}}
	if g.sink.plan.sort != nil {
		keys = append(keys, aws.Key{Name: g.sink.plan.sort.name, Type: "S"})
	}
	arn, err := g.Stand.AWS.CreateTable("orders", keys...)
	if err != nil || arn != tableARN {
		return fmt.Errorf("the table's ARN = %q (%w), want %q", arn, err, tableARN)
	}
	return nil
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return 409_600 }

// Event is one of a subject of its own, so that latest keeps each.
func (g *target) Event(id string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	e.SetSubject(id)
	e.SetTime(virtual.Start)
	e.SetExtension("n", int32(1))
	_ = e.SetData("application/json", json.RawMessage(`{"id":"`+id+`"}`))
	return e
}

func (g *target) Sized(id string, size int) event.Event {
	e := g.Event(id)
	item, err := g.sink.Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	e.SetExtension("pad", strings.Repeat("x", size-item.Size-len("pad")))
	return e
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	batches := g.action == "BatchWriteItem"
	switch {
	case f == sinktest.NoTarget:
		return g.Take(g.Stand.AWS.DeleteTable("orders"), g.createTable)
	case f == sinktest.Permission:
		return g.Take(g.Set.Forbid("store-dynamodb"), func() error { return g.Set.Permit("store-dynamodb") })
	case f == sinktest.Partial && !batches:
		// One of two puts fails for good, whatever the SDK tries.
		g.inject(aws.Fault{
			Action: g.action, Count: calls, Phase: aws.Before, Kind: aws.Throttle,
			When: func(c aws.Call) bool { return strings.Contains(string(c.Body), `"e-1"`) },
		})
		return true
	case f == sinktest.ForeignIDs && !batches, f == sinktest.NoIDs:
		return false // a put has no entries, and a batch's reply names only what was not written
	}
	return g.Stage.Break(f, "dynamodb", g.action, calls)
}

// Accepted lists what the changes of the table inserted or replaced, in their order.
func (g *target) Accepted() []string {
	var ids []string
	for _, c := range g.Stand.AWS.Changes("orders") {
		ids = append(ids, c.New["id"].Text)
	}
	return ids
}

// send prepares and sends events in one call.
func (g *target) send(events ...event.Event) []error {
	g.t.Helper()
	items := make([]forward.Item, len(events))
	for i := range events {
		_, items[i] = prepared(g.t, g.sink, events[i], "")
	}
	return g.sink.Send(g.t.Context(), items)
}

// keyed is a target in latest, where events have an order.
type keyed struct{ *target }

// Keyed is an event of a subject, newer than those before it.
func (g keyed) Keyed(id, key string) event.Event {
	e := g.Event(id)
	e.SetSubject(key)
	e.SetTime(time.Now())
	time.Sleep(time.Microsecond)
	return e
}

// withoutRetries is a target whose lost answers stay lost: the second try of the SDK would meet what the first one wrote.
func withoutRetries(t *testing.T, change func(*settings)) *target {
	g := newTarget(t, change)
	g.Target.AWS.Retryer = func() sdkaws.Retryer { return sdkaws.NopRetryer{} }
	g.sink = newSink(newSettings(change), g.Target)
	return g
}

func TestSinkConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"by name": nil, "by ARN": with("log", "TABLE", tableARN),
		"with a sort key": func(s *settings) { s.DynamoDB.Key, s.DynamoDB.SortKey = "pk={source}", "sk={event}" },
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return newTarget(t, change) })
		})
	}
}

func TestSinkOfFirstDeliveriesConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"first": with("log", "WRITE", "first"), "a key of their own": with("log", "KEY", "pk={data/id}"),
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return withoutRetries(t, change) })
		})
	}
}

func TestSinkOfLatestConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"time": with("latest", "TTL", "expires=30d"), "arrival": with("latest", "ORDER", "arrival"), "number": with("latest", "ORDER", "order={n}"),
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return keyed{withoutRetries(t, change)} })
		})
	}
}
