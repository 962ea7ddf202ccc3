package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/sinkstage"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// target is the sink wired to a function of the stand-in.
type target struct {
	*sinkstage.Stage
	t        *testing.T
	sink     forward.Sink
	counters *telemetry.Counters

	mu  sync.Mutex // guards ids
	ids []string   // of the events that the function got, in that order
}

// newTarget wires a sink with the settings, and a function; one without a handler notes what it gets and answers null.
func newTarget(t *testing.T, change func(*settings), o local.Lambda) *target {
	t.Helper()
	g := &target{t: t}
	if o.Handler == nil {
		o.Handler = g.note
	}
	if o.Concurrency == 0 {
		o.Concurrency = 100
	}
	g.Stage = sinkstage.New(t, "invoke-lambda", o)
	g.counters = g.Target.Counters
	// The client of the runtime, whose limit for an attempt applies, on the network in memory.
	g.Target.AWS.HTTPClient = awscall.NewHTTPClient(32, 8*time.Second).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.DisableKeepAlives = g.Network.Dial, true
	})
	s := newSettings(func(s *settings) { s.Lambda.Function = g.Set.FunctionARN + ":live" })
	if change != nil {
		change(s)
	}
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	g.sink = newSink(s, g.Target)
	return g
}

// note is the function that notes the id of the event that it got.
func (g *target) note(_ context.Context, payload []byte) ([]byte, error) {
	var e struct{ ID string }
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids = append(g.ids, e.ID)
	return []byte("null"), nil
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return g.settings().maxBytes() }

func (g *target) settings() *settings {
	if c, ok := g.sink.(*caller); ok {
		return c.settings
	}
	return g.sink.(*sink).settings
}

func (g *target) Event(id string) event.Event { return orderWithID(id, "") }

// orderWithID is an event whose data names its id too, for functions that get data alone.
func orderWithID(id, pad string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	_ = e.SetData("application/json", json.RawMessage(`{"id":"`+id+`","pad":"`+pad+`"}`))
	return e
}

// Sized pads the event's data.
func (g *target) Sized(id string, size int) event.Event {
	s := *g.settings()
	s.Lambda.MaxBytes = 1 << 30
	e := orderWithID(id, "")
	bare, err := (&sink{settings: &s}).Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return orderWithID(id, strings.Repeat("x", size-bare.Size))
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	switch f {
	case sinktest.NoTarget:
		g.Stand.AWS.DeleteFunction(g.Set.FunctionARN)
		return g.Take(nil, g.createFunction)
	case sinktest.Permission:
		return g.Take(g.Set.Forbid("invoke-lambda"), func() error { return g.Set.Permit("invoke-lambda") })
	case sinktest.Truncated, sinktest.Empty:
		if !g.settings().waits() {
			return false // Lambda's own answer to an Event has no body
		}
	case sinktest.Partial, sinktest.NoIDs, sinktest.ForeignIDs:
		return false // Lambda has no batches
	}
	return g.Stage.Break(f, "lambda", "Invoke", calls)
}

func (g *target) createFunction() error {
	arn, err := g.Stand.AWS.CreateFunction("orders", aws.FunctionOptions{Handler: g.note})
	if err != nil {
		return err
	}
	_, err = g.Stand.AWS.CreateAlias(arn, "live", "$LATEST")
	return err
}

// allow lets the role invoke that function, version or alias and nothing else.
func (g *target) allow(resource string) {
	g.t.Helper()
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"` + resource + `"}}`
	if err := g.Stand.AWS.PutRolePolicy(g.Set.InvokeRoleARN, "invoke", policy); err != nil {
		g.t.Fatal(err)
	}
}

// runs waits until the function has run so often.
func (g *target) runs(n int) []aws.Invocation {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Hour)
	defer cancel()
	runs, err := g.Stand.AWS.WaitInvocations(ctx, g.Set.FunctionARN, n)
	if err != nil {
		g.t.Fatal(err)
	}
	return runs
}

func (g *target) Accepted() []string {
	virtual.Settle()
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ids)
}
