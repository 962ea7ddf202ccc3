package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// Config is how a [Forwarder] works. Zero values are the defaults.
type Config struct {
	// QueueEvents is the largest number of events held at once, waiting or in flight; 0 means 1,000.
	QueueEvents int
	// QueueBytes is the largest sum of their [Item.Size]; 0 means 16 MiB. A request that is larger by itself is taken when
	// nothing else is held.
	QueueBytes int
	// BatchSlots is the largest number of calls to the sink in flight; 0 means 16. Fewer are used while few are enough.
	BatchSlots int
	// Logger gets what an operator must know of the forwarder itself; nil discards it. Verdicts are logged by the caller.
	Logger *slog.Logger
	// Counters counts batches, retries and refusals; nil counts nothing.
	Counters *telemetry.Counters
}

const (
	// sendsMax is how often one event is handed to the sink within its request, BatchRefused not counted.
	sendsMax = 5
	// backoffFirst and backoffMax bound the waiting before a retry that the target gave no time for: full jitter, doubling.
	backoffFirst = 100 * time.Millisecond
	backoffMax   = 2 * time.Second
	// patienceMax bounds how long an event waits for the calls before it while slots are free.
	patienceMax = 50 * time.Millisecond
	// queueFullRetryAfter is what a sender is asked to wait when the queue is full: it empties in milliseconds.
	queueFullRetryAfter = time.Second
)

// Forwarder gathers events into batches for one sink. Make one with [New] and end it with Close. Safe for concurrent use.
type Forwarder struct {
	sink   Sink
	caller Caller // the sink, if its target answers; else nil
	limits Limits
	config Config
	calls  chan struct{} // a place for each call to the caller

	// sending ends with Close: a batch's call belongs to no sender, so no sender's deadline ends it.
	sending context.Context //nolint:containedctx // the lifetime of the calls that the forwarder itself owns
	stop    context.CancelFunc
	owned   sync.WaitGroup // the goroutine of every slot and every timer that will call; Close waits for it

	// mu guards all below, and the entries and requests that the queue holds. It is never held across a call to the sink.
	mu       sync.Mutex
	closed   bool
	queue    queue
	held     int           // events that count against QueueEvents
	bytes    int           // and their bytes
	inFlight int           // calls to the sink
	spare    []*flight     // slots not in use, at most spareMax; with those in flight at most BatchSlots
	lastCall time.Duration // how long the last call took
	wake     *time.Timer   // opens another slot for an event that has waited long enough; nil if none waits
	wakes    time.Time     // when wake does
}

// New returns a forwarder that delivers to sink.
func New(sink Sink, config Config) *Forwarder {
	if config.QueueEvents == 0 {
		config.QueueEvents = 1000
	}
	if config.QueueBytes == 0 {
		config.QueueBytes = 16 << 20
	}
	if config.BatchSlots == 0 {
		config.BatchSlots = 16
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	limits := sink.Limits()
	limits.Items = max(1, limits.Items)
	if limits.Calls > 0 {
		config.BatchSlots = limits.Calls
	}
	f := &Forwarder{sink: sink, limits: limits, config: config, queue: newQueue(), calls: make(chan struct{}, config.BatchSlots)}
	f.caller, _ = sink.(Caller)
	f.sending, f.stop = context.WithCancel(context.Background())
	return f
}

// Errors of the forwarder itself. Their kinds are Throttled, Unavailable and Unavailable.
var (
	errFull = WithDetail(errors.New("the queue of the bridge is full"),
		"the bridge holds as many events as it may; send again after the time in Retry-After")
	errGone = WithDetail(errors.New("no verdict before the sender's deadline"),
		"the target gave no answer in time, the event may have been delivered; send it again")
	errShutdown = WithDetail(errors.New("the bridge is shutting down"),
		"the bridge is shutting down; send the event again")
	errFollows = WithDetail(errors.New("an earlier event of the same ordering key was not accepted"),
		"an earlier event of the same group was not accepted; send both again in their order")
)

// Forward delivers the events of one request and returns when each has its verdict, or when ctx ends. The result is
// aligned with events: errs[i] is nil if and only if the sink reported that the target accepted events[i]; else it has an
// [*Error] in its chain, never of kind BatchRefused. trace is the request's traceparent, "" if it had none. The events must
// not be changed until the forwarder is closed.
//
// The request is queued whole or, if there is no room for it, not at all: then every event that could have been sent is
// Throttled, and a sender that repeats it makes no duplicate. When ctx ends, what has not started is taken out, and what
// is in flight goes on without its sender.
func (f *Forwarder) Forward(ctx context.Context, events []event.Event, trace string) []error {
	errs := make([]error, len(events))
	entries := make([]entry, 0, len(events))
	r := &request{errs: errs}
	bytes := 0
	for i := range events {
		item, err := f.prepare(&events[i], trace)
		if err != nil {
			errs[i] = err
			continue
		}
		entries = append(entries, entry{item: item, request: r, index: i})
		bytes += item.Size
	}
	if len(entries) == 0 {
		return errs
	}
	if f.caller != nil {
		f.callAll(ctx, entries, bytes, errs)
		return errs
	}
	if err := f.enqueue(ctx, r, entries, bytes); err != nil {
		for i := range entries {
			errs[entries[i].index] = err
		}
		return errs
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		f.abandon(r, entries, ctx.Err())
	}
	return errs
}

// prepare has the sink map an event.
func (f *Forwarder) prepare(e *event.Event, trace string) (Item, error) {
	item, err := f.sink.Prepare(e, trace)
	if err != nil {
		return Item{}, single(verdict(err, "prepare")) // there is no batch yet, so none can be refused
	}
	return item, nil
}

// admit takes room for the events of a request, for all of them or for none. Called with mu held.
func (f *Forwarder) admit(ctx context.Context, events, bytes int) error {
	if f.closed {
		return &Error{Op: "queue", Kind: Unavailable, Err: errShutdown}
	}
	if err := ctx.Err(); err != nil {
		return gone(err)
	}
	if f.held > 0 && (f.held+events > f.config.QueueEvents || f.bytes+bytes > f.config.QueueBytes) {
		f.config.Counters.Add("queue_full", int64(events))
		return &Error{Op: "queue", Kind: Throttled, RetryAfter: queueFullRetryAfter, Err: errFull}
	}
	f.held += events
	f.bytes += bytes
	return nil
}

// enqueue puts all entries into the queue or none of them.
func (f *Forwarder) enqueue(ctx context.Context, r *request, entries []entry, bytes int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.admit(ctx, len(entries), bytes); err != nil {
		return err
	}
	r.left, r.done = len(entries), make(chan struct{})
	r.deadline, _ = ctx.Deadline()
	now := time.Now()
	for i := range entries {
		f.queue.push(&entries[i], now)
	}
	f.launch()
	return nil
}

// gone is the verdict for a sender that has gone, or will be told to come again.
func gone(cause error) error {
	return &Error{Op: "forward", Kind: Unavailable, Err: fmt.Errorf("%w: %w", errGone, cause)}
}

// abandon gives the request up. What the sink never had is taken out, and those of other requests behind it go on; what
// was tried and failed has failed for good, with those behind it; and what is in flight ends without its sender.
func (f *Forwarder) abandon(r *request, entries []entry, cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := gone(cause)
	for i := range slices.Backward(entries) { // so that the request's own do not fail for following one another
		switch e := &entries[i]; e.state {
		case waiting, resting:
			if e.sends == 0 {
				f.finish(e, err)
			} else {
				f.settle(e, err)
			}
		case flying:
			// Nothing writes to r.errs from here on: it belongs to the caller again.
			f.config.Counters.Add("verdicts_too_late", 1)
			r.errs[e.index] = err
			e.left = true
		case ended:
		}
	}
}

// Close ends the forwarder: what is not settled yet becomes Unavailable, calls in flight are cancelled, and Close returns
// when they have ended. Forward refuses everything from here on. It may be called more than once.
func (f *Forwarder) Close() {
	f.mu.Lock()
	f.closed = true
	if f.wake != nil {
		f.cancel(f.wake)
		f.wake = nil
	}
	err := &Error{Op: "forward", Kind: Unavailable, Err: errShutdown}
	for _, e := range f.queue.idle() {
		f.finish(e, err)
	}
	for _, slot := range f.spare {
		close(slot.ready)
	}
	f.spare = nil
	f.mu.Unlock()
	f.stop()
	f.owned.Wait()
}
