package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

const itemMax = 100

// memory is a target in memory whose sink is right unless defect says otherwise. Its faults are those of a batch API.
type memory struct {
	defect string

	mu    sync.Mutex
	fault Fault
	left  int // calls that the fault lasts; -1 until Heal
	held  []string
	kept  []forward.Item
}

func (m *memory) Sink() forward.Sink             { return m }
func (m *memory) ItemMax() int                   { return itemMax }
func (m *memory) Event(id string) event.Event    { return m.Sized(id, 20) }
func (m *memory) Keyed(id, k string) event.Event { e := m.Event(id); e.SetSubject(k); return e }
func (m *memory) Accepted() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.held...)
}
func (m *memory) Heal() { m.mu.Lock(); defer m.mu.Unlock(); m.left = 0 }

func (m *memory) Sized(id string, size int) event.Event {
	e := event.New()
	e.SetID(id)
	_ = e.SetData("text/plain", strings.Repeat("x", size))
	return e
}

func (m *memory) Break(f Fault, calls int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault, m.left = f, calls
	if calls == 0 {
		m.left = -1
	}
	return true
}

func (m *memory) Limits() forward.Limits { return forward.Limits{Items: 10, Bytes: itemMax} }

func (m *memory) Prepare(e *event.Event, _ string) (forward.Item, error) {
	size := len(e.Data())
	if size > itemMax && m.defect != "no limit" {
		return forward.Item{}, &forward.Error{Op: "map", Kind: forward.Invalid, Err: forward.ErrTooLarge}
	}
	if m.defect == "wrong size" {
		size--
	}
	if m.defect == "prepare delivers" {
		m.mu.Lock()
		m.held = append(m.held, e.ID())
		m.mu.Unlock()
	}
	key := e.Subject()
	if m.defect == "no keys" {
		key = ""
	}
	return forward.Item{Key: key, Size: size, Payload: e.ID()}, nil
}

func (m *memory) Send(_ context.Context, items []forward.Item) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	errs := make([]error, len(items))
	fault := Fault("")
	if m.left != 0 {
		fault = m.fault
		m.left--
	}
	if fault == Session && m.left >= 0 && m.defect != "keeps its session" {
		fault = "" // one more try, with another session
	}
	if m.defect == "keeps items" {
		m.kept = append(m.kept, items...)
		items = m.kept[:len(items)]
	}
	kind := forward.Unavailable
	switch fault {
	case Throttled:
		kind = forward.Throttled
	case Permission, NoTarget:
		kind = forward.Denied
	}
	if m.defect == "wrong kind" {
		kind = forward.Invalid
	}
	for i, item := range items {
		fails, stored := false, true
		switch fault {
		case ConnectionAfter, ServerAfter, Truncated, Empty, NoIDs:
			fails = m.defect != "believes in success" // and is right by chance
		case Partial:
			fails, stored = i%2 == 1, i%2 == 0
		case "":
		default:
			fails, stored = true, false
		}
		if stored {
			m.held = append(m.held, item.Payload.(string))
		}
		if fails && (m.defect != "believes in acceptance" || fault != Foreign) {
			errs[i] = &forward.Error{Op: "send", Kind: kind, Err: fmt.Errorf("%s", fault)}
		}
	}
	if m.defect == "untyped" && fault != "" {
		for i := range errs {
			if errs[i] != nil {
				errs[i] = errors.New("untyped")
			}
		}
	}
	if m.defect == "shifted" {
		errs = append(errs[1:], errs[:1]...)
	}
	if m.defect == "short" {
		errs = errs[1:]
	}
	return errs
}

func TestARightSinkPasses(t *testing.T) {
	Run(t, func(*testing.T) Target { return &memory{} })
}

// TestWrongSinksAreCaught breaks the sink in one way at a time: a suite that lets one through is of no use.
func TestWrongSinksAreCaught(t *testing.T) {
	for _, defect := range []string{
		"no limit", "wrong size", "prepare delivers", "no keys", "keeps its session", "keeps items", "wrong kind",
		"believes in acceptance", "believes in success", "untyped", "shifted", "short",
	} {
		t.Run(defect, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				caught := 0
				for _, c := range cases() {
					if err := check(t.Context(), c, &memory{defect: defect}); err != nil {
						caught++
					}
				}
				if caught == 0 {
					t.Error("no case of the suite fails for this sink")
				}
			})
		})
	}
}

// check runs a case; a panic counts as a failure of it.
func check(ctx context.Context, c testCase, target Target) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return c.check(ctx, target)
}
