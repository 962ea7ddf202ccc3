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
	"github.com/google/go-cmp/cmp"
)

// identityRefused is how an identity's error looks to this room.
type identityRefused struct{ error }

func (identityRefused) RetryableError() bool { return false }

func TestOnlyTheEntriesThatFailedAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			errs := make([]error, len(ids))
			if call == 0 {
				errs[1] = &Error{Op: "x", Kind: Throttled, Err: errors.New("slow down")}
				errs[2] = errors.New("nobody judged this")
			}
			return errs
		}}
		f := New(sink, Config{})
		defer f.Close()
		errs := f.Forward(t.Context(), []event.Event{ev("a", ""), ev("b", ""), ev("c", "")}, "")
		if got := kinds(errs); !slices.Equal(got, []string{"accepted", "accepted", "accepted"}) {
			t.Errorf("Forward() = %v, want all accepted", got)
		}
		again := slices.Concat(sink.sent()[1:]...)
		slices.Sort(again)
		if !slices.Equal(again, []string{"b", "c"}) {
			t.Errorf("sent again: %v, want b and c once each", again)
		}
	})
}

func TestWhatIsSentAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		err   error
		sends int
		kind  Kind
	}{
		"unavailable":        {&Error{Kind: Unavailable, Err: errors.New("x")}, sendsMax, Unavailable},
		"throttled":          {&Error{Kind: Throttled, Err: errors.New("x")}, sendsMax, Throttled},
		"throttled for long": {&Error{Kind: Throttled, RetryAfter: time.Minute, Err: errors.New("x")}, 1, Throttled},
		"denied":             {&Error{Kind: Denied, Err: errors.New("x")}, 1, Denied},
		"invalid":            {&Error{Kind: Invalid, Err: errors.New("x")}, 1, Invalid},
		"ran":                {&Error{Kind: Unavailable, Ran: true, Err: errors.New("x")}, 1, Unavailable},
		"identity":           {&Error{Kind: Unavailable, Err: identityRefused{errors.New("x")}}, 1, Unavailable},
		"no kind":            {&Error{Err: errors.New("x")}, sendsMax, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error { return same(len(ids), tc.err) }}
				f := New(sink, Config{})
				defer f.Close()
				err := f.Forward(t.Context(), []event.Event{ev("a", "")}, "")[0]
				if KindOf(err) != tc.kind {
					t.Errorf("Forward() = %v, want kind %v", err, tc.kind)
				}
				if n := len(sink.sent()); n != tc.sends {
					t.Errorf("sent %d times, want %d", n, tc.sends)
				}
			})
		})
	}
}

func TestRetryWaitsAsLongAsTheTargetAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			if call == 0 {
				return same(len(ids), &Error{Kind: Throttled, RetryAfter: 1500 * time.Millisecond, Err: errors.New("x")})
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		start := time.Now()
		if errs := f.Forward(t.Context(), []event.Event{ev("a", "")}, ""); errs[0] != nil {
			t.Fatalf("Forward() = %v, want accepted", errs[0])
		}
		if took := time.Since(start); took != 1500*time.Millisecond {
			t.Errorf("accepted after %v, want the 1.5s that the target asked for", took)
		}
	})
}

func TestRefusedBatchIsSentSinglyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			switch {
			case len(ids) > 1:
				return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("which?")})
			case ids[0] == "bad":
				return same(1, &Error{Kind: Invalid, Err: ErrContent})
			case ids[0] == "odd":
				return same(1, &Error{Kind: BatchRefused, Err: errors.New("still not saying")})
			}
			return make([]error, 1)
		}}
		f := New(sink, Config{})
		defer f.Close()
		errs := f.Forward(t.Context(), []event.Event{ev("a", ""), ev("bad", ""), ev("odd", ""), ev("b", "")}, "")
		if diff := cmp.Diff([]string{"accepted", "invalid", "unavailable", "accepted"}, kinds(errs)); diff != "" {
			t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
		}
		count := map[string]int{}
		for _, ids := range sink.sent()[1:] {
			if len(ids) != 1 {
				t.Errorf("a batch of %v after the refusal, want each alone", ids)
			}
			count[ids[0]]++
		}
		if count["a"] != 1 || count["b"] != 1 || count["bad"] != 1 {
			t.Errorf("sent alone: %v, want a, b and bad once each", count)
		}
	})
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
		time.Sleep(time.Minute)
		if n := len(sink.sent()); n != 1 {
			t.Errorf("sent %d times, want 1: nobody waits for it", n)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.held != 0 || f.bytes != 0 || len(f.queue.lanes) != 0 || len(f.queue.rest) != 0 {
			t.Errorf("held %d events, %d bytes, %d lanes, %d resting, want nothing", f.held, f.bytes, len(f.queue.lanes), len(f.queue.rest))
		}
	})
}

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
				if errs := f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "k")}, ""); KindOf(errs[0]) != Unavailable {
					t.Errorf("Forward() = %v, want unavailable", errs[0])
				}
			})
		}
		synctest.Wait()
		f.Close()
		wg.Wait()
		if errs := f.Forward(t.Context(), []event.Event{ev("late", "")}, ""); KindOf(errs[0]) != Unavailable {
			t.Errorf("Forward() after Close = %v, want unavailable", errs[0])
		}
	})
}
