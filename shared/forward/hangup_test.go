package forward

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// empty checks that the forwarder holds nothing and accounts for nothing.
func empty(t *testing.T, f *Forwarder) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held != 0 || f.bytes != 0 || f.inFlight != 0 || len(f.queue.lanes) != 0 || len(f.queue.rest) != 0 || f.queue.n() != 0 ||
		f.queue.ready.bytes != 0 || f.queue.again.bytes != 0 {
		t.Errorf("held %d events, %d bytes, %d calls, %d lanes, %d resting, %d ready of %d bytes; want nothing",
			f.held, f.bytes, f.inFlight, len(f.queue.lanes), len(f.queue.rest), f.queue.n(), f.queue.ready.bytes+f.queue.again.bytes)
	}
	for _, slot := range f.spare {
		for i, e := range slot.batch[:cap(slot.batch)] {
			if e != nil || slot.items[:cap(slot.items)][i].Payload != nil {
				t.Errorf("a slot that is not in use keeps entry %d", i)
			}
		}
	}
}

func TestTheSendersDeadlineEndsItsWaitingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		sink := &script{limits: Limits{Items: 1}, answer: func(ctx context.Context, call int, ids []string) []error {
			if call == 0 {
				time.Sleep(30 * time.Second)
				ended <- ctx.Err()
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if errs := f.Forward(ctx, []event.Event{ev("a", ""), ev("b", "")}, ""); KindOf(errs[0]) != Unavailable || KindOf(errs[1]) != Unavailable {
				t.Errorf("Forward() = %v, want unavailable for both", errs)
			}
		})
		synctest.Wait()
		start := time.Now()
		if errs := f.Forward(t.Context(), []event.Event{ev("c", "")}, ""); errs[0] != nil {
			t.Errorf("Forward() of another sender = %v, want accepted", errs[0])
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("another sender's event came after %v, want 30s: the slot was taken until then", took)
		}
		wg.Wait()
		if err := <-ended; err != nil {
			t.Errorf("the call's context = %v, want it untouched by the sender's deadline", err)
		}
		if diff := cmp.Diff([][]string{{"a"}, {"c"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got): b was not started when its sender went\n%s", diff)
		}
	})
}

func TestASenderThatHangsUpIsTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			return same(len(ids), &Error{Kind: Throttled, RetryAfter: time.Second, Err: errors.New("x")})
		}}
		f := New(sink, Config{})
		defer f.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(ctx, []event.Event{ev("a", "")}, "") })
		synctest.Wait()
		cancel() // while it rests before its second try
		wg.Wait()
		empty(t, f)
		time.Sleep(time.Minute)
		if n := len(sink.sent()); n != 1 {
			t.Errorf("sent %d times, want 1: nobody waits for it", n)
		}
	})
}

// TestWhoHangsUpDoesNotFailOthers: an event that the sink never had is taken out as if it had not come.
func TestWhoHangsUpDoesNotFailOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			if call == 0 {
				<-release
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(t.Context(), []event.Event{ev("busy", "")}, "") })
		synctest.Wait()
		ctx, hangUp := context.WithCancel(t.Context())
		wg.Go(func() {
			for _, err := range f.Forward(ctx, []event.Event{ev("k1", "k"), ev("k2", "k"), ev("k3", "k")}, "") {
				if KindOf(err) != Unavailable || !errors.Is(err, errGone) || !errors.Is(err, context.Canceled) {
					t.Errorf("Forward() of the one who hung up = %v, want that there was no verdict in time", err)
				}
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got := kinds(f.Forward(t.Context(), []event.Event{ev("k4", "k"), ev("k5", "k")}, "")); !slices.Equal(got, []string{"accepted", "accepted"}) {
				t.Errorf("Forward() of the other sender of the key = %v, want accepted", got)
			}
		})
		synctest.Wait()
		hangUp()
		synctest.Wait()
		close(release)
		wg.Wait()
		if diff := cmp.Diff([][]string{{"busy"}, {"k4"}, {"k5"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		empty(t, f)
	})
}

// TestARefusedBatchIsNoTry: what was in it and waits to be sent alone can be taken out like what was never sent.
func TestARefusedBatchIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			if call == 0 {
				return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("x")})
			}
			if ids[0] == "a" {
				time.Sleep(time.Hour)
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		ctx, hangUp := context.WithTimeout(t.Context(), time.Minute)
		defer hangUp()
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(ctx, []event.Event{ev("a", "a"), ev("k1", "k")}, "") })
		synctest.Wait() // a is in flight alone, and k1 waits for the slot
		wg.Go(func() {
			if err := f.Forward(t.Context(), []event.Event{ev("k2", "k")}, "")[0]; err != nil {
				t.Errorf("Forward() of k2 = %v, want accepted", err)
			}
		})
		wg.Wait()
		if diff := cmp.Diff([][]string{{"a", "k1"}, {"a"}, {"k2"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		empty(t, f)
	})
}

// TestADeadlineAfterATryFailsTheKey: what was tried and failed will come again, and must not come after those behind it.
func TestADeadlineAfterATryFailsTheKey(t *testing.T) {
	for name, flying := range map[string]bool{"resting": false, "in flight": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
					if flying {
						time.Sleep(3 * time.Second)
					}
					return same(len(ids), &Error{Kind: Throttled, RetryAfter: 20 * time.Second, Err: errors.New("x")})
				}}
				f := New(sink, Config{})
				defer f.Close()
				ctx, hangUp := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { f.Forward(ctx, []event.Event{ev("k1", "k")}, "") })
				synctest.Wait()
				wg.Go(func() {
					for i, err := range f.Forward(t.Context(), []event.Event{ev("k2", "k"), ev("k3", "k")}, "") {
						if KindOf(err) != Unavailable || !errors.Is(err, errFollows) {
							t.Errorf("follower %d = %v, want it to fail with the one before it", i, err)
						}
					}
				})
				synctest.Wait()
				hangUp()
				wg.Wait()
				empty(t, f)
				if diff := cmp.Diff([][]string{{"k1"}}, sink.sent()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestWhoIsGoneIsNotServed: nobody would learn that it was delivered.
func TestWhoIsGoneIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}}
		f := New(sink, Config{})
		defer f.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Forward(ctx, []event.Event{ev("a", "")}, "")[0]; KindOf(err) != Unavailable || !errors.Is(err, errGone) {
			t.Errorf("Forward() of one who is gone = %v, want unavailable", err)
		}
		empty(t, f)
		if n := len(sink.sent()); n != 0 {
			t.Errorf("%d calls, want none", n)
		}
	})
}

// TestALateVerdictLeavesTheResultAlone: the slice is the caller's from the moment Forward returns.
func TestALateVerdictLeavesTheResultAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(time.Minute)
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		errs := f.Forward(ctx, []event.Event{ev("a", ""), ev("b", "")}, "")
		f.mu.Lock()
		if f.held != 2 || f.bytes != 2 {
			t.Errorf("held %d events of %d bytes, want both of the call that is still in flight", f.held, f.bytes)
		}
		f.mu.Unlock()
		mine := errors.New("mine")
		errs[0], errs[1] = mine, mine
		time.Sleep(time.Hour)
		empty(t, f)
		if !errors.Is(errs[0], mine) || !errors.Is(errs[1], mine) {
			t.Errorf("the result became %v after Forward returned", errs)
		}
	})
}

// keeper is a sink whose payloads can be watched.
type keeper struct {
	script
	payloads []weak.Pointer[[1 << 16]byte]
}

func (k *keeper) Prepare(e *event.Event, _ string) (Item, error) {
	p := new([1 << 16]byte)
	k.payloads = append(k.payloads, weak.Make(p))
	return Item{Key: e.Subject(), Size: len(p), Payload: p}, nil
}

func (k *keeper) Send(ctx context.Context, items []Item) []error {
	k.mu.Lock()
	call := len(k.calls)
	k.calls = append(k.calls, nil)
	k.mu.Unlock()
	return k.answer(ctx, call, make([]string, len(items)))
}

// TestWhatHasItsVerdictIsNotKept: QueueBytes bounds memory only if what no longer counts is no longer there.
func TestWhatHasItsVerdictIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := &keeper{}
		k.limits, k.answer = Limits{Items: 2}, func(_ context.Context, call int, ids []string) []error {
			if call == 1 {
				<-release
			}
			return make([]error, len(ids))
		}
		f := New(k, Config{BatchSlots: 1})
		defer f.Close()
		var wg sync.WaitGroup
		var events []event.Event
		for i := range 3 {
			events = append(events, ev(fmt.Sprint(i), ""))
		}
		wg.Go(func() { f.Forward(t.Context(), events, "") })
		synctest.Wait() // two were accepted in the first call, the third is in the second
		runtime.GC()
		kept := ""
		for _, p := range k.payloads {
			kept += map[bool]string{true: "-", false: "x"}[p.Value() == nil]
		}
		if want := "--x"; kept != want {
			t.Errorf("payloads kept: %s, want %s: only what is in flight", kept, want)
		}
		close(release)
		wg.Wait()
	})
}
