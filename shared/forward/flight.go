package forward

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// flight is one slot: its batch, what of it the sink gets, and a goroutine that sends both. Between batches the goroutine
// waits with the stack that its calls grew, which for calls to AWS takes longer to grow than to use.
type flight struct {
	batch []*entry
	items []Item
	ready chan struct{} // holds one while a batch is there that the goroutine has not seen; closed when none will come
}

// spareMax is how many slots are kept while they are not in use; a slot is some kilobytes. Where the sink allows more calls
// in flight, those beyond end with their goroutine.
const spareMax = 64

// launch opens as many flight slots as the load asks for: the first at once; another when a full batch waits, or when the
// oldest event has waited as long as a call takes. So one client meets no delay, and many fill their batches. Called with
// mu held.
func (f *Forwarder) launch() {
	for !f.closed && f.inFlight < f.config.BatchSlots && f.queue.n() > 0 {
		if f.inFlight > 0 && !f.queue.full(f.limits) {
			at := f.queue.oldest().Add(min(f.lastCall, patienceMax))
			if now := time.Now(); now.Before(at) {
				f.wakeAt(at, now)
				return
			}
		}
		slot := f.slot()
		slot.batch = f.queue.take(f.limits, slot.batch, time.Now())
		f.inFlight++
		slot.ready <- struct{}{} // has room: its goroutine took the last one before the slot was given back
	}
}

// slot is one that was given back, the latest first, else a new one. Called with mu held and the forwarder not closed.
func (f *Forwarder) slot() *flight {
	if last := len(f.spare) - 1; last >= 0 {
		slot := f.spare[last]
		f.spare = f.spare[:last]
		return slot
	}
	slot := &flight{batch: make([]*entry, 0, f.limits.Items), items: make([]Item, 0, f.limits.Items), ready: make(chan struct{}, 1)}
	f.owned.Go(func() {
		for range slot.ready {
			f.fly(slot)
		}
	})
	return slot
}

// park keeps a slot that is not in use any more, or ends it. Called with mu held.
func (f *Forwarder) park(slot *flight) {
	if f.closed || len(f.spare) >= spareMax {
		close(slot.ready)
		return
	}
	f.spare = append(f.spare, slot)
}

// wakeAt has launch look again at that time, or earlier. Called with mu held.
func (f *Forwarder) wakeAt(at, now time.Time) {
	if f.wake != nil {
		if !at.Before(f.wakes) {
			return
		}
		f.cancel(f.wake)
	}
	f.wakes = at
	f.wake = f.after(at.Sub(now), func() {
		if f.wakes.Equal(at) { // else another one has replaced this one when it waited for mu already
			f.wake = nil
		}
		f.launch()
	})
}

// after calls do after d, with mu held, unless it is cancelled first. Close waits for it. Called with mu held and the
// forwarder not closed, so that nothing is added to what Close waits for.
func (f *Forwarder) after(d time.Duration, do func()) *time.Timer {
	f.owned.Add(1)
	return time.AfterFunc(d, func() {
		defer f.owned.Done()
		f.mu.Lock()
		defer f.mu.Unlock()
		do()
	})
}

// cancel stops a timer of after. One that has begun already waits for mu, and finds when it has it that it has nothing to
// do. Called with mu held.
func (f *Forwarder) cancel(t *time.Timer) {
	if t.Stop() {
		f.owned.Done()
	}
}

// fly sends batches one after the other until nothing is ready.
func (f *Forwarder) fly(slot *flight) {
	for landed := false; !landed; {
		for _, e := range slot.batch {
			slot.items = append(slot.items, e.item)
		}
		start := time.Now()
		errs := f.send(slot.items)
		took := time.Since(start)
		clear(slot.items) // the next batch may be smaller or late, and payloads are large
		slot.items = slot.items[:0]
		landed = f.land(slot, errs, took)
	}
}

// land gives the batch of a slot its verdicts and takes the next one, or gives the slot back and returns true if nothing is
// ready.
func (f *Forwarder) land(slot *flight, errs []error, took time.Duration) bool {
	f.config.Counters.Add("batches_sent", 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastCall = took
	jitter := rand.Float64() // one for all, so that a batch that failed as a whole comes back as one
	for i := range slot.batch {
		if f.limits.Together {
			i = len(slot.batch) - 1 - i // so that those of one key come back in their order
		}
		f.judge(slot.batch[i], errs[i], len(slot.batch), jitter)
	}
	clear(slot.batch)
	slot.batch = slot.batch[:0]
	if !f.closed {
		slot.batch = f.queue.take(f.limits, slot.batch, time.Now())
	}
	if len(slot.batch) == 0 {
		f.inFlight--
		f.park(slot)
		return true
	}
	f.launch() // there may be enough for another slot
	return false
}

// send is one call to the sink. Whatever the sink does, the result is aligned with items.
func (f *Forwarder) send(items []Item) (errs []error) {
	defer func() {
		if r := recover(); r != nil {
			f.config.Logger.Error("the sink panicked, its batch counts as failed", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			errs = all(len(items), fmt.Errorf("the sink panicked: %v", r))
		}
	}()
	errs = f.sink.Send(f.sending, items)
	if len(errs) != len(items) {
		f.config.Logger.Error("the sink answered for another number of items than it was given: a defect of this program",
			"items", len(items), "verdicts", len(errs))
		return all(len(items), fmt.Errorf("the sink gave %d verdicts on %d items", len(errs), len(items)))
	}
	return errs
}

func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = &Error{Op: "send", Kind: Unavailable, Err: err}
	}
	return errs
}

// judge reads the sink's verdict on one entry: settled, or sent again. jitter is in [0, 1). Called with mu held.
func (f *Forwarder) judge(e *entry, err error, batchSize int, jitter float64) {
	if err == nil {
		f.settle(e, nil)
		return
	}
	err = verdict(err, "send")
	if KindOf(err) == BatchRefused {
		if batchSize > 1 && !e.left && !f.closed {
			f.config.Counters.Add("sent_alone", 1)
			e.alone = true
			f.lead(f.queue.giveBack(e))
			return
		}
		// Refused even alone, by a sink that still does not say why: not proven accepted, and nobody's fault yet.
		f.settle(e, &Error{Op: "send", Kind: Unavailable, Err: fmt.Errorf("refused as a batch of one: %w", err)})
		return
	}
	e.sends++
	if wait, again := f.retry(e, err, jitter); again {
		f.config.Counters.Add("retries", 1)
		e.due = time.Now().Add(wait)
		f.lead(f.queue.giveBack(e))
		return
	}
	if f.closed && KindOf(err) == Unavailable {
		err = &Error{Op: "forward", Kind: Unavailable, Err: fmt.Errorf("%w: %w", errShutdown, err)}
	}
	f.settle(e, err)
}

// retry tells whether an entry is sent once more, and when. An identity that cannot be had is not: its own layer retries.
// What would come after the sender's deadline is not either: the sender knows more, and earlier, by the target's verdict.
func (f *Forwarder) retry(e *entry, err error, jitter float64) (time.Duration, bool) {
	if e.left || f.closed || e.sends >= sendsMax {
		return 0, false
	}
	var own interface{ RetryableError() bool }
	if errors.As(err, &own) && !own.RetryableError() {
		return 0, false
	}
	v, _ := errors.AsType[*Error](err)
	if v.Ran || v.Kind != Unavailable && v.Kind != Throttled {
		return 0, false
	}
	wait := v.RetryAfter
	if wait <= 0 {
		wait = time.Duration(jitter*float64(min(backoffFirst<<(e.sends-1), backoffMax))) + 1
	}
	if d := e.request.deadline; !d.IsZero() && !time.Now().Add(wait).Before(d) {
		return 0, false
	}
	return wait, true
}

// lead makes an entry ready that leads its lane or has none, when it is due. e may be nil. Called with mu held.
func (f *Forwarder) lead(e *entry) {
	if e == nil {
		return
	}
	now := time.Now()
	if wait := e.due.Sub(now); wait > 0 && !f.closed {
		f.queue.setAside(e)
		e.timer = f.after(wait, func() { f.resume(e) })
		return
	}
	f.queue.lead(e, now)
}

// resume makes a rested entry ready. Called with mu held.
func (f *Forwarder) resume(e *entry) {
	if e.state != resting {
		return
	}
	e.timer = nil
	f.queue.lead(e, time.Now())
	f.launch()
}

// settle gives an entry its verdict and takes it out. After a failure that its sender will repeat, those of its key behind
// it fail too: else the repetition would come after them. Called with mu held.
func (f *Forwarder) settle(e *entry, err error) {
	if err != nil && KindOf(err) != Invalid {
		for _, next := range f.queue.followers(e) {
			f.finish(next, &Error{Op: "forward", Kind: Unavailable, Err: errFollows})
		}
	}
	f.finish(e, err)
}

// finish is settle without regard to those behind. Called with mu held.
func (f *Forwarder) finish(e *entry, err error) {
	if e.timer != nil {
		f.cancel(e.timer)
		e.timer = nil
	}
	f.lead(f.queue.drop(e))
	f.held--
	f.bytes -= e.item.Size
	e.item.Payload = nil // the other entries of its request may live on for long, and they are one allocation
	if e.left {
		return
	}
	r := e.request
	r.errs[e.index] = err
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// errNoVerdict stands for a nil *Error, which is neither acceptance nor a cause.
var errNoVerdict = errors.New("the sink gave a nil *forward.Error, a defect of this program")

// verdict is err with an *Error in its chain. What nobody judged is Unavailable: it may have happened.
func verdict(err error, op string) error {
	v, found := errors.AsType[*Error](err)
	switch {
	case found && v == nil:
		err = errNoVerdict
	case found && v.Kind >= Invalid && v.Kind <= BatchRefused:
		return err
	}
	return &Error{Op: op, Kind: Unavailable, Err: err}
}
