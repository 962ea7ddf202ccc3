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

// answering is a target that answers.
type answering struct {
	script
	calls int // the largest number of calls in flight; 0 leaves it to the forwarder
	call  func(ctx context.Context, id string) (Reply, error)

	mu       sync.Mutex // guards the rest
	now, top int        // calls in flight, and the most there ever were
	called   []string
}

func (a *answering) Limits() Limits { return Limits{Items: 1, Calls: a.calls} }

func (a *answering) Call(ctx context.Context, item Item) (Reply, error) {
	a.mu.Lock()
	a.now++
	a.top = max(a.top, a.now)
	a.called = append(a.called, item.Payload.(string))
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now--
	}()
	return a.call(ctx, item.Payload.(string))
}

func echo(_ context.Context, id string) (Reply, error) { return Reply{Body: []byte(id)}, nil }

func TestCallPassesTheAnswerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&answering{call: echo}, Config{})
		defer f.Close()
		e := ev("a", "")
		if reply, err := f.Call(t.Context(), &e, ""); err != nil || string(reply.Body) != "a" {
			t.Errorf("Call() = %+v, %v, want the target's answer", reply, err)
		}
		bad := ev("b", "")
		bad.SetType("invalid")
		if _, err := f.Call(t.Context(), &bad, ""); KindOf(err) != Invalid {
			t.Errorf("Call() of what cannot be mapped = %v, want invalid", err)
		}
	})
}

func TestCallOfATargetThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&script{limits: Limits{Items: 10}, answer: func(_ context.Context, _ int, ids []string) []error {
			if ids[0] == "no" {
				return []error{&Error{Kind: Denied, Err: errors.New("x")}}
			}
			return make([]error, len(ids))
		}}, Config{})
		defer f.Close()
		for id, want := range map[string]Kind{"yes": 0, "no": Denied} {
			e := ev(id, "")
			reply, err := f.Call(t.Context(), &e, "")
			if reply.Event != nil || reply.Body != nil || (want == 0) != (err == nil) || err != nil && KindOf(err) != want {
				t.Errorf("Call(%s) = %+v, %v, want no answer and kind %v", id, reply, err, want)
			}
		}
	})
}

func TestCallIsMadeOnceWhateverItSays(t *testing.T) {
	for name, err := range map[string]error{
		"unavailable": &Error{Kind: Unavailable, Err: errors.New("x")}, "throttled": &Error{Kind: Throttled, Err: errors.New("x")},
		"ran": &Error{Kind: Unavailable, Ran: true, Err: errors.New("x")}, "untyped": errors.New("x"),
		"batch refused": &Error{Kind: BatchRefused, Err: errors.New("x")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &answering{call: func(context.Context, string) (Reply, error) { return Reply{Body: []byte("no")}, err }}
				f := New(sink, Config{})
				defer f.Close()
				e := ev("a", "")
				reply, got := f.Call(t.Context(), &e, "")
				if got == nil || KindOf(got) == BatchRefused || reply.Body != nil || len(sink.called) != 1 {
					t.Errorf("Call() = %+v, %v after %d calls, want one call, its error and no answer", reply, got, len(sink.called))
				}
			})
		})
	}
}

func TestTheSendersDeadlineIsTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{call: func(ctx context.Context, _ string) (Reply, error) {
			<-ctx.Done()
			return Reply{}, &Error{Op: "invoke", Kind: Unavailable, Err: ctx.Err()}
		}}
		f := New(sink, Config{})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Second)
		defer cancel()
		e := ev("a", "")
		start := time.Now()
		_, err := f.Call(ctx, &e, "")
		if KindOf(err) != Unavailable || !errors.Is(err, errGone) || time.Since(start) != 24*time.Second {
			t.Errorf("Call() = %v after %v, want unavailable after the sender's 24s", err, time.Since(start))
		}
		if f.held != 0 || f.bytes != 0 {
			t.Errorf("%d events and %d bytes are held, want none", f.held, f.bytes)
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{calls: 3, call: func(_ context.Context, id string) (Reply, error) {
			time.Sleep(time.Second)
			return Reply{Body: []byte(id)}, nil
		}}
		f := New(sink, Config{QueueEvents: 12})
		defer f.Close()
		var wg sync.WaitGroup
		refused := make([]bool, 15)
		for i := range refused {
			wg.Go(func() {
				e := ev(fmt.Sprint(i), "")
				_, err := f.Call(t.Context(), &e, "")
				refused[i] = err != nil && KindOf(err) == Throttled
			})
		}
		start := time.Now()
		wg.Wait()
		n := len(slices.DeleteFunc(refused, func(r bool) bool { return !r }))
		if sink.top != 3 || n != 3 || time.Since(start) != 4*time.Second {
			t.Errorf("%d calls in flight, %d refused, %v; want 3, 3 beyond the queue, and 12 calls of a second by threes", sink.top, n, time.Since(start))
		}
	})
}

func TestABatchForATargetThatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{call: func(_ context.Context, id string) (Reply, error) {
			if id == "b" {
				return Reply{}, &Error{Kind: Denied, Err: errors.New("x")}
			}
			return Reply{}, nil
		}}
		f := New(sink, Config{QueueEvents: 4})
		defer f.Close()
		bad := ev("c", "")
		bad.SetType("invalid")
		errs := f.Forward(t.Context(), []event.Event{ev("a", ""), ev("b", ""), bad, ev("d", "")}, "")
		if diff := cmp.Diff([]string{"accepted", "denied", "invalid", "accepted"}, kinds(errs)); diff != "" {
			t.Errorf("Forward() verdicts (-want +got):\n%s", diff)
		}
	})
}

func TestCloseEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &answering{calls: 1, call: func(ctx context.Context, _ string) (Reply, error) {
			<-ctx.Done()
			return Reply{}, ctx.Err()
		}}
		f := New(sink, Config{})
		var wg sync.WaitGroup
		for i := range 3 { // one in flight, two waiting for a place
			wg.Go(func() {
				e := ev(fmt.Sprint(i), "")
				if _, err := f.Call(t.Context(), &e, ""); KindOf(err) != Unavailable || !errors.Is(err, errShutdown) {
					t.Errorf("Call() = %v, want unavailable for the shutdown", err)
				}
			})
		}
		synctest.Wait()
		f.Close()
		wg.Wait()
		e := ev("late", "")
		if _, err := f.Call(t.Context(), &e, ""); KindOf(err) != Unavailable {
			t.Errorf("Call() after Close = %v, want unavailable", err)
		}
	})
}

func TestPanicOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(&answering{call: func(context.Context, string) (Reply, error) { panic("boom") }}, Config{})
		defer f.Close()
		e := ev("a", "")
		if _, err := f.Call(t.Context(), &e, ""); KindOf(err) != Unavailable {
			t.Errorf("Call() that panicked = %v, want unavailable", err)
		}
	})
}
