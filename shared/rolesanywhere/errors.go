package rolesanywhere

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// Error is why there are no credentials. Error() is one line for the operator, with names and ARNs; [Error.Detail] is for
// strangers. Neither ever holds a key, a token or a signature. Absent fields are zero.
type Error struct {
	// Kind is what it is about.
	Kind Kind
	// Status, Type, Text and RequestID are from the answer; Text is AWS's own, at most 1,024 bytes.
	Status    int
	Type      string
	Text      string
	RequestID string
	// ContentType is set for an answer that is not AWS's.
	ContentType string
	// Attempts is how many requests were sent.
	Attempts int
	// RetryAfter is how long AWS asked to wait.
	RetryAfter time.Duration
	// ClockOffset is AWS's time minus ours as last measured, to about a second.
	ClockOffset time.Duration
	// TrustAnchorARN, ProfileARN and RoleARN are those of the request.
	TrustAnchorARN, ProfileARN, RoleARN string
	// Subject, Issuer, Serial (decimal) and NotAfter are those of the leaf.
	Subject, Issuer, Serial string
	NotAfter                time.Time
	// Rule is the rule of [Preflight] that the certificate breaks, or the member an answer lacks.
	Rule string
	// Err is the cause where it is not an answer.
	Err error

	retry bool // the same request may succeed at once
}

// Error is one line: what was refused or broken, AWS's words, the parties, and what to check.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("create session: ")
	b.WriteString(e.Kind.String())
	if e.Rule != "" {
		b.WriteString(": " + e.Rule)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": answer %d", e.Status)
		if e.Type != "" {
			b.WriteString(" " + strconv.Quote(e.Type))
		}
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
	if e.Kind == NoIdentity {
		return b.String() // the source knows better what to check
	}
	if e.Attempts > 0 {
		fmt.Fprintf(&b, "; attempts %d, clock offset %v", e.Attempts, e.ClockOffset.Round(time.Second))
	}
	if e.TrustAnchorARN != "" {
		fmt.Fprintf(&b, "; trust anchor %s, profile %s, role %s", e.TrustAnchorARN, e.ProfileARN, e.RoleARN)
	}
	if e.Subject != "" {
		fmt.Fprintf(&b, "; certificate of %q issued by %q, serial %s, valid until %s",
			e.Subject, e.Issuer, e.Serial, e.NotAfter.UTC().Format(time.RFC3339))
	}
	b.WriteString("; check: " + e.Kind.traits().check)
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// RetryableError is false: the provider has made its own attempts, and the AWS SDK must not multiply them.
func (e *Error) RetryableError() bool { return false }

// Outage is true if time may cure it, and false for a refusal or a configuration that a human must change. For a
// source's error it is what that error says, true if it says nothing.
func (e *Error) Outage() bool {
	if e.Kind == NoIdentity {
		if o, found := errors.AsType[interface {
			error
			Outage() bool
		}](e.Err); found {
			return o.Outage()
		}
	}
	return e.Kind.traits().outage
}

// Detail is one sentence for a stranger: the kind of cause and its cure, without ARN, host, subject or secret. For a
// source's error it is that error's sentence, if it has one.
func (e *Error) Detail() string {
	if e.Kind == NoIdentity {
		if d, found := errors.AsType[interface {
			error
			Detail() string
		}](e.Err); found {
			return d.Detail()
		}
	}
	return e.Kind.traits().detail
}

// about fills in the certificate that the error is about.
func (e *Error) about(id *keystore.Identity) *Error {
	if id != nil && id.Leaf != nil {
		e.Subject, e.Issuer = keystore.Subject(id.Leaf), keystore.Issuer(id.Leaf)
		e.Serial, e.NotAfter = id.Leaf.SerialNumber.String(), id.Leaf.NotAfter
	}
	return e
}

// aboutMaterial is true if other material from the source could cure it.
func (e *Error) aboutMaterial() bool {
	switch e.Kind {
	case Certificate, Chain, Expired, NotYetValid, KeyMismatch, RoleTrust, Attributes, BadSignature:
		return true
	case ClockSkew, Duration, SessionName, RoleNotInProfile, Profile, Anchor, Validation, Refused, Unconfigured, Throttled, ServiceFault,
		Connection, Malformed, NotAWS, NoIdentity, SessionRejected, Closed:
	}
	return false
}

// aboutARNs is true if other ARNs from the source could cure it.
func (e *Error) aboutARNs() bool {
	switch e.Kind {
	case Unconfigured, Anchor, Profile, RoleNotInProfile, Validation, Refused:
		return true
	case ClockSkew, BadSignature, Certificate, Chain, Expired, NotYetValid, KeyMismatch, RoleTrust, Duration, Attributes, SessionName,
		Throttled, ServiceFault, Connection, Malformed, NotAWS, NoIdentity, SessionRejected, Closed:
	}
	return false
}
