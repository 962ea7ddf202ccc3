package forward

import "time"

// request is what one call of Forward waits for.
type request struct {
	errs []error       // the caller's result; written under Forwarder.mu until done, or until the request is abandoned
	left int           // entries without a verdict
	done chan struct{} // closed when left is 0
}

// entry is one event on its way: queued, in flight, or resting before its next try.
type entry struct {
	item    Item
	request *request
	index   int // of request.errs

	state   state
	settled bool      // its verdict is given, or nobody waits for it any more
	alone   bool      // sent in a batch of its own, after a batch with it was refused as a whole
	sends   int       // how often the sink had it, refused batches not counted
	since   time.Time // when it came, or came back
	timer   *time.Timer

	in         *list // the list that holds it, nil if none does
	prev, next *entry
}

type state int

const (
	waiting state = iota // in the ready list or in its lane
	flying               // in a call to the sink
	resting              // between two tries
	ended                // out of the queue
)

// queue orders entries. Those without a key are ready as they come. Those with a key form a lane: only the first of a lane
// is ready, in flight or resting, and the others wait behind it until it has its verdict, so that no two batches in flight
// and no one batch hold two entries of one key. Not safe for concurrent use: Forwarder.mu guards it.
type queue struct {
	ready list
	lanes map[string]*lane // :: ordering key → its lane; absent if the key has no entry
	rest  map[*entry]struct{}
}

type lane struct {
	behind list // those that wait for the first of the lane, which is not in this list
}

func newQueue() queue {
	return queue{lanes: make(map[string]*lane), rest: make(map[*entry]struct{})}
}

// push adds a new entry at the end.
func (q *queue) push(e *entry) {
	e.state = waiting
	if e.item.Key != "" {
		if l := q.lanes[e.item.Key]; l != nil {
			l.behind.pushBack(e)
			return
		}
		q.lanes[e.item.Key] = &lane{}
	}
	q.ready.pushBack(e)
}

// again makes an entry ready that has been in flight, before all others: it is the oldest of its key, and older than most.
func (q *queue) again(e *entry) {
	delete(q.rest, e)
	e.state, e.timer = waiting, nil
	q.ready.pushFront(e)
}

// setAside keeps an entry that rests; its lane, if any, stays held.
func (q *queue) setAside(e *entry) {
	e.state = resting
	q.rest[e] = struct{}{}
}

// drop takes an entry out, wherever it is. If it held a lane, the next of the lane becomes ready.
func (q *queue) drop(e *entry) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	delete(q.rest, e)
	l := q.lanes[e.item.Key]
	first := l != nil && (e.in == nil || e.in == &q.ready)
	if e.in != nil {
		e.in.remove(e)
	}
	e.state = ended
	if !first {
		return
	}
	if next := l.behind.popFront(); next != nil {
		q.ready.pushFront(next)
		return
	}
	delete(q.lanes, e.item.Key)
}

// followers are the entries behind e in its lane, in order, if e is the first of one; else those that come after it there.
func (q *queue) followers(e *entry) []*entry {
	l := q.lanes[e.item.Key]
	if e.item.Key == "" || l == nil {
		return nil
	}
	from := l.behind.front()
	if e.in == &l.behind {
		from = l.behind.after(e)
	}
	var out []*entry
	for ; from != nil; from = l.behind.after(from) {
		out = append(out, from)
	}
	return out
}

// full is true if the ready entries fill a batch.
func (q *queue) full(limits Limits) bool {
	if q.ready.n >= limits.Items {
		return true
	}
	return limits.Bytes > 0 && q.ready.bytes >= limits.Bytes
}

// take removes the next batch from the ready entries: the oldest, as many as the limits allow. An entry that must be sent
// alone is a batch of its own.
func (q *queue) take(limits Limits) []*entry {
	var batch []*entry
	bytes := 0
	for e := q.ready.front(); e != nil; {
		next := q.ready.after(e)
		size := e.item.Size
		switch {
		case len(batch) == 0:
		case e.alone:
			e = next
			continue
		case len(batch) >= limits.Items, limits.Bytes > 0 && bytes+size > limits.Bytes:
			return batch
		}
		q.ready.remove(e)
		e.state = flying
		batch = append(batch, e)
		bytes += size
		if e.alone {
			return batch
		}
		e = next
	}
	return batch
}

// each calls f for every entry that is not in flight; f may drop it.
func (q *queue) each(f func(*entry)) {
	var all []*entry
	for e := range q.rest {
		all = append(all, e)
	}
	for _, l := range q.lanes {
		for e := l.behind.front(); e != nil; e = l.behind.after(e) {
			all = append(all, e)
		}
	}
	for e := q.ready.front(); e != nil; e = q.ready.after(e) {
		all = append(all, e)
	}
	for _, e := range all {
		f(e)
	}
}
