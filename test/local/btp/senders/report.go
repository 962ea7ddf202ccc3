package senders

import "time"

// Outcome is what became of an event.
type Outcome int

const (
	// Pending means that the delivery was ended before the event was accepted or given up: it is still in the sender's queue.
	Pending Outcome = iota
	// Delivered means that the target accepted it.
	Delivered
	// Lost means that the sender gave it up.
	Lost
	// Unsubscribed means that no topic or type of the subscription matches: it was never to be sent.
	Unsubscribed
	// Refused means that the sender's broker does not take it: see Delivery.Reason.
	Refused
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case Pending:
		return "pending"
	case Delivered:
		return "delivered"
	case Lost:
		return "lost"
	case Unsubscribed:
		return "unsubscribed"
	case Refused:
		return "refused"
	}
	return "unknown"
}

// Attempt is one request with an event.
type Attempt struct {
	// Start is when it was sent, Duration how long it took.
	Start    time.Time
	Duration time.Duration
	// Status is the answer's; 0 if there was none, and Err says why.
	Status int
	Err    error
	// Accepted tells whether the sender takes the answer for success.
	Accepted bool
}

// Delivery is what became of one event.
type Delivery struct {
	Event    Event
	Outcome  Outcome
	Reason   string // of Lost, Unsubscribed and Refused
	Attempts []Attempt
}

// Accepted is how often the target accepted the event: more than once is a duplicate.
func (d Delivery) Accepted() int {
	n := 0
	for _, a := range d.Attempts {
		if a.Accepted {
			n++
		}
	}
	return n
}

// Report is what a sender did.
type Report struct {
	// Sender is the kind, Subscription and Queue what its configuration calls them, "" where there are none.
	Sender, Subscription, Queue string
	// Deliveries are in the order in which the events were published.
	Deliveries []Delivery
}

// Count is how many events had an outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, d := range r.Deliveries {
		if d.Outcome == o {
			n++
		}
	}
	return n
}

// Repeated is how many requests were sent beyond the first of each event.
func (r *Report) Repeated() int {
	n := 0
	for _, d := range r.Deliveries {
		n += max(len(d.Attempts)-1, 0)
	}
	return n
}
