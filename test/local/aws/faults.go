package aws

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Phase says whether a fault comes before or after a call has its effect. The zero Phase is not a valid one.
type Phase int

const (
	// Before means that the call has no effect.
	Before Phase = iota + 1
	// After means that the call has its effect, and only its answer is hit. A call that is refused has no effect, so such a fault
	// passes it by.
	After
)

// FaultKind says what breaks. The zero FaultKind is not a valid one.
type FaultKind int

const (
	// Throttle is the service's own throttling answer; with [Fault.RetryAfter], Retry-After and x-amz-retry-after.
	Throttle FaultKind = iota + 1
	// ServerError is an answer with [Fault.Status] in the protocol's shape.
	ServerError
	// HTMLPage is an answer with [Fault.Status] as a proxy gives it.
	HTMLPage
	// Drop closes the connection without an answer.
	Drop
	// Latency lets [Fault.Delay] pass; other faults may hit as well.
	Latency
	// Truncated closes the connection in the middle of the answer. Only [After].
	Truncated
	// Empty is status 200, or the call's own after the effect, without a body.
	Empty
	// Unparsable is status 200, or the call's own after the effect, with a body that is no answer of the protocol.
	Unparsable
	// PartialFailure puts the entries of a PublishBatch that [Fault.Entries] picks into Failed, with [Fault.Code] and
	// [Fault.SenderFault], those of a BatchWriteItem into UnprocessedItems. [Before]: they have no effect; [After]: they have.
	PartialFailure
	// MissingIDs leaves these entries out of both Successful and Failed. [Before] and [After] as for PartialFailure. Not for
	// BatchWriteItem, whose answers do not name what was done.
	MissingIDs
	// UnknownIDs puts these entries into Successful under ids that nobody sent, those of a BatchWriteItem into
	// UnprocessedItems under keys that nobody sent. [Before] and [After] as for PartialFailure.
	UnknownIDs
	// SessionExpired is ExpiredToken, whatever the session's expiry. Only [Before], not for Roles Anywhere.
	SessionExpired
	// SessionUnknown is InvalidClientTokenId. Only [Before], not for Roles Anywhere.
	SessionUnknown
	// NoCredentialSet makes CreateSession answer an empty credentialSet. Only [After].
	NoCredentialSet
	// NoCredentials makes CreateSession answer a set without credentials. Only [After].
	NoCredentials
	// PastExpiration makes CreateSession answer credentials that ended a minute ago. Only [After].
	PastExpiration
	// ShortLifetime makes CreateSession answer credentials that live for [Fault.Lifetime]. Only [After].
	ShortLifetime
)

// String is the kind's name in the log of requests.
func (k FaultKind) String() string {
	names := []string{"", "throttle", "server error", "html page", "drop", "latency", "truncated", "empty", "unparsable",
		"partial failure", "missing ids", "unknown ids", "session expired", "session unknown",
		"no credential set", "no credentials", "past expiration", "short lifetime"}
	if k <= 0 || int(k) >= len(names) {
		return fmt.Sprintf("aws.FaultKind(%d)", int(k))
	}
	return names[k]
}

// Entry is an entry of a PublishBatch or a BatchWriteItem.
type Entry struct {
	// ID is the entry's; of a BatchWriteItem the partition key's text.
	ID string
	// Message is the message's text; "" of a BatchWriteItem.
	Message string
	// Attributes are the values of the message attributes that are no bytes, or of the item's that are strings, by name.
	Attributes map[string]string
	// Item is the item to put, or the key of the one to delete; nil of a PublishBatch. It must not be changed.
	Item Item
}

// Fault is something that breaks on purpose.
type Fault struct {
	// Service is rolesanywhere, sns, sqs, dynamodb, sts or lambda; "" means any.
	Service string
	// Action is for example CreateSession or Publish; "" means any.
	Action string
	// Phase must be set.
	Phase Phase
	// Kind must be set.
	Kind FaultKind
	// Count is how many calls are hit; 0 means no limit.
	Count int
	// When picks the calls to hit; nil means all. It is never called by two goroutines at once and must not call the
	// Server. [Random] makes one.
	When func(Call) bool
	// Entries picks the entries that PartialFailure, MissingIDs and UnknownIDs hit, under the same rules; nil means all.
	Entries func(Entry) bool

	// Status is that of ServerError and HTMLPage; 0 means 500.
	Status int
	// Code replaces the service's usual error code of Throttle, ServerError and PartialFailure.
	Code string
	// Text replaces the usual text of the same.
	Text string
	// SenderFault is that of PartialFailure's entries.
	SenderFault bool
	// RetryAfter is what Throttle and ServerError ask for; 0 means that they do not say.
	RetryAfter time.Duration
	// Delay is that of Latency; it must be positive there.
	Delay time.Duration
	// Lifetime is that of ShortLifetime; it must be positive there.
	Lifetime time.Duration
}

// Injection is a fault that was injected.
type Injection struct {
	fault   Fault
	hits    atomic.Int64
	removed atomic.Bool
}

// Hits is how many calls were hit.
func (i *Injection) Hits() int { return int(i.hits.Load()) }

// Remove ends the fault.
func (i *Injection) Remove() { i.removed.Store(true) }

// Random is a [Fault.When] that picks calls with probability p, the same ones for the same seed and order of calls.
func Random(seed uint64, p float64) func(Call) bool {
	r := rand.New(rand.NewPCG(seed, seed)) // reproducible on purpose
	return func(Call) bool { return r.Float64() < p }
}

// faults holds what was injected, in that order: of several faults of a phase the first that picks a call hits it.
type faults struct {
	mu     sync.Mutex // guards list and calls, and is held while When and Entries run
	list   []*Injection
	calls  map[string]int // :: service and action → calls so far
	active atomic.Bool
}

// Inject makes a fault happen from now on. Errors name a fault that could never happen as described.
func (s *Server) Inject(f Fault) (*Injection, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("inject %v: %w", f.Kind, err)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	i := &Injection{fault: f}
	s.faults.list = append(s.faults.list, i)
	s.faults.active.Store(true)
	return i, nil
}

func (f Fault) check() error {
	batch := f.Kind == PartialFailure || f.Kind == MissingIDs || f.Kind == UnknownIDs
	sessions := f.Kind == NoCredentialSet || f.Kind == NoCredentials || f.Kind == PastExpiration || f.Kind == ShortLifetime
	rejected := f.Kind == SessionExpired || f.Kind == SessionUnknown
	services := []string{"", serviceRolesAnywhere, serviceSNS, serviceSQS, serviceDynamoDB, serviceSTS, serviceLambda}
	publish := f.Service == serviceSNS && f.Action == "PublishBatch"
	write := f.Service == serviceDynamoDB && f.Action == "BatchWriteItem" && f.Kind != MissingIDs
	switch {
	case f.Kind < Throttle || f.Kind > ShortLifetime:
		return fmt.Errorf("its kind is not known")
	case f.Phase != Before && f.Phase != After:
		return fmt.Errorf("its phase must be Before or After")
	case !slices.Contains(services, f.Service):
		return fmt.Errorf("service %q is not here", f.Service)
	case batch && !publish && !write:
		return fmt.Errorf("it must be on sns and PublishBatch, or on dynamodb and BatchWriteItem, which has no missing ids")
	case f.Entries != nil && !batch:
		return fmt.Errorf("it has no entries")
	case sessions && (f.Service != serviceRolesAnywhere || f.Phase != After):
		return fmt.Errorf("it must be on the service rolesanywhere, After the effect")
	case rejected && (f.Service == serviceRolesAnywhere || f.Phase != Before):
		return fmt.Errorf("it must be Before the effect, and not on rolesanywhere")
	case f.Kind == Truncated && f.Phase != After:
		return fmt.Errorf("there is no answer to truncate Before the effect")
	case f.Kind == Latency && f.Delay <= 0:
		return fmt.Errorf("its delay must be positive")
	case f.Kind == ShortLifetime && f.Lifetime <= 0:
		return fmt.Errorf("its lifetime must be positive")
	case f.Status != 0 && f.Status < http.StatusInternalServerError && f.Kind == ServerError:
		return fmt.Errorf("its status must be 500 or above")
	}
	return nil
}
