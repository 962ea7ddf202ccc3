package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/lambda"
)

// runsMax bounds what [Server.Invocations] remembers.
const runsMax = 200_000

// Invocation is one run of a function that has ended.
type Invocation struct {
	// RequestID is the call's; the retries of an Event have the same.
	RequestID string
	// Type is RequestResponse or Event.
	Type string
	// ARN is the function's as it was invoked, with the alias or version if there was one.
	ARN string
	// Version is the one that ran, $LATEST or a number.
	Version string
	// Payload is what the function got; it must not be changed.
	Payload []byte
	// Digest is the payload's SHA-256 in hexadecimal.
	Digest string
	// TraceID is the X-Ray header that the function got.
	TraceID string
	// Attempt counts the runs of an Event, from 1.
	Attempt int
	// ErrorType is "" of a success, else the error's, for example errorString or Sandbox.Timedout.
	ErrorType string
	// Response is what the function answered, or the document of its error; it must not be changed.
	Response []byte
	// Ended is by the stand-in's clock.
	Ended time.Time
	// Duration is how long the function took.
	Duration time.Duration
}

// runLog remembers the first runs of a function.
type runLog struct {
	mu      sync.Mutex // guards what follows
	runs    []Invocation
	count   int
	changed chan struct{} // closed and replaced when a run is added
}

func (l *runLog) init() { l.changed = make(chan struct{}) }

func (l *runLog) add(run Invocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	if len(l.runs) < runsMax {
		l.runs = append(l.runs, run)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// ran is the record of a run.
func (s *Server) ran(in lambda.Invocation, out lambda.Outcome, kind, version string, attempt int) Invocation {
	sum := sha256.Sum256(in.Payload)
	return Invocation{
		RequestID: in.RequestID, Type: kind, ARN: in.ARN, Version: version, Payload: in.Payload, Digest: hex.EncodeToString(sum[:]),
		TraceID: in.TraceID, Attempt: attempt, ErrorType: out.ErrorType, Response: out.Payload, Ended: s.now(), Duration: out.Duration,
	}
}

// Invocations are all runs of a function that have ended, in that order, the first 200,000 of them; none of a function that
// does not exist. A run counts whether or not its caller got the answer.
func (s *Server) Invocations(functionARN string) []Invocation {
	f := s.function(functionARN)
	if f == nil {
		return nil
	}
	f.runs.mu.Lock()
	defer f.runs.mu.Unlock()
	return append([]Invocation(nil), f.runs.runs...)
}

// InvocationCount is how many runs of a function have ended.
func (s *Server) InvocationCount(functionARN string) int {
	f := s.function(functionARN)
	if f == nil {
		return 0
	}
	f.runs.mu.Lock()
	defer f.runs.mu.Unlock()
	return f.runs.count
}

// WaitInvocations waits until n runs of a function have ended in all and returns them. It fails if the function does not
// exist or ctx ends first, and then says how many ended.
func (s *Server) WaitInvocations(ctx context.Context, functionARN string, n int) ([]Invocation, error) {
	f := s.function(functionARN)
	if f == nil {
		return nil, fmt.Errorf("wait for invocations: function %s does not exist", functionARN)
	}
	for {
		f.runs.mu.Lock()
		count, changed := f.runs.count, f.runs.changed
		f.runs.mu.Unlock()
		if count >= n {
			return s.Invocations(functionARN), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.Invocations(functionARN), fmt.Errorf("wait for %d invocations of %s: %d ended: %w", n, functionARN, count, ctx.Err())
		}
	}
}

func (s *Server) function(arn string) *function {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.functions[arn]
}
