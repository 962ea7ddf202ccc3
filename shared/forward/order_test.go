package forward

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

func TestARetryHoldsItsKeyAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var accepted []string
		var mu sync.Mutex
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			mu.Lock()
			defer mu.Unlock()
			errs := make([]error, len(ids))
			for i, id := range ids {
				if id == "k1" && call < 2 {
					errs[i] = &Error{Kind: Throttled, RetryAfter: time.Second, Err: errors.New("x")}
					continue
				}
				accepted = append(accepted, id)
			}
			return errs
		}}
		f := New(sink, Config{})
		defer f.Close()
		errs := f.Forward(t.Context(), []event.Event{ev("k1", "k"), ev("k2", "k"), ev("k3", "k"), ev("other", "l"), ev("free", "")}, "")
		if got := kinds(errs); !slices.Equal(got, slices.Repeat([]string{"accepted"}, 5)) {
			t.Errorf("Forward() = %v, want all accepted", got)
		}
		if diff := cmp.Diff([]string{"other", "free", "k1", "k2", "k3"}, accepted); diff != "" {
			t.Errorf("order of acceptance (-want +got):\n%s", diff)
		}
		if sink.overlap != "" {
			t.Errorf("key %q was twice in flight", sink.overlap)
		}
	})
}

func TestFollowersFailWithTheirKey(t *testing.T) {
	for name, tc := range map[string]struct {
		first error
		want  []string
	}{
		"after a failure that will be repeated": {&Error{Kind: Denied, Err: errors.New("x")}, []string{"denied", "unavailable", "unavailable", "accepted"}},
		"after one that will not":               {&Error{Kind: Invalid, Err: errors.New("x")}, []string{"invalid", "accepted", "accepted", "accepted"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
					errs := make([]error, len(ids))
					if i := slices.Index(ids, "k1"); i >= 0 {
						errs[i] = tc.first
					}
					return errs
				}}
				f := New(sink, Config{})
				defer f.Close()
				errs := f.Forward(t.Context(), []event.Event{ev("k1", "k"), ev("k2", "k"), ev("k3", "k"), ev("other", "l")}, "")
				if diff := cmp.Diff(tc.want, kinds(errs)); diff != "" {
					t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// faulty is a target that fails at random, before and after the effect, and remembers what reached it in which order. An
// event's id is key/number.
type faulty struct {
	mu       sync.Mutex // guards all below
	random   *rand.Rand
	arrived  map[string][]string // :: ordering key → ids in the order of their effects
	accepted map[string]bool     // :: id → reported as accepted
	whole    bool                // only whole calls fail
}

func (f *faulty) answer(_ context.Context, _ int, ids []string) []error {
	f.mu.Lock()
	wait := time.Duration(f.random.IntN(40)) * time.Millisecond
	whole := f.random.IntN(30)
	errs := make([]error, len(ids))
	cause, before := f.random.IntN(12), f.random.IntN(2) == 0
	for i, id := range ids {
		var err error
		effect := true
		if !f.whole {
			cause, before = f.random.IntN(12), f.random.IntN(2) == 0
		}
		switch cause {
		case 0:
			err, effect = &Error{Kind: Unavailable, Err: errors.New("x")}, before
		case 1:
			err, effect = &Error{Kind: Throttled, RetryAfter: time.Duration(f.random.IntN(200)) * time.Millisecond, Err: errors.New("x")}, false
		case 2:
			err, effect = &Error{Kind: Denied, Err: errors.New("x")}, false
		}
		switch whole {
		case 0, 1:
			err, effect = &Error{Kind: BatchRefused, Err: errors.New("x")}, false
		case 2, 3: // lost before or after the effect, and the sink breaks its contract
			err, effect = nil, whole == 2
		}
		if errs[i] = err; effect {
			key, _, _ := strings.Cut(id, "/")
			f.arrived[key] = append(f.arrived[key], id)
		}
		f.accepted[id] = f.accepted[id] || err == nil && whole != 2 && whole != 3
	}
	f.mu.Unlock()
	time.Sleep(wait)
	switch whole {
	case 2:
		return errs[1:]
	case 3:
		panic("boom")
	}
	return errs
}

// send hands over the events of one key, several a request, as a sender does: with little patience at times, and what was not
// accepted is sent again in its order.
func (f *faulty) send(t *testing.T, forwarder *Forwarder, key string, n int) {
	var pending []event.Event
	for next := 0; next < n || len(pending) > 0; {
		for ; next < n && len(pending) < 5; next++ {
			pending = append(pending, ev(fmt.Sprintf("%s/%03d", key, next), key))
		}
		f.mu.Lock()
		patience := time.Duration(20+f.random.IntN(2000)) * time.Millisecond
		f.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		errs := forwarder.Forward(ctx, pending, "")
		cancel()
		var left []event.Event
		for i, err := range errs {
			f.mu.Lock()
			accepted := f.accepted[pending[i].ID()]
			f.mu.Unlock()
			switch {
			case err == nil && !accepted:
				t.Errorf("event %s is called accepted, and the sink never said so", pending[i].ID())
			case err != nil && (KindOf(err) == Invalid || KindOf(err) == BatchRefused):
				t.Errorf("event %s: %v, which no sink said", pending[i].ID(), err)
			}
			if err != nil {
				left = append(left, pending[i])
			}
		}
		if pending = left; len(pending) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestOrderUnderFaults sends the events of many keys in requests of several through a sink that fails in every way, from
// senders that lose patience: within a key, the first effect of each event comes in the order in which its sender sent it,
// no key is twice in flight, every event is accepted in the end, and nothing is held then. The same holds with several of a
// key in one batch as long as calls fail as a whole; where entries fail alone, all holds but the order.
func TestOrderUnderFaults(t *testing.T) {
	const keys, each = 12, 30
	for name, tc := range map[string]struct{ together, whole bool }{
		"one of a key at a time":              {},
		"several together":                    {together: true},
		"several together, whole calls fail":  {together: true, whole: true},
		"one of a key and whole calls failed": {whole: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				synctest.Test(t, func(t *testing.T) {
					target := &faulty{random: rand.New(rand.NewPCG(seed, 1)), arrived: map[string][]string{}, accepted: map[string]bool{}, whole: tc.whole}
					sink := &script{limits: Limits{Items: 7, Together: tc.together}, answer: target.answer}
					f := New(sink, Config{BatchSlots: 1 + int(seed%4), QueueEvents: 30})
					defer f.Close()
					var wg sync.WaitGroup
					for key := range keys {
						wg.Go(func() { target.send(t, f, fmt.Sprint(key), each) })
					}
					wg.Wait()
					for key, ids := range target.arrived {
						if first := firsts(ids); len(first) != each || !slices.IsSorted(first) && (tc.whole || !tc.together) {
							t.Errorf("seed %d: key %s arrived as %v, want its %d events in order", seed, key, ids, each)
						}
					}
					if sink.overlap != "" {
						t.Errorf("seed %d: key %q was twice in flight", seed, sink.overlap)
					}
					time.Sleep(time.Minute) // calls whose senders are gone
					empty(t, f)
				})
			}
		})
	}
}

// firsts keeps the first of equal ids.
func firsts(ids []string) (out []string) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
