package forward

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestCloseSettlesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 1}, answer: func(ctx context.Context, _ int, ids []string) []error {
			<-ctx.Done()
			return same(len(ids), ctx.Err())
		}}
		f := New(sink, Config{BatchSlots: 2})
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if errs := f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "k")}, ""); KindOf(errs[0]) != Unavailable || !strings.Contains(Detail(errs[0]), "shutting down") {
					t.Errorf("Forward() = %v, want unavailable for the shutdown", errs[0])
				}
			})
		}
		synctest.Wait()
		f.Close()
		wg.Wait()
		f.Close() // once more does no harm
		empty(t, f)
		if errs := f.Forward(t.Context(), []event.Event{ev("late", "")}, ""); KindOf(errs[0]) != Unavailable {
			t.Errorf("Forward() after Close = %v, want unavailable", errs[0])
		}
	})
}

// TestCloseWaitsForWhatItStarted: a timer's goroutine belongs to the forwarder as much as a call does.
func TestCloseWaitsForWhatItStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&script{limits: Limits{Items: 1}}, Config{})
		ran := false
		f.mu.Lock()
		f.after(time.Minute, func() { ran = true })
		f.cancel(f.after(time.Hour, func() { t.Error("a cancelled timer called") }))
		f.mu.Unlock()
		start := time.Now()
		f.Close()
		if took := time.Since(start); !ran || took != time.Minute {
			t.Errorf("Close returned after %v, the timer had called: %t; want it to wait for the timer alone", took, ran)
		}
	})
}

// TestCloseDoesNotWaitForTimersOfEvents: neither for one before a retry, nor for one that would open another slot.
func TestCloseDoesNotWaitForTimersOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(ctx context.Context, call int, ids []string) []error {
			switch call {
			case 0:
				time.Sleep(40 * time.Millisecond) // so long an event waits for another slot
			case 1:
				return same(len(ids), &Error{Kind: Throttled, RetryAfter: time.Hour, Err: errors.New("x")})
			default:
				<-ctx.Done()
				return same(len(ids), &Error{Kind: Unavailable, Err: ctx.Err()})
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		f.Forward(t.Context(), []event.Event{ev("first", "")}, "")
		var wg sync.WaitGroup
		for _, id := range []string{"resting", "flying", "waiting"} {
			wg.Go(func() {
				if err := f.Forward(t.Context(), []event.Event{ev(id, "")}, "")[0]; !errors.Is(err, errShutdown) {
					t.Errorf("Forward() of %s = %v, want the shutdown", id, err)
				}
			})
			synctest.Wait()
		}
		f.mu.Lock()
		f.lastCall = patienceMax
		if len(f.queue.rest) != 1 {
			t.Errorf("%d events rest, want 1", len(f.queue.rest))
		}
		f.mu.Unlock()
		start := time.Now()
		f.Close()
		wg.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v, want nothing to wait for", took)
		}
		empty(t, f)
	})
}

// TestCloseKeepsTheTargetsVerdict: what the target said of a call that ended with the forwarder is no guess.
func TestCloseKeepsTheTargetsVerdict(t *testing.T) {
	for _, kind := range []Kind{Invalid, Denied, Throttled} {
		synctest.Test(t, func(t *testing.T) {
			sink := &script{limits: Limits{Items: 1}, answer: func(ctx context.Context, _ int, ids []string) []error {
				<-ctx.Done()
				return same(len(ids), &Error{Kind: kind, Err: errors.New("x")})
			}}
			f := New(sink, Config{})
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := f.Forward(t.Context(), []event.Event{ev("a", "")}, "")[0]; KindOf(err) != kind || errors.Is(err, errShutdown) {
					t.Errorf("Forward() = %v, want %v", err, kind)
				}
			})
			synctest.Wait()
			f.Close()
			wg.Wait()
			empty(t, f)
		})
	}
}

// TestAReplacedTimerLeavesTheOtherAlone: it may have begun to wait for the mutex when it was replaced, and Close must still
// know the one that counts.
func TestAReplacedTimerLeavesTheOtherAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&script{limits: Limits{Items: 1}}, Config{})
		f.mu.Lock()
		now := time.Now()
		f.wakeAt(now.Add(time.Second), now)
		late := f.wake
		f.wake = nil // as if it could not be cancelled any more
		f.wakeAt(now.Add(time.Hour), now)
		f.mu.Unlock()
		time.Sleep(2 * time.Second)
		f.mu.Lock()
		if f.wake == nil || f.wake == late {
			t.Error("the timer that was replaced took the other one's place")
		}
		f.mu.Unlock()
		start := time.Now()
		f.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v, want it to cancel the timer that counts", took)
		}
	})
}

// TestARefusedBatchThatNobodyWaitsForIsNotSentAgain: neither when its senders went, nor when the forwarder closed.
func TestARefusedBatchThatNobodyWaitsForIsNotSentAgain(t *testing.T) {
	for name, closes := range map[string]bool{"senders": false, "forwarder": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(ctx context.Context, _ int, ids []string) []error {
					select {
					case <-time.After(time.Minute):
					case <-ctx.Done():
					}
					return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("x")})
				}}
				f := New(sink, Config{})
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				var wg sync.WaitGroup
				wg.Go(func() {
					if got := fmt.Sprint(kinds(f.Forward(ctx, []event.Event{ev("a", ""), ev("b", "")}, ""))); got != "[unavailable unavailable]" {
						t.Errorf("Forward() = %s, want both unavailable", got)
					}
				})
				synctest.Wait()
				if closes {
					f.Close()
				} else {
					hangUp()
				}
				wg.Wait()
				time.Sleep(time.Hour)
				if n := len(sink.sent()); n != 1 {
					t.Errorf("%d calls, want 1", n)
				}
				empty(t, f)
				f.Close()
			})
		})
	}
}

// TestCloseSettlesWhatHasRestedOnce: an event that was tried before is settled like any other, ready or in flight.
func TestCloseSettlesWhatHasRestedOnce(t *testing.T) {
	for name, flies := range map[string]bool{"in flight": true, "ready": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 1}, answer: func(_ context.Context, call int, ids []string) []error {
					if call == 0 {
						return same(len(ids), &Error{Kind: Throttled, RetryAfter: time.Second, Err: errors.New("x")})
					}
					time.Sleep(time.Minute) // whatever ctx says: the target has it
					return make([]error, len(ids))
				}}
				f := New(sink, Config{BatchSlots: 1})
				var wg sync.WaitGroup
				wg.Go(func() {
					err := f.Forward(t.Context(), []event.Event{ev("again", "")}, "")[0]
					if flies && err != nil || !flies && !errors.Is(err, errShutdown) {
						t.Errorf("Forward() of the event that rested = %v", err)
					}
				})
				synctest.Wait()
				if !flies {
					wg.Go(func() {
						if err := f.Forward(t.Context(), []event.Event{ev("flying", "")}, "")[0]; err != nil {
							t.Errorf("Forward() of the event in flight = %v, want what the target said", err)
						}
					})
				}
				time.Sleep(2 * time.Second)
				f.mu.Lock()
				if n, resting := f.queue.n(), len(f.queue.rest); f.inFlight != 1 || resting != 0 || n == 0 != flies {
					t.Errorf("%d in flight, %d ready, %d resting before Close", f.inFlight, n, resting)
				}
				f.mu.Unlock()
				f.Close()
				wg.Wait()
				empty(t, f)
			})
		})
	}
}
