package forward

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
		"unavailable":       {&Error{Kind: Unavailable, Err: errors.New("x")}, sendsMax, Unavailable},
		"throttled":         {&Error{Kind: Throttled, Err: errors.New("x")}, sendsMax, Throttled},
		"denied":            {&Error{Kind: Denied, Err: errors.New("x")}, 1, Denied},
		"invalid":           {&Error{Kind: Invalid, Err: errors.New("x")}, 1, Invalid},
		"ran":               {&Error{Kind: Unavailable, Ran: true, Err: errors.New("x")}, 1, Unavailable},
		"identity":          {&Error{Kind: Unavailable, Err: identityRefused{errors.New("x")}}, 1, Unavailable},
		"no kind":           {&Error{Err: errors.New("x")}, sendsMax, Unavailable},
		"nil *Error":        {(*Error)(nil), sendsMax, Unavailable},
		"wrapped":           {fmt.Errorf("more: %w", &Error{Kind: Denied, Err: errors.New("x")}), 1, Denied},
		"refused, alone":    {&Error{Kind: BatchRefused, Err: errors.New("x")}, 1, Unavailable},
		"refused, no cause": {&Error{Kind: BatchRefused}, 1, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error { return same(len(ids), tc.err) }}
				f := New(sink, Config{})
				defer f.Close()
				err := f.Forward(t.Context(), []event.Event{ev("a", "")}, "")[0]
				if KindOf(err) != tc.kind || strings.Contains(err.Error(), "%!") || errors.Is(err, errShutdown) {
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
				return same(len(ids), &Error{Kind: Throttled, RetryAfter: 5 * time.Second, Err: errors.New("x")})
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		start := time.Now()
		if errs := f.Forward(t.Context(), []event.Event{ev("a", "")}, ""); errs[0] != nil {
			t.Fatalf("Forward() = %v, want accepted", errs[0])
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("accepted after %v, want the 5s that the target asked for", took)
		}
	})
}

// TestNoRetryBeyondTheSendersDeadline: the sender learns at once what it would otherwise not learn at all.
func TestNoRetryBeyondTheSendersDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		after time.Duration
		sends int
		took  time.Duration
		kind  Kind
	}{
		"asked for more":     {24 * time.Second, 1, 0, Throttled},
		"asked for less":     {24*time.Second - 1, 2, 24*time.Second - 1, Throttled},
		"asked for nothing":  {0, sendsMax, -1, Throttled},
		"asked for too long": {time.Hour, 1, 0, Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
					return same(len(ids), &Error{Kind: Throttled, RetryAfter: tc.after, Err: errors.New("x")})
				}}
				f := New(sink, Config{})
				defer f.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Second)
				defer cancel()
				start := time.Now()
				err := f.Forward(ctx, []event.Event{ev("a", "")}, "")[0]
				v, ok := errors.AsType[*Error](err)
				if !ok || v.Kind != tc.kind || v.RetryAfter != tc.after {
					t.Errorf("Forward() = %v, want the target's verdict with its RetryAfter of %v", err, tc.after)
				}
				if n := len(sink.sent()); n != tc.sends {
					t.Errorf("sent %d times, want %d", n, tc.sends)
				}
				if took := time.Since(start); tc.took >= 0 && took != tc.took {
					t.Errorf("the verdict came after %v, want %v", took, tc.took)
				}
				empty(t, f)
			})
		})
	}
}

// TestBackoff holds the waiting to its bounds: full jitter from 100 ms doubling to 2 s.
func TestBackoff(t *testing.T) {
	f := New(&script{limits: Limits{Items: 1}}, Config{})
	defer f.Close()
	for sends, most := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 4: 800 * time.Millisecond} {
		low, high := time.Hour, time.Duration(0)
		for range 2000 {
			wait, again := f.retry(&entry{sends: sends, request: &request{}}, &Error{Kind: Unavailable}, rand.Float64())
			if !again {
				t.Fatalf("no retry after %d sends", sends)
			}
			low, high = min(low, wait), max(high, wait)
		}
		if low <= 0 || low > most/10 || high > most || high < most*9/10 {
			t.Errorf("after %d sends the waiting is %v to %v, want all of 0 to %v", sends, low, high, most)
		}
	}
}

// TestATimerThatComesTooLateFindsNothingToDo: it may have begun to wait for the mutex when its event was taken out.
func TestATimerThatComesTooLateFindsNothingToDo(t *testing.T) {
	f := New(&script{limits: Limits{Items: 1}}, Config{})
	defer f.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range []state{waiting, flying, ended} {
		if f.resume(&entry{state: s}); f.queue.n() != 0 {
			t.Fatalf("an event in state %d was made ready by its timer", s)
		}
	}
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
