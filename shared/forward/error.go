package forward

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what an error means for the event, and so what its sender is told. The zero Kind is not a valid one.
type Kind int

const (
	// Invalid means that this event can never succeed. The only kind that is answered 4xx without a retry.
	Invalid Kind = iota + 1
	// Denied means that the bridge lacks a permission or is configured wrongly; an operator can cure it.
	Denied
	// Throttled means that the target says slow down.
	Throttled
	// Unavailable means that time may cure it. The effect is unknown: the target may have accepted the event.
	Unavailable
	// BatchRefused means that the target refused the whole batch without saying which entry it means. It never leaves this package:
	// each entry is sent again alone, once.
	BatchRefused
)

// String is the kind's name in logs.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Denied:
		return "denied"
	case Throttled:
		return "throttled"
	case Unavailable:
		return "unavailable"
	case BatchRefused:
		return "batch refused"
	}
	return fmt.Sprintf("forward.Kind(%d)", int(k))
}

// The two causes of an Invalid event that senders are told apart from the others; they stand in the chain of [Error.Err].
var (
	// ErrTooLarge: the event is over a size limit, ours or the target's (413).
	ErrTooLarge = errors.New("event is too large")
	// ErrContent: the target does not take this event's content (422).
	ErrContent = errors.New("the target does not take this content")
)

// Error is the verdict on one event that was not accepted. Its text is for the log of the operator: it may name hosts,
// ARNs and subjects, never a secret, a key or a payload. What a sender may read is [Detail].
type Error struct {
	// Op says what was being done, for example "publish".
	Op string
	// Kind decides the answer.
	Kind Kind
	// Ran is true if the target ran this event and refused it by its own verdict, as a Lambda function error does. Such an
	// event is not sent again within its request.
	Ran bool
	// RetryAfter is how long the target asked to wait; 0 if it did not say.
	RetryAfter time.Duration
	// Err is the cause.
	Err error
}

// Error is "op: cause".
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Op + ": " + e.Kind.String()
	case e.Op == "":
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of err: that of the [*Error] in its chain, else Unavailable, since what nobody judged may have
// happened. err must not be nil.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok && e != nil && e.Kind >= Invalid && e.Kind <= BatchRefused {
		return e.Kind
	}
	return Unavailable
}

// Detailer is implemented by errors that can say to a sender, who may be a stranger, what kind of thing is wrong and what
// cures it: one sentence without ARN, host, subject, secret or payload.
type Detailer interface {
	error
	Detail() string
}

// Detail is what a sender may read of err: the sentence of the outermost [Detailer] in its chain, else a general one for
// its kind. err must not be nil.
func Detail(err error) string {
	if d, ok := errors.AsType[Detailer](err); ok {
		return d.Detail()
	}
	switch KindOf(err) {
	case Invalid:
		if errors.Is(err, ErrTooLarge) {
			return "the event is over a size limit; send less data, or a reference to it"
		}
		return "this event can never succeed as it is; see the log of the bridge for the rule it breaks"
	case Denied:
		return "the bridge is not permitted or not configured to deliver; an operator finds the cause in its log"
	case Throttled:
		return "the target is taking fewer events than arrive; send again later"
	case Unavailable, BatchRefused:
	}
	return "the event was not proven accepted; send it again later"
}

// WithDetail returns err with the sentence that senders may read of it. It returns nil for a nil err.
func WithDetail(err error, detail string) error {
	if err == nil {
		return nil
	}
	return &detailed{error: err, detail: detail}
}

type detailed struct {
	error
	detail string
}

func (d *detailed) Detail() string { return d.detail }
func (d *detailed) Unwrap() error  { return d.error }
