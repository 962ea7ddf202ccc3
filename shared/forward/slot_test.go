package forward

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// goroutine is the caller's name in stack traces.
func goroutine() string {
	b := make([]byte, 64)
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b, false)]), " [")
	return name
}

// slots is how many goroutines of slots there are, in flight or waiting. That none outlives its forwarder, the end of each
// bubble checks.
func slots() int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), "forward.(*Forwarder).slot.")
}

// crowd is a sink whose calls take a second; it keeps which goroutine made each.
type crowd struct {
	*script
	mu sync.Mutex
	by []string
}

func newCrowd(limits Limits) *crowd {
	c := &crowd{}
	c.script = &script{limits: limits, answer: func(_ context.Context, _ int, ids []string) []error {
		c.mu.Lock()
		c.by = append(c.by, goroutine())
		c.mu.Unlock()
		time.Sleep(time.Second)
		return make([]error, len(ids))
	}}
	return c
}

// send has so many events delivered at once.
func send(t *testing.T, f *Forwarder, n int) {
	t.Helper()
	var senders sync.WaitGroup
	for i := range n {
		senders.Go(func() {
			if err := f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "")}, "")[0]; err != nil {
				t.Errorf("Forward() = %v", err)
			}
		})
	}
	senders.Wait()
	synctest.Wait()
}

// TestASlotKeepsItsGoroutine: one sender's events are sent by one goroutine, however long it pauses.
func TestASlotKeepsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(Limits{Items: 10})
		f := New(c, Config{})
		defer f.Close()
		for range 5 {
			send(t, f, 1)
			time.Sleep(time.Hour)
		}
		for _, by := range c.by {
			if by != c.by[0] || by == goroutine() {
				t.Errorf("calls were made by %v, want one goroutine, and not the sender's", c.by)
			}
		}
		if len(c.by) != 5 || len(f.spare) != 1 {
			t.Errorf("%d calls and %d slots, want 5 by 1", len(c.by), len(f.spare))
		}
	})
}

// TestSpareSlotsAreBounded: after a crowd, as many slots wait as may, with their goroutines, and Close ends these.
func TestSpareSlotsAreBounded(t *testing.T) {
	for calls, want := range map[int]int{1: 1, spareMax: spareMax, spareMax + 1: spareMax, 3 * spareMax: spareMax} {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(Limits{Items: 1, Calls: calls})
			f := New(c, Config{})
			for range 2 {
				send(t, f, calls)
				if waiting := slots(); len(f.spare) != want || waiting != want || f.inFlight != 0 {
					t.Errorf("after %d calls at once, %d slots and %d goroutines wait, want %d", calls, len(f.spare), waiting, want)
				}
			}
			if len(c.by) != 2*calls {
				t.Errorf("%d calls, want %d", len(c.by), 2*calls)
			}
			empty(t, f)
			f.Close()
			if left := slots(); left != 0 || len(f.spare) != 0 {
				t.Errorf("after Close, %d goroutines and %d slots are left", left, len(f.spare))
			}
		})
	}
}

// TestCloseEndsSlotsInFlight: one that lands after Close has begun ends too, and Close returns after it.
func TestCloseEndsSlotsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(newCrowd(Limits{Items: 1}), Config{BatchSlots: 2})
		send(t, f, 2) // both slots have waited
		var sender sync.WaitGroup
		sender.Go(func() { f.Forward(t.Context(), []event.Event{ev("a", "")}, "") })
		synctest.Wait()
		start := time.Now()
		f.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v, want it to wait for the call of a second", took)
		}
		sender.Wait()
		if left := slots(); left != 0 || len(f.spare) != 0 {
			t.Errorf("after Close, %d goroutines and %d slots are left", left, len(f.spare))
		}
	})
}
