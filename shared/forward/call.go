package forward

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Caller is a Sink whose target answers each event.
type Caller interface {
	Sink
	// Call delivers one item and returns the target's answer; the zero Reply if it gave none. ctx is the sender's: its
	// deadline is the call's. Errors are as those of Send, never of kind BatchRefused. The forwarder does not call again
	// for the same event: the target may have run it.
	Call(ctx context.Context, item Item) (Reply, error)
}

// Reply is what a target answered to an event.
type Reply struct {
	// Event is the answer as a CloudEvent, for a sender who sent one; nil if it is none.
	Event *event.Event
	// ContentType and Body are the answer as it came, for a sender who knows no CloudEvents; "" and nil if there is none.
	ContentType string
	Body        []byte
}

// Call delivers one event and returns what the target answered, or the error that Forward would. A target that does not
// answer gives the zero Reply. The request's place in the queue counts as in Forward.
func (f *Forwarder) Call(ctx context.Context, e *event.Event, trace string) (Reply, error) {
	if f.caller == nil {
		return Reply{}, f.Forward(ctx, []event.Event{*e}, trace)[0]
	}
	item, err := f.prepare(e, trace)
	if err != nil {
		return Reply{}, err
	}
	if err := f.reserve(ctx, 1, item.Size); err != nil {
		return Reply{}, err
	}
	return f.call(ctx, item)
}

// callAll delivers the events of a batch request to a target that answers; the answers are nobody's. errs has the
// verdicts that are given already.
func (f *Forwarder) callAll(ctx context.Context, entries []entry, bytes int, errs []error) {
	if err := f.reserve(ctx, len(entries), bytes); err != nil {
		for i := range entries {
			errs[entries[i].index] = err
		}
		return
	}
	var calls sync.WaitGroup
	for i := range entries {
		calls.Go(func() { _, errs[entries[i].index] = f.call(ctx, entries[i].item) })
	}
	calls.Wait()
}

// reserve takes room for the events of a request, for all of them or for none, and makes Close wait for their calls.
func (f *Forwarder) reserve(ctx context.Context, events, bytes int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.admit(ctx, events, bytes); err != nil {
		return err
	}
	f.owned.Add(events)
	return nil
}

// call makes one call for which room is reserved, and gives the room back.
func (f *Forwarder) call(ctx context.Context, item Item) (reply Reply, err error) {
	defer func() {
		f.mu.Lock()
		f.held--
		f.bytes -= item.Size
		f.mu.Unlock()
		f.owned.Done()
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.sending, cancel)()
	select {
	case f.calls <- struct{}{}:
		defer func() { <-f.calls }()
	case <-ctx.Done():
		return Reply{}, f.ended(ctx.Err())
	}
	defer func() {
		if r := recover(); r != nil {
			f.config.Logger.ErrorContext(ctx, "the sink panicked, its event counts as failed", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			reply, err = Reply{}, &Error{Op: "call", Kind: Unavailable, Err: fmt.Errorf("the sink panicked: %v", r)}
		}
	}()
	f.config.Counters.Add("calls_made", 1)
	reply, err = f.caller.Call(ctx, item)
	switch {
	case err == nil:
		return reply, nil
	case ctx.Err() != nil && KindOf(err) == Unavailable:
		return Reply{}, f.ended(err)
	}
	return Reply{}, single(verdict(err, "call"))
}

// ended is the verdict on a call that its context ended: the sender's deadline, its going, or Close.
func (f *Forwarder) ended(cause error) error {
	if f.sending.Err() != nil {
		return &Error{Op: "forward", Kind: Unavailable, Err: fmt.Errorf("%w: %w", errShutdown, cause)}
	}
	return gone(cause)
}

// single is err as the verdict on one event: where there is no batch, none can be refused.
func single(err error) error {
	if KindOf(err) == BatchRefused {
		return &Error{Op: "send", Kind: Unavailable, Err: err}
	}
	return err
}
