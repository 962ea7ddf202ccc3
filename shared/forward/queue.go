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
	due   time.Time // not to be sent before; zero if at any time
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
// is ready or resting, and what is in flight holds the lane until it has its verdict, so that no two batches in flight hold
// entries of one key. A batch takes one entry of a lane, or with Limits.Together the first and what fits of those behind
// it. What is to be sent again goes back to the head of its lane. Not safe for concurrent use: Forwarder.mu guards it.
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
	holders int  // entries that are ready, resting or in flight; at least 1
	behind  list // those that wait until nothing holds the lane
}

func newQueue() queue {
	return queue{lanes: make(map[string]*lane), rest: make(map[*entry]struct{})}
}

// push adds a new entry at the end.
func (q *queue) push(e *entry, now time.Time) {
	if e.item.Key != "" {
		if l := q.lanes[e.item.Key]; l != nil {
			e.state = waiting
			l.behind.pushBack(e)
			return
		}
		q.lanes[e.item.Key] = &lane{holders: 1}
	}
	q.lead(e, now)
}

// lead makes an entry ready: the first of its lane, or one without a key.
func (q *queue) lead(e *entry, now time.Time) {
	delete(q.rest, e)
	e.state, e.since = waiting, now
	if e.sends > 0 || e.alone {
		q.again.pushBack(e)
	} else {
		q.ready.pushBack(e)
	}
}

// setAside keeps an entry that rests; its lane, if any, stays held.
func (q *queue) setAside(e *entry) {
	e.state = resting
	q.rest[e] = struct{}{}
}

// giveBack takes an entry that was in flight and will be sent again. The result is the entry that now leads the lane, which
// is neither ready nor resting yet; nil if others in flight hold it still. Of one batch they come back last first.
func (q *queue) giveBack(e *entry) *entry {
	e.state = waiting
	l := q.lanes[e.item.Key]
	if l == nil {
		return e
	}
	l.behind.pushFront(e)
	return q.leave(l, e.item.Key)
}

// drop takes an entry out, wherever it is. The result is as of giveBack, and nil if the lane ends with it.
func (q *queue) drop(e *entry) *entry {
	delete(q.rest, e)
	l := q.lanes[e.item.Key]
	holds := l != nil && e.in != &l.behind
	if e.in != nil {
		e.in.remove(e)
	}
	e.state = ended
	if !holds {
		return nil
	}
	return q.leave(l, e.item.Key)
}

// leave lets one holder of a lane go.
func (q *queue) leave(l *lane, key string) *entry {
	if l.holders--; l.holders > 0 {
		return nil
	}
	next := l.behind.popFront()
	if next == nil {
		delete(q.lanes, key)
		return nil
	}
	l.holders = 1
	return next
}

// followers are the entries of the lane that wait behind e, in order.
func (q *queue) followers(e *entry) []*entry {
	l := q.lanes[e.item.Key]
	if l == nil {
		return nil
	}
	next := l.behind.front()
	if e.in == &l.behind {
		next = l.behind.after(e)
	}
	var out []*entry
	for ; next != nil; next = l.behind.after(next) {
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
func (q *queue) take(limits Limits, batch []*entry, now time.Time) []*entry {
	bytes := 0
	for _, ready := range [...]*list{&q.again, &q.ready} {
		for e := ready.front(); e != nil; {
			next := ready.after(e)
			switch {
			case len(batch) == 0:
			case e.alone:
				e = next
				continue
			case !limits.fit(len(batch), bytes, e):
				return batch
			}
			batch, bytes = board(batch, e), bytes+e.item.Size
			if e.alone {
				return batch
			}
			if limits.Together && e.item.Key != "" {
				l := q.lanes[e.item.Key]
				for f := l.behind.front(); f != nil && !f.alone && !f.due.After(now) && limits.fit(len(batch), bytes, f); f = l.behind.front() {
					batch, bytes = board(batch, f), bytes+f.item.Size
					l.holders++
				}
			}
			e = next
		}
	}
	return batch
}

// board takes an entry from its list into a batch.
func board(batch []*entry, e *entry) []*entry {
	e.in.remove(e)
	e.state = flying
	return append(batch, e)
}

// fit tells whether one more entry may join a batch of so many items and bytes.
func (l Limits) fit(items, bytes int, e *entry) bool {
	return items < l.Items && (l.Bytes <= 0 || bytes+e.item.Size <= l.Bytes)
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
