package destination

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Error is why there is no identity from the service. Error() is one line for the operator; [Error.Detail] is for strangers.
// Neither ever holds a secret, a token, a password or the content of a key store. Absent fields are zero.
type Error struct {
	// Kind is what it is about.
	Kind Kind
	// Op is what was being done: "fetch token for destination", "find destination", "fetch certificate", "read key store".
	Op string
	// Name is the destination's or the certificate's name, KeyStore that of a destination's key store.
	Name, KeyStore string
	// Status, Text, ContentType and RequestID (x-vcap-request-id) are from the answer; Text is at most 4 KB.
	Status      int
	Text        string
	ContentType string
	RequestID   string
	// Host is who was asked.
	Host string
	// RetryAfter is how long the service asked to wait.
	RetryAfter time.Duration
	// Attempts is how many requests were sent for this step.
	Attempts int
	// Reason says more where the kind alone does not.
	Reason string
	// Err is the cause where it is not an answer.
	Err error

	retry bool // the same request may succeed at once
}

// Error is one line: what was being done, what went wrong, the service's words, and what to check.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteString(" " + strconv.Quote(e.Name))
	}
	if e.KeyStore != "" {
		b.WriteString(" (key store " + strconv.Quote(e.KeyStore) + ")")
	}
	b.WriteString(": " + e.Kind.String())
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": answer %d", e.Status)
		if e.Text != "" {
			b.WriteString(" " + strconv.Quote(e.Text))
		}
		if e.ContentType != "" {
			b.WriteString(" of type " + strconv.Quote(e.ContentType))
		}
		if e.RequestID != "" {
			b.WriteString(", request id " + strconv.Quote(e.RequestID))
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Host != "" {
		b.WriteString("; asked " + e.Host)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", %d times", e.Attempts)
	}
	if e.Kind != Binding && e.Kind != KeyStore { // their causes say what to check
		b.WriteString("; check: " + e.Kind.traits().check)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// RetryableError is false: the client has made its own attempts, and nobody must multiply them.
func (e *Error) RetryableError() bool { return false }

// detailed is how the causes of an Error speak for themselves.
type detailed interface {
	error
	Outage() bool
	Detail() string
}

// Outage is true if time may cure it, and false for what a human must change.
func (e *Error) Outage() bool {
	if cause, found := errors.AsType[detailed](e.Err); found {
		return cause.Outage()
	}
	return e.Kind.traits().outage
}

// Detail is one sentence for a stranger: what is wrong and its cure, without host, subject or secret.
func (e *Error) Detail() string {
	if cause, found := errors.AsType[detailed](e.Err); found {
		return cause.Detail()
	}
	return e.Kind.traits().detail
}
