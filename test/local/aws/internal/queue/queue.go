package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/fifo"
)

// arrivedMax bounds what [Queue.Arrived] remembers; [Queue.Count] goes on counting.
const arrivedMax = 200_000

// ErrHandle means that a receipt handle is not one this queue gave out.
var ErrHandle = errors.New("the receipt handle is not valid")

// ErrInvisible means that a message's visibility cannot change because it is not being received.
var ErrInvisible = errors.New("the message is not in flight")

// Settings are what an operator may set; they take effect at once.
type Settings struct {
	// Visibility is how long a received message stays invisible.
	Visibility time.Duration
	// Wait is how long a receiver waits if it does not say.
	Wait time.Duration
	// Delay is how long a sent message stays invisible if its sender does not say.
	Delay time.Duration
	// Retention is how long a message is kept.
	Retention time.Duration
	// Dead takes the messages that were received MaxReceives times without being deleted; nil: they stay.
	Dead *Queue
	// MaxReceives is positive if Dead is set.
	MaxReceives int
	// FIFO makes it a FIFO queue; it does not change in a queue's life.
	FIFO bool
	// PerGroup makes deduplication ids of a FIFO queue count within their message group only.
	PerGroup bool
}

// Queue is a queue. All methods may be called from many goroutines.
type Queue struct {
	id string

	mu       sync.Mutex // guards the fields below; never held while another queue's is taken
	settings Settings
	ledger   fifo.Ledger       // of a FIFO queue
	waiting  []*entry          // :: in order of arrival
	byID     map[string]*entry // :: message id → entry of waiting
	arrived  []Message
	count    int
	changed  chan struct{} // closed and replaced when a message may have become visible
	closed   bool
}

type entry struct {
	message  Message
	kept     time.Time // when it came in, by this machine
	visible  time.Time
	first    time.Time // of receives; zero before
	receives int
	handle   string // the latest
}

// Received is a message in flight.
type Received struct {
	Message
	// Handle is for [Queue.Delete] and [Queue.ChangeVisibility].
	Handle string
	// Receives counts this one too.
	Receives int
	// First is when it was first received, by [time.Now].
	First time.Time
}

// New makes an empty queue.
func New(s Settings) *Queue {
	return &Queue{id: uuid.NewString(), settings: s, byID: make(map[string]*entry), changed: make(chan struct{})}
}

// Settings are the present ones.
func (q *Queue) Settings() Settings {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.settings
}

// Configure replaces the settings.
func (q *Queue) Configure(s Settings) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settings = s
}

// Send takes a message and returns it as it was taken. A negative delay means the queue's. A FIFO queue gives it a sequence
// number; a repeat of a deduplication id, by the times at which the messages were sent, is returned with the first's ID and
// sequence number and does not arrive.
func (q *Queue) Send(m Message, delay time.Duration) Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.settings.FIFO {
		scope := ""
		if q.settings.PerGroup {
			scope = m.GroupID
		}
		receipt, repeat := q.ledger.Accept(scope, m.DeduplicationID, m.ID, m.Sent)
		m.ID, m.SequenceNumber = receipt.MessageID, receipt.SequenceNumber
		if repeat {
			return m
		}
	}
	q.put(m, delay)
	return m
}

// move takes a message from another queue as it is, whatever its deduplication id.
func (q *Queue) move(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(m, 0)
}

// put adds a message. The caller holds mu.
func (q *Queue) put(m Message, delay time.Duration) {
	now := time.Now()
	if delay < 0 {
		delay = q.settings.Delay
	}
	e := &entry{message: m, kept: now, visible: now.Add(delay)}
	q.waiting = append(q.waiting, e)
	q.byID[m.ID] = e
	q.count++
	if len(q.arrived) < arrivedMax {
		q.arrived = append(q.arrived, m)
	}
	q.wake()
}

// wake lets all who wait look again. The caller holds mu.
func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Receive takes up to most visible messages and makes them invisible. If there are none it waits for one, until wait or
// ctx ends. Negative durations mean the queue's. A message received too often goes to the dead-letter queue instead. A FIFO
// queue hands out no message of a group while an earlier one of it is invisible.
func (q *Queue) Receive(ctx context.Context, most int, wait, visibility time.Duration) []Received {
	settings := q.Settings()
	if wait < 0 {
		wait = settings.Wait
	}
	if visibility < 0 {
		visibility = settings.Visibility
	}
	deadline := time.Now().Add(wait)
	for {
		taken, dead, next, changed := q.take(most, visibility)
		for _, m := range dead {
			settings.Dead.move(m)
		}
		left := time.Until(deadline)
		if len(taken) > 0 || left <= 0 || changed == nil {
			return taken
		}
		if !next.IsZero() {
			left = min(left, max(time.Until(next), 0))
		}
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// take is one look at the queue. next is when a message becomes visible by itself, zero if none will; changed is nil if the
// queue is closed.
func (q *Queue) take(most int, visibility time.Duration) (taken []Received, dead []Message, next time.Time, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	kept := q.waiting[:0]
	held := make(map[string]bool) // message groups of which a message is not visible
	for i, e := range q.waiting {
		if len(taken) == most {
			kept = append(kept, q.waiting[i:]...)
			break
		}
		switch {
		case q.byID[e.message.ID] != e: // deleted
			continue
		case q.settings.Retention > 0 && now.Sub(e.kept) >= q.settings.Retention:
			delete(q.byID, e.message.ID)
			continue
		case held[e.message.GroupID]:
		case e.visible.After(now):
			if q.settings.FIFO {
				held[e.message.GroupID] = true
			}
			if next.IsZero() || e.visible.Before(next) {
				next = e.visible
			}
		case q.settings.Dead != nil && e.receives >= q.settings.MaxReceives:
			delete(q.byID, e.message.ID)
			dead = append(dead, e.message)
			continue
		default:
			e.receives++
			e.visible = now.Add(visibility)
			e.handle = fmt.Sprintf("%s:%s:%d", q.id, e.message.ID, e.receives)
			if e.first.IsZero() {
				e.first = now
			}
			taken = append(taken, Received{Message: e.message, Handle: e.handle, Receives: e.receives, First: e.first})
		}
		kept = append(kept, e)
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	if q.closed {
		return taken, dead, next, nil
	}
	return taken, dead, next, q.changed
}

// Close lets all receivers go, now and later; messages are still sent and received.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

// find is the entry that a handle names; nil if it is gone or was received again since. The caller holds mu.
func (q *Queue) find(handle string) (*entry, error) {
	parts := strings.Split(handle, ":")
	if len(parts) != 3 || parts[0] != q.id {
		return nil, ErrHandle
	}
	e := q.byID[parts[1]]
	if e == nil || e.handle != handle {
		return nil, nil
	}
	return e, nil
}

// Delete removes a received message. A handle whose message is gone or was received again since deletes nothing, without
// an error.
func (q *Queue) Delete(handle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, err := q.find(handle)
	if e != nil {
		delete(q.byID, e.message.ID)
	}
	return err
}

// ChangeVisibility makes a received message invisible for so long from now; 0 makes it visible.
func (q *Queue) ChangeVisibility(handle string, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, err := q.find(handle)
	if err != nil {
		return err
	}
	now := time.Now()
	if e == nil || !e.visible.After(now) {
		return ErrInvisible
	}
	e.visible = now.Add(d)
	q.wake()
	return nil
}

// Purge removes all messages; what arrived is still remembered.
func (q *Queue) Purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = nil
	clear(q.byID)
}

// Depth counts the messages that can be received, and those that are received or delayed.
func (q *Queue) Depth() (visible, inFlight, delayed int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, e := range q.byID {
		switch {
		case !e.visible.After(now):
			visible++
		case e.receives > 0:
			inFlight++
		default:
			delayed++
		}
	}
	return visible, inFlight, delayed
}

// Arrived are the messages that ever arrived, the first 200,000 of them, in order. They are not consumed.
func (q *Queue) Arrived() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]Message(nil), q.arrived...)
}

// Count is how many messages ever arrived.
func (q *Queue) Count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// Wait waits until n messages have arrived in all, or ctx ends.
func (q *Queue) Wait(ctx context.Context, n int) error {
	for {
		q.mu.Lock()
		count, changed := q.count, q.changed
		q.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d messages: %d arrived: %w", n, count, ctx.Err())
		}
	}
}
