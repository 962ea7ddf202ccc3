package forward

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// launch opens as many flight slots as the load asks for: the first at once; another when a full batch waits, or when the
// oldest event has waited as long as a call takes. So one client meets no delay, and many fill their batches. Called with
// mu held.
func (f *Forwarder) launch() {
	for !f.closed && f.inFlight < f.config.BatchSlots && f.queue.ready.n > 0 {
		if f.inFlight > 0 && !f.queue.full(f.limits) {
			patience := min(f.lastCall, patienceMax)
			if waited := time.Since(f.queue.ready.front().since); waited < patience {
				f.wakeIn(patience - waited)
				return
			}
		}
		batch := f.queue.take(f.limits)
		f.inFlight++
		f.flights.Go(func() { f.fly(batch) })
	}
}

// wakeIn has launch look again after d. Called with mu held.
func (f *Forwarder) wakeIn(d time.Duration) {
	if f.wake != nil {
		return
	}
	f.wake = time.AfterFunc(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.wake = nil
		f.launch()
	})
}

// fly sends batches one after the other until nothing is ready.
func (f *Forwarder) fly(batch []*entry) {
	items := make([]Item, 0, f.limits.Items)
	for {
		items = items[:0]
		for _, e := range batch {
			items = append(items, e.item)
		}
		start := time.Now()
		errs := f.send(items)
		took := time.Since(start)
		f.config.Counters.Add("batches_sent", 1)

		f.mu.Lock()
		f.lastCall = took
		for i, e := range batch {
			f.land(e, errs[i], len(batch))
		}
		batch = nil
		if !f.closed && f.queue.ready.n > 0 {
			batch = f.queue.take(f.limits)
			f.launch() // there may be enough for another slot
		}
		if batch == nil {
			f.inFlight--
		}
		f.mu.Unlock()
		if batch == nil {
			return
		}
	}
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

// land reads the sink's verdict on one entry: settled, or sent again. Called with mu held.
func (f *Forwarder) land(e *entry, err error, batchSize int) {
	if err == nil {
		f.settle(e, nil)
		return
	}
	err = verdict(err, "send")
	if KindOf(err) == BatchRefused {
		if batchSize > 1 && !e.settled && !f.closed {
			f.config.Counters.Add("sent_alone", 1)
			e.alone, e.since = true, time.Now()
			f.queue.again(e)
			return
		}
		// Refused even alone, by a sink that still does not say why: not proven accepted, and nobody's fault yet.
		err = &Error{Op: "send", Kind: Unavailable, Err: fmt.Errorf("refused alone: %w", errors.Unwrap(err))}
	}
	e.sends++
	if wait, again := f.retry(e, err); again {
		f.config.Counters.Add("retries", 1)
		f.queue.setAside(e)
		e.timer = time.AfterFunc(wait, func() { f.resume(e) })
		return
	}
	if f.closed && KindOf(err) == Unavailable {
		err = &Error{Op: "forward", Kind: Unavailable, Err: fmt.Errorf("%w: %w", errShutdown, err)}
	}
	f.settle(e, err)
}

// retry tells whether an entry is sent once more, and when. An identity that cannot be had is not: its own layer retries.
func (f *Forwarder) retry(e *entry, err error) (time.Duration, bool) {
	if e.settled || f.closed || e.sends >= sendsMax {
		return 0, false
	}
	var own interface{ RetryableError() bool }
	if errors.As(err, &own) && !own.RetryableError() {
		return 0, false
	}
	var v *Error
	errors.As(err, &v)
	if v.Ran || v.Kind != Unavailable && v.Kind != Throttled {
		return 0, false
	}
	if v.RetryAfter > backoffMax {
		return 0, false // the sender can wait that long better than our queue
	}
	if v.RetryAfter > 0 {
		return v.RetryAfter, true
	}
	limit := min(backoffFirst<<(e.sends-1), backoffMax)
	return rand.N(limit) + 1, true
}

// resume makes a rested entry ready.
func (f *Forwarder) resume(e *entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.state != resting {
		return
	}
	e.since = time.Now()
	f.queue.again(e)
	f.launch()
}

// settle gives an entry its verdict and takes it out. After a failure that its sender will repeat, those of its key behind
// it fail too: else the repetition would come after them. Called with mu held.
func (f *Forwarder) settle(e *entry, err error) {
	var followers []*entry
	if err != nil && KindOf(err) != Invalid {
		followers = f.queue.followers(e)
	}
	for _, next := range followers {
		f.finish(next, &Error{Op: "forward", Kind: Unavailable, Err: errFollows})
	}
	f.finish(e, err)
}

func (f *Forwarder) finish(e *entry, err error) {
	if e.state == ended {
		return
	}
	f.queue.drop(e)
	f.held--
	f.bytes -= e.item.Size
	if e.settled {
		return
	}
	e.settled = true
	r := e.request
	r.errs[e.index] = err
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// verdict makes err an *Error. What nobody judged is Unavailable: it may have happened.
func verdict(err error, op string) error {
	var v *Error
	if errors.As(err, &v) && v.Kind >= Invalid && v.Kind <= BatchRefused {
		return err
	}
	return &Error{Op: op, Kind: Unavailable, Err: err}
}
