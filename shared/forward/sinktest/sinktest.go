// Package sinktest is the conformance suite of sinks: what every [forward.Sink] owes its events, checked against a target
// that can be made to fail before and after the effect.
//
// A sink's test calls [Run] with a function that wires the sink to such a [Target]; the suite does the rest. It checks that
// acceptance is never claimed without proof, that verdicts are aligned, that kinds are right, and that limits are exact. It
// does not know how a target stores events, so what an accepted event looks like there is for the sink's own tests.
package sinktest

import (
	"context"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// Fault is a way in which a target fails.
type Fault string

// The faults that every target has. Before means that nothing was stored, After that everything was.
const (
	ConnectionBefore Fault = "connection lost before the effect"
	ConnectionAfter  Fault = "connection lost after the effect"
	ServerBefore     Fault = "server error before the effect"
	ServerAfter      Fault = "server error after the effect"
	Throttled        Fault = "throttled"
	Permission       Fault = "permission taken away"
	Session          Fault = "session expired or unknown"
	NoTarget         Fault = "target does not exist"
	Truncated        Fault = "reply cut off after the effect"
	Empty            Fault = "empty reply after the effect"
	Foreign          Fault = "reply of a proxy, with status 200 and before the effect"
)

// The faults that only targets with replies for each entry have.
const (
	Partial    Fault = "every second entry fails"
	NoIDs      Fault = "reply after the effect names no entry"
	ForeignIDs Fault = "reply before the effect names other entries"
)

// Target is a sink and what it delivers to. Methods are called from one goroutine, but for those of the sink.
type Target interface {
	// Sink is the sink under test, with everything that a call needs.
	Sink() forward.Sink
	// Event makes an event with that id.
	Event(id string) event.Event
	// Sized makes an event with that id whose item has exactly that size.
	Sized(id string, size int) event.Event
	// ItemMax is the size of the largest item that the target takes.
	ItemMax() int
	// Break makes the target fail in that way, in the next calls of that number; 0 means until Heal. Attempts that an SDK
	// repeats are calls of their own. It returns false for a fault that the target cannot have.
	Break(f Fault, calls int) bool
	// Heal ends every fault.
	Heal()
	// Accepted lists the ids of the events that the target holds, in the order of their arrival; an id may stand there
	// more than once.
	Accepted() []string
}

// Keyed is a target whose sink gives its items ordering keys.
type Keyed interface {
	Target
	// Keyed makes an event with that id and ordering key.
	Keyed(id, key string) event.Event
}

// Run runs the suite. newTarget is called once a case, inside a bubble of virtual time.
func Run(t *testing.T, newTarget func(t *testing.T) Target) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				target := newTarget(t)
				if err := c.check(t.Context(), target); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// testCase is one obligation of a sink.
type testCase struct {
	name  string
	check func(ctx context.Context, target Target) error
}
