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

// TestOrderUnderFaults sends the events of many keys from many senders, each waiting for the verdict and sending again what
// was not accepted, through a sink that fails at random before and after the effect: within a key, the first acceptance of
// each event comes in the order in which its sender sent it, and every event is accepted in the end.
func TestOrderUnderFaults(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex // guards random and arrived
			arrived := map[string][]string{}
			sink := &script{limits: Limits{Items: 7}, answer: func(_ context.Context, _ int, ids []string) []error {
				mu.Lock()
				wait := time.Duration(random.IntN(20)) * time.Millisecond
				refused := random.IntN(10) == 0
				errs := make([]error, len(ids))
				for i, id := range ids {
					fails := random.IntN(4) == 0
					lost := random.IntN(2) == 0
					if refused {
						errs[i] = &Error{Kind: BatchRefused, Err: errors.New("x")}
						continue
					}
					if !fails || lost {
						key, _, _ := strings.Cut(id, "/")
						arrived[key] = append(arrived[key], id)
					}
					if fails {
						errs[i] = &Error{Kind: Unavailable, Err: errors.New("x")}
					}
				}
				mu.Unlock()
				time.Sleep(wait)
				return errs
			}}
			f := New(sink, Config{BatchSlots: 4})
			defer f.Close()
			var wg sync.WaitGroup
			for key := range 12 {
				wg.Go(func() {
					for i := range 30 {
						id := fmt.Sprintf("%d/%03d", key, i)
						for {
							if errs := f.Forward(t.Context(), []event.Event{ev(id, fmt.Sprint(key))}, ""); errs[0] == nil {
								break
							}
						}
					}
				})
			}
			wg.Wait()
			for key, ids := range arrived {
				first := slices.Compact(slices.Clone(ids))
				if !slices.IsSorted(first) || len(first) != 30 {
					t.Errorf("seed %d: key %s arrived as %v, want its 30 events in order", seed, key, ids)
				}
			}
			if sink.overlap != "" {
				t.Errorf("seed %d: key %q was twice in flight", seed, sink.overlap)
			}
		})
	}
}
