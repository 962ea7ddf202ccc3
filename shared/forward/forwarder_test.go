package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// script is a sink that does what a test says. Item payloads are event ids; an event's subject is its ordering key.
type script struct {
	limits Limits
	answer func(ctx context.Context, call int, ids []string) []error

	mu       sync.Mutex
	calls    [][]string
	inFlight map[string]bool // :: ordering key → in a call now
	overlap  string          // a key that was in two calls at once, or twice in one without Limits.Together
}

func (s *script) hold(key string) {
	if s.inFlight == nil {
		s.inFlight = map[string]bool{}
	}
	s.inFlight[key] = true
}

func (s *script) Limits() Limits { return s.limits }

func (s *script) Prepare(e *event.Event, _ string) (Item, error) {
	switch e.Type() {
	case "invalid":
		return Item{}, &Error{Op: "map", Kind: Invalid, Err: errors.New("no")}
	case "refused":
		return Item{}, &Error{Op: "map", Kind: BatchRefused, Err: errors.New("no")}
	case "unjudged":
		return Item{}, errors.New("no")
	}
	return Item{Key: e.Subject(), Size: max(1, len(e.Data())), Payload: e.ID()}, nil
}

func (s *script) Send(ctx context.Context, items []Item) []error {
	s.mu.Lock()
	var ids []string
	for _, item := range items {
		ids = append(ids, item.Payload.(string))
		if item.Key != "" {
			if s.inFlight[item.Key] {
				s.overlap = item.Key
			}
			if !s.limits.Together {
				s.hold(item.Key)
			}
		}
	}
	for _, item := range items {
		s.hold(item.Key)
	}
	call := len(s.calls)
	s.calls = append(s.calls, ids)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, item := range items {
			delete(s.inFlight, item.Key)
		}
	}()
	if s.answer == nil {
		return make([]error, len(items))
	}
	return s.answer(ctx, call, ids)
}

func (s *script) sent() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func ev(id, key string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t")
	if key != "" {
		e.SetSubject(key)
	}
	return e
}

func kinds(errs []error) []string {
	out := make([]string, len(errs))
	for i, err := range errs {
		out[i] = "accepted"
		if err != nil {
			out[i] = KindOf(err).String()
		}
	}
	return out
}

func same(n int, err error) []error {
	return slices.Repeat([]error{err}, n)
}

func TestVerdictsAreAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			errs := make([]error, len(ids))
			for i, id := range ids {
				if id == "c" {
					errs[i] = &Error{Op: "x", Kind: Denied, Err: errors.New("no")}
				}
			}
			return errs
		}}
		f := New(sink, Config{})
		defer f.Close()
		var bad []event.Event
		for _, kind := range []string{"invalid", "refused", "unjudged"} {
			e := ev("b", "")
			e.SetType(kind)
			bad = append(bad, e)
		}
		errs := f.Forward(t.Context(), []event.Event{ev("a", ""), bad[0], ev("c", ""), bad[1], bad[2], ev("d", "")}, "")
		if diff := cmp.Diff([]string{"accepted", "invalid", "denied", "unavailable", "unavailable", "accepted"}, kinds(errs)); diff != "" {
			t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([][]string{{"a", "c", "d"}}, sink.sent()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if errs := f.Forward(t.Context(), bad, ""); kinds(errs)[0] != "invalid" {
			t.Errorf("Forward() of nothing that can be sent = %v, want the verdicts of Prepare", errs)
		}
		empty(t, f)
	})
}

func TestAnotherNumberOfVerdictsFailsAll(t *testing.T) {
	for _, more := range []int{-1, 1} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error { return make([]error, len(ids)+more) }}
				f := New(sink, Config{})
				defer f.Close()
				errs := f.Forward(t.Context(), []event.Event{ev("a", ""), ev("b", "")}, "")
				if diff := cmp.Diff([]string{"unavailable", "unavailable"}, kinds(errs)); diff != "" {
					t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPanicOfTheSinkFailsItsBatchOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			if ids[0] == "a" {
				panic("boom")
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		if errs := f.Forward(t.Context(), []event.Event{ev("a", "")}, ""); KindOf(errs[0]) != Unavailable {
			t.Errorf("Forward() of the batch that panicked = %v, want unavailable", errs[0])
		}
		if errs := f.Forward(t.Context(), []event.Event{ev("b", "")}, ""); errs[0] != nil {
			t.Errorf("Forward() after it = %v, want accepted", errs[0])
		}
	})
}

func TestAloneAnEventLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(7 * time.Millisecond)
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		for i := range 50 {
			start := time.Now()
			f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "")}, "")
			if took := time.Since(start); took != 7*time.Millisecond {
				t.Fatalf("event %d took %v, want the 7ms of the call alone", i, took)
			}
		}
	})
}

func TestManyFillBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			time.Sleep(20 * time.Millisecond)
			return make([]error, len(ids))
		}}
		f := New(sink, Config{BatchSlots: 4})
		defer f.Close()
		const senders, each = 200, 20
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					if errs := f.Forward(t.Context(), []event.Event{ev(fmt.Sprintf("%d-%d", s, i), "")}, ""); errs[0] != nil {
						t.Errorf("Forward() = %v", errs[0])
					}
				}
			})
		}
		wg.Wait()
		calls := sink.sent()
		if mean := float64(senders*each) / float64(len(calls)); mean < 9 {
			t.Errorf("mean batch = %.1f of 10 in %d calls, want them full under load", mean, len(calls))
		}
	})
}

func TestASlowCallDoesNotHoldUpTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			if call == 0 {
				time.Sleep(8 * time.Second)
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{})
		defer f.Close()
		var wg sync.WaitGroup
		wg.Go(func() { f.Forward(t.Context(), []event.Event{ev("slow", "")}, "") })
		synctest.Wait()
		start := time.Now()
		f.Forward(t.Context(), []event.Event{ev("next", "")}, "")
		if took := time.Since(start); took > patienceMax {
			t.Errorf("the event behind a slow call took %v, want at most %v", took, patienceMax)
		}
		wg.Wait()
	})
}

func TestBatchesKeepTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes := map[string]int{}
		sink := &script{limits: Limits{Items: 3, Bytes: 100}, answer: func(_ context.Context, _ int, ids []string) []error {
			sum := 0
			for _, id := range ids {
				sum += sizes[id]
			}
			if len(ids) > 3 || sum > 100 {
				t.Errorf("a batch of %d items and %d bytes, want at most 3 and 100", len(ids), sum)
			}
			return make([]error, len(ids))
		}}
		var events []event.Event
		for i := range 40 {
			e := ev(fmt.Sprint(i), "")
			size := 1 + (i*37)%100
			_ = e.SetData("text/plain", strings.Repeat("x", size))
			sizes[e.ID()] = size
			events = append(events, e)
		}
		f := New(sink, Config{})
		defer f.Close()
		if got := kinds(f.Forward(t.Context(), events, "")); !slices.Equal(got, slices.Repeat([]string{"accepted"}, 40)) {
			t.Errorf("Forward() = %v, want all accepted", got)
		}
	})
}

func TestFullQueueRefusesTheWholeRequest(t *testing.T) {
	for name, config := range map[string]Config{"events": {QueueEvents: 3}, "bytes": {QueueBytes: 3}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
					<-release
					return make([]error, len(ids))
				}}
				config.Counters = &telemetry.Counters{}
				f := New(sink, config)
				defer f.Close()
				var wg sync.WaitGroup
				wg.Go(func() { f.Forward(t.Context(), []event.Event{ev("a", ""), ev("b", "")}, "") })
				synctest.Wait()
				errs := f.Forward(t.Context(), []event.Event{ev("c", ""), ev("d", "")}, "")
				var v *Error
				for i, err := range errs {
					if !errors.As(err, &v) || v.Kind != Throttled || v.RetryAfter != time.Second {
						t.Errorf("errs[%d] = %v, want throttled with a Retry-After of 1s", i, err)
					}
				}
				close(release)
				wg.Wait()
				if errs := f.Forward(t.Context(), []event.Event{ev("e", "")}, ""); errs[0] != nil {
					t.Errorf("Forward() when the queue is empty again = %v, want accepted", errs[0])
				}
				if got := len(slices.Concat(sink.sent()...)); got != 3 {
					t.Errorf("%d events reached the sink, want 3: none of the refused request", got)
				}
				if n := config.Counters.Value("queue_full"); n != 2 {
					t.Errorf("counter queue_full = %d, want 2", n)
				}
			})
		})
	}
}

// TestTheQueueTakesWhatJustFits: the limits are what may be held, to the last one.
func TestTheQueueTakesWhatJustFits(t *testing.T) {
	for name, config := range map[string]Config{"events": {QueueEvents: 3}, "bytes": {QueueBytes: 3}} {
		synctest.Test(t, func(t *testing.T) {
			sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
				time.Sleep(time.Second)
				return make([]error, len(ids))
			}}
			f := New(sink, config)
			defer f.Close()
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					if err := f.Forward(t.Context(), []event.Event{ev(fmt.Sprint(i), "")}, "")[0]; err != nil {
						t.Errorf("%s: Forward() of event %d of 3 = %v, want accepted", name, i+1, err)
					}
				})
			}
			synctest.Wait()
			if err := f.Forward(t.Context(), []event.Event{ev("4", "")}, "")[0]; KindOf(err) != Throttled {
				t.Errorf("%s: Forward() of a fourth = %v, want throttled", name, err)
			}
			wg.Wait()
		})
	}
}

// TestCounters: what an operator is told of batches, retries and verdicts that nobody waited for.
func TestCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counters := &telemetry.Counters{}
		sink := &script{limits: Limits{Items: 10}, answer: func(_ context.Context, call int, ids []string) []error {
			switch call {
			case 0:
				return same(len(ids), &Error{Kind: BatchRefused, Err: errors.New("x")})
			case 1:
				return same(len(ids), &Error{Kind: Throttled, RetryAfter: time.Second, Err: errors.New("x")})
			case 3:
				time.Sleep(time.Minute)
			}
			return make([]error, len(ids))
		}}
		f := New(sink, Config{Counters: counters, BatchSlots: 1})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f.Forward(ctx, []event.Event{ev("a", ""), ev("b", "")}, "")
		time.Sleep(time.Hour)
		if got, want := counters.LogValue().String(), "[batches_sent=4 retries=1 sent_alone=2 verdicts_too_late=1]"; got != want {
			t.Errorf("counters = %s, want %s", got, want)
		}
	})
}

func TestARequestLargerThanTheQueueIsTakenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&script{limits: Limits{Items: 10}}, Config{QueueEvents: 1, QueueBytes: 1})
		defer f.Close()
		errs := f.Forward(t.Context(), []event.Event{ev("a", ""), ev("b", "")}, "")
		if got := kinds(errs); !slices.Equal(got, []string{"accepted", "accepted"}) {
			t.Errorf("Forward() = %v, want both accepted", got)
		}
	})
}
