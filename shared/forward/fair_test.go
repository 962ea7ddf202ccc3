package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// TestLanesTakeTurns: a long lane must not keep out what came after it with another key, or with none.
func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 2}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(10 * time.Millisecond)
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		var long []event.Event
		for i := range 40 {
			key := fmt.Sprint("long", i%2)
			long = append(long, ev(fmt.Sprint(key, "/", i), key))
		}
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(t.Context(), long, "") })
		synctest.Wait()
		for _, key := range []string{"", "short"} {
			wg.Go(func() {
				start := time.Now()
				if err := f.Forward(t.Context(), []event.Event{ev("late"+key, key)}, "")[0]; err != nil {
					t.Errorf("Forward() = %v, want accepted", err)
				}
				if took := time.Since(start); took > 30*time.Millisecond {
					t.Errorf("the event of key %q took %v, want at most the call in flight and two more", key, took)
				}
			})
		}
		wg.Wait()
		empty(t, f)
	})
}

// TestEventsSentAloneUseTheSlots: each is a full batch, so it waits for none before it.
func TestEventsSentAloneUseTheSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(20 * time.Millisecond)
			if len(ids) > 1 {
				return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("which?")})
			}
			return make([]error, 1)
		}}
		f := New(sink, Config{BatchSlots: 10})
		defer f.Close()
		var events []event.Event
		var want []string
		for i := range 10 {
			events = append(events, ev(fmt.Sprint(i), ""))
			want = append(want, fmt.Sprint(i))
		}
		start := time.Now()
		if got := kinds(f.Forward(t.Context(), events, "")); !slices.Equal(got, slices.Repeat([]string{"accepted"}, 10)) {
			t.Errorf("Forward() = %v, want all accepted", got)
		}
		if took := time.Since(start); took != 40*time.Millisecond {
			t.Errorf("accepted after %v, want 40ms: the refused batch, and ten calls at once", took)
		}
		alone := slices.Concat(sink.sent()[1:]...)
		slices.Sort(alone)
		if !slices.Equal(alone, want) {
			t.Errorf("sent alone: %v, want each once", alone)
		}
	})
}

// TestWhatIsSentAloneKeepsItsPlace: with one slot, the oldest goes first.
func TestWhatIsSentAloneKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 3}, answer: func(_ context.Context, call int, ids []string) []error {
			time.Sleep(time.Millisecond)
			if call == 0 {
				return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("which?")})
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		var events []event.Event
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			events = append(events, ev(id, ""))
		}
		f.Forward(t.Context(), events, "")
		if got, want := fmt.Sprint(sink.sent()), "[[a b c] [a] [b] [c] [d e]]"; got != want {
			t.Errorf("calls = %s, want %s", got, want)
		}
	})
}

// TestTheOldestDecidesWhenASlotOpens: events that come back for another try are younger as ready ones, and must not make
// the older ones behind them wait anew.
func TestTheOldestDecidesWhenASlotOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 100}, answer: func(_ context.Context, call int, ids []string) []error {
			errs := make([]error, len(ids))
			switch call {
			case 0:
				time.Sleep(patienceMax)
				for i := range errs {
					errs[i] = &Error{Kind: Throttled, RetryAfter: time.Duration(i+1) * 30 * time.Millisecond, Err: errors.New("x")}
				}
			case 1:
				time.Sleep(time.Minute)
			}
			return errs
		}}
		f := New(sink, Config{})
		defer f.Close()
		var again []event.Event
		for i := range 20 {
			again = append(again, ev(fmt.Sprint(i), ""))
		}
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(t.Context(), again, "") })
		time.Sleep(patienceMax + 1)
		wg.Go(func() { f.Forward(t.Context(), []event.Event{ev("slow", "")}, "") })
		synctest.Wait()
		start := time.Now()
		if err := f.Forward(t.Context(), []event.Event{ev("x", "")}, "")[0]; err != nil {
			t.Errorf("Forward() = %v, want accepted", err)
		}
		if took := time.Since(start); took > patienceMax {
			t.Errorf("the event took %v, want at most %v", took, patienceMax)
		}
		wg.Wait()
	})
}

// slowly starts a forwarder whose first call took as long as patience goes, and whose later calls last until Close.
func slowly(t *testing.T, limits Limits) (*Forwarder, *script) {
	t.Helper()
	sink := &script{limits: limits, answer: func(ctx context.Context, call int, ids []string) []error {
		if call == 0 {
			time.Sleep(patienceMax)
			return make([]error, len(ids))
		}
		<-ctx.Done()
		return same(len(ids), ctx.Err())
	}}
	f := New(sink, Config{BatchSlots: 4})
	f.Forward(t.Context(), []event.Event{ev("warm", "")}, "")
	return f, sink
}

// TestPatienceFollowsTheLastCall: when calls have become fast, nothing waits for a timer of the time when they were slow,
// and Close does not either.
func TestPatienceFollowsTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sink := slowly(t, Limits{Items: 10})
		var wg sync.WaitGroup
		start := func(id string) {
			wg.Go(func() { f.Forward(t.Context(), []event.Event{ev(id, "")}, "") })
			synctest.Wait()
		}
		start("flying")
		start("waiting")
		f.mu.Lock()
		f.lastCall = time.Millisecond // as if another slot's call had ended
		f.mu.Unlock()
		start("next")
		if n := len(sink.sent()); n != 2 {
			t.Fatalf("%d calls, want 2: the next event's patience is not over", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := len(sink.sent()); n != 3 {
			t.Errorf("%d calls after a millisecond, want 3", n)
		}
		closing := time.Now()
		f.Close()
		wg.Wait()
		if took := time.Since(closing); took != 0 {
			t.Errorf("Close took %v, want it to wait for no timer that another has replaced", took)
		}
	})
}

// TestAFullBatchOpensASlot: it has nothing to wait for; one that is not full has.
func TestAFullBatchOpensASlot(t *testing.T) {
	for name, tc := range map[string]struct {
		limits Limits
		fills  int // how many events of one byte fill a batch
	}{"by items": {Limits{Items: 3}, 3}, "by bytes": {Limits{Items: 100, Bytes: 4}, 4}} {
		synctest.Test(t, func(t *testing.T) {
			f, sink := slowly(t, tc.limits)
			var wg sync.WaitGroup
			for i := range 1 + tc.fills {
				if n := len(sink.sent()); n != 1+min(i, 1) {
					t.Errorf("%s: %d calls before event %d, want the warm one and the first event's", name, n, i)
				}
				wg.Go(func() { f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "")}, "") })
				synctest.Wait()
			}
			if n := len(sink.sent()); n != 3 {
				t.Errorf("%s: %d calls when %d events waited, want another slot", name, n, tc.fills)
			}
			f.Close()
			wg.Wait()
			empty(t, f)
		})
	}
}

// TestPatienceEndsEachTime: a timer that has called makes room for the next.
func TestPatienceEndsEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := slowly(t, Limits{Items: 10})
		f.config.BatchSlots = 100
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "")}, "") })
			time.Sleep(patienceMax + 1)
			synctest.Wait()
			f.mu.Lock()
			if f.inFlight != i+1 || f.wake != nil {
				t.Errorf("%d calls in flight, a timer set: %t; want %d, since each event's patience is over", f.inFlight, f.wake != nil, i+1)
			}
			f.mu.Unlock()
		}
		f.Close()
		wg.Wait()
	})
}

// TestABatchIsFilledToTheLastByte: what just fits goes along.
func TestABatchIsFilledToTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10, Bytes: 4}}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		var events []event.Event
		for i := range 8 {
			events = append(events, ev(fmt.Sprint(i), ""))
		}
		f.Forward(t.Context(), events, "")
		if got, want := fmt.Sprint(sink.sent()), "[[0 1 2 3] [4 5 6 7]]"; got != want {
			t.Errorf("calls = %s, want %s", got, want)
		}
	})
}

// TestPatienceIsBounded: after a call of many seconds, the next event does not wait as long for a slot that is free.
func TestPatienceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sink := slowly(t, Limits{Items: 10})
		f.lastCall = 8 * time.Second
		var wg sync.WaitGroup
		for _, id := range []string{"flying", "next"} {
			wg.Go(func() { f.Forward(t.Context(), []event.Event{ev(id, "")}, "") })
			synctest.Wait()
		}
		time.Sleep(patienceMax)
		synctest.Wait()
		if n := len(sink.sent()); n != 3 {
			t.Errorf("%d calls after %v, want the next event in flight", n, patienceMax)
		}
		f.Close()
		wg.Wait()
	})
}

// TestSlotsAreBounded: BATCH_SLOTS is a limit whatever waits, and each slot is used.
func TestSlotsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		sink := &script{limits: Limits{Items: 2}, answer: func(_ context.Context, _ int, ids []string) []error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 3})
		defer f.Close()
		var events []event.Event
		for i := range 60 {
			events = append(events, ev(fmt.Sprint(i), ""))
		}
		start := time.Now()
		f.Forward(t.Context(), events, "")
		if took := time.Since(start); most != 3 || took != 100*time.Millisecond {
			t.Errorf("at most %d calls in flight and %v in all, want 3 and 100ms", most, took)
		}
	})
}

// TestDefaults holds what zero values mean.
func TestDefaults(t *testing.T) {
	f := New(&script{}, Config{})
	defer f.Close()
	if c := f.config; c.QueueEvents != 1000 || c.QueueBytes != 16<<20 || c.BatchSlots != 16 || f.limits.Items != 1 {
		t.Errorf("QueueEvents %d, QueueBytes %d, BatchSlots %d, items of a batch %d; want 1000, 16 MiB, 16, 1", c.QueueEvents, c.QueueBytes, c.BatchSlots, f.limits.Items)
	}
}
