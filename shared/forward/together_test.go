package forward

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// TestTogether: with Limits.Together a batch takes those of a key that fit, in their order, and what is to be sent again
// goes back to the head of its key with those of its batch.
func TestTogether(t *testing.T) {
	refused := &Error{Kind: BatchRefused, Err: errors.New("x")}
	throttled := &Error{Kind: Throttled, RetryAfter: time.Second, Err: errors.New("x")}
	later := &Error{Kind: Throttled, RetryAfter: time.Minute, Err: errors.New("x")}
	denied := &Error{Kind: Denied, Err: errors.New("x")}
	invalid := &Error{Kind: Invalid, Err: errors.New("x")}
	k := []event.Event{ev("k1", "k"), ev("l1", "l"), ev("k2", "k"), ev("k3", "k"), ev("k4", "k")}
	for name, tc := range map[string]struct {
		limits  Limits
		answers map[int][]error // :: call → verdicts; nil for accepted
		calls   [][]string
		kinds   []string
	}{
		"all fit": {
			calls: [][]string{{"k1", "k2", "k3", "k4", "l1"}},
		},
		"as many as fit": {
			limits: Limits{Items: 3},
			calls:  [][]string{{"k1", "k2", "k3"}, {"l1", "k4"}},
		},
		"as many as fit in bytes": {
			limits: Limits{Items: 9, Bytes: 2},
			calls:  [][]string{{"k1", "k2"}, {"l1", "k3"}, {"k4"}},
		},
		"all of a key fail": {
			answers: map[int][]error{0: {throttled, throttled, throttled, throttled, nil}},
			calls:   [][]string{{"k1", "k2", "k3", "k4", "l1"}, {"k1", "k2", "k3", "k4"}},
		},
		"one fails alone, and is overtaken": {
			limits:  Limits{Items: 3},
			answers: map[int][]error{0: {nil, throttled, nil}},
			calls:   [][]string{{"k1", "k2", "k3"}, {"l1"}, {"k2", "k4"}},
		},
		"each waits as long as it must": {
			answers: map[int][]error{0: {throttled, later, nil, nil, nil}},
			calls:   [][]string{{"k1", "k2", "k3", "k4", "l1"}, {"k1"}, {"k2"}},
		},
		"refused as a whole, each alone once": {
			limits:  Limits{Items: 3},
			answers: map[int][]error{0: {refused, refused, refused}},
			calls:   [][]string{{"k1", "k2", "k3"}, {"k1"}, {"k2"}, {"k3"}, {"l1", "k4"}},
		},
		"those behind a failure for good fail with it, sent again or not": {
			limits:  Limits{Items: 3},
			answers: map[int][]error{0: {nil, denied, throttled}},
			calls:   [][]string{{"k1", "k2", "k3"}, {"l1"}},
			kinds:   []string{"accepted", "accepted", "denied", "unavailable", "unavailable"},
		},
		"those before a failure for good are sent again": {
			limits:  Limits{Items: 3},
			answers: map[int][]error{0: {throttled, denied, nil}},
			calls:   [][]string{{"k1", "k2", "k3"}, {"l1"}, {"k1"}},
			kinds:   []string{"accepted", "accepted", "denied", "accepted", "unavailable"},
		},
		"after one that will not come again they go on": {
			limits:  Limits{Items: 3},
			answers: map[int][]error{0: {nil, invalid, throttled}},
			calls:   [][]string{{"k1", "k2", "k3"}, {"l1"}, {"k3", "k4"}},
			kinds:   []string{"accepted", "accepted", "invalid", "accepted", "accepted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.limits.Together = true
				if tc.limits.Items == 0 {
					tc.limits.Items = 10
				}
				sink := &script{limits: tc.limits, answer: func(_ context.Context, call int, ids []string) []error {
					if errs := tc.answers[call]; errs != nil {
						return errs
					}
					return make([]error, len(ids))
				}}
				f := New(sink, Config{BatchSlots: 1})
				defer f.Close()
				errs := f.Forward(t.Context(), k, "")
				if tc.kinds == nil {
					tc.kinds = slices.Repeat([]string{"accepted"}, len(k))
				}
				if diff := cmp.Diff(tc.kinds, kinds(errs)); diff != "" {
					t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.calls, sink.sent()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				empty(t, f)
			})
		})
	}
}

// TestTogetherWithoutItsSender: of a sender that goes while its events of a key are in flight and behind, those behind are
// taken out, and those of another sender behind them go on when the key is free.
func TestTogetherWithoutItsSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 2, Together: true}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(time.Second)
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		go func() {
			time.Sleep(time.Second / 10)
			if err := errors.Join(f.Forward(t.Context(), []event.Event{ev("k4", "k")}, "")...); err != nil {
				t.Errorf("the event of the other sender: %v", err)
			}
		}()
		errs := f.Forward(ctx, []event.Event{ev("k1", "k"), ev("k2", "k"), ev("k3", "k")}, "")
		if diff := cmp.Diff([]string{"unavailable", "unavailable", "unavailable"}, kinds(errs)); diff != "" {
			t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff([][]string{{"k1", "k2"}, {"k4"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		empty(t, f)
	})
}

// TestTogetherWithoutAKey: an event without a key has none behind it, and is in a batch with those that have.
func TestTogetherWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10, Together: true}, answer: func(_ context.Context, _ int, ids []string) []error { return make([]error, len(ids)) }}
		f := New(sink, Config{BatchSlots: 1})
		defer f.Close()
		if err := errors.Join(f.Forward(t.Context(), []event.Event{ev("a", ""), ev("k1", "k"), ev("b", ""), ev("k2", "k")}, "")...); err != nil {
			t.Errorf("Forward() = %v, want all accepted", err)
		}
		if diff := cmp.Diff([][]string{{"a", "k1", "k2", "b"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		empty(t, f)
	})
}
