package forward

import "time"

// request is what one call of Forward waits for.
type request struct {
	errs     []error       // the caller's result; written under Forwarder.mu until done, or until the request is abandoned
	left     int           // entries without a verdict
	done     chan struct{} // closed when left is 0
	deadline time.Time     // when its sender goes; zero if it waits for ever
}

// entry is one event on its way: queued, in flight, or resting before its next try.
type entry struct {
	item    Item
	request *request
	index   int // of request.errs

	state state
	left  bool      // in flight without its sender, who has been told that there was no verdict
	alone bool      // sent in a batch of its own, after a batch with it was refused as a whole
	sends int       // how often the sink had it, refused batches not counted
	since time.Time // when it became ready
	timer *time.Timer

	in         *list // the list that holds it, nil if none does
	prev, next *entry
}

type state int

const (
	waiting state = iota // ready or in its lane
	flying               // in a call to the sink
	resting              // between two tries
	ended                // out of the queue
)

// queue orders entries. Those without a key are ready as they come. Those with a key form a lane: only the first of a lane
// is ready, in flight or resting, and the others wait behind it until it has its verdict, so that no two batches in flight
// and no one batch hold two entries of one key. Not safe for concurrent use: Forwarder.mu guards it.
//
// What becomes ready goes to the end of its list, the next of a lane too: so lanes take turns, and a long one starves
// neither the others nor what has no key. Each list is in the order of entry.since.
type queue struct {
	again list             // ready once more: they go first, and are few, since each has few tries
	ready list             // ready for the first time
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
func (q *queue) push(e *entry, now time.Time) {
	e.state, e.since = waiting, now
	if e.item.Key != "" {
		if l := q.lanes[e.item.Key]; l != nil {
			l.behind.pushBack(e)
			return
		}
		q.lanes[e.item.Key] = &lane{}
	}
	q.ready.pushBack(e)
}

// comeBack makes an entry ready that has been in flight. Its lane, if any, is still held by it.
func (q *queue) comeBack(e *entry, now time.Time) {
	delete(q.rest, e)
	e.state, e.since = waiting, now
	q.again.pushBack(e)
}

// setAside keeps an entry that rests; its lane, if any, stays held.
func (q *queue) setAside(e *entry) {
	e.state = resting
	q.rest[e] = struct{}{}
}

// drop takes an entry out, wherever it is. If it held a lane, the next of the lane becomes ready.
func (q *queue) drop(e *entry) {
	delete(q.rest, e)
	l := q.lanes[e.item.Key]
	first := l != nil && e.in != &l.behind
	if e.in != nil {
		e.in.remove(e)
	}
	e.state = ended
	if !first {
		return
	}
	if next := l.behind.popFront(); next != nil {
		next.since = time.Now()
		q.ready.pushBack(next)
		return
	}
	delete(q.lanes, e.item.Key)
}

// followers are the entries behind e, the first of its lane, in order.
func (q *queue) followers(e *entry) []*entry {
	l := q.lanes[e.item.Key]
	if l == nil {
		return nil
	}
	var out []*entry
	for next := l.behind.front(); next != nil; next = l.behind.after(next) {
		out = append(out, next)
	}
	return out
}

// n is how many entries are ready.
func (q *queue) n() int { return q.again.n + q.ready.n }

// oldest is when the entry became ready that has been so for longest. There must be one.
func (q *queue) oldest() time.Time {
	a, r := q.again.front(), q.ready.front()
	if r == nil || a != nil && a.since.Before(r.since) {
		return a.since
	}
	return r.since
}

// full is true if the ready entries fill a batch; one that must be sent alone does.
func (q *queue) full(limits Limits) bool {
	if first := q.again.front(); first != nil && first.alone {
		return true
	}
	return q.n() >= limits.Items || limits.Bytes > 0 && q.again.bytes+q.ready.bytes >= limits.Bytes
}

// take removes the next batch from the ready entries and appends it to batch, which is empty: as many as the limits allow,
// in their order. An entry that must be sent alone is a batch of its own.
func (q *queue) take(limits Limits, batch []*entry) []*entry {
	bytes := 0
	for _, l := range [...]*list{&q.again, &q.ready} {
		for e := l.front(); e != nil; {
			next := l.after(e)
			switch {
			case len(batch) == 0:
			case e.alone:
				e = next
				continue
			case len(batch) >= limits.Items, limits.Bytes > 0 && bytes+e.item.Size > limits.Bytes:
				return batch
			}
			l.remove(e)
			e.state = flying
			batch = append(batch, e)
			bytes += e.item.Size
			if e.alone {
				return batch
			}
			e = next
		}
	}
	return batch
}

// idle lists the entries that are not in flight.
func (q *queue) idle() []*entry {
	var out []*entry
	for e := range q.rest {
		out = append(out, e)
	}
	lists := []*list{&q.again, &q.ready}
	for _, l := range q.lanes {
		lists = append(lists, &l.behind)
	}
	for _, l := range lists {
		for e := l.front(); e != nil; e = l.after(e) {
			out = append(out, e)
		}
	}
	return out
}
