package btp

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Phase says whether a fault comes before or after a call has its effect. The zero Phase is not a valid one.
type Phase int

const (
	// Before means that the call has no effect: no token is made.
	Before Phase = iota + 1
	// After means that the call has its effect, and its answer is hit.
	After
)

// Fault is something that breaks on purpose.
type Fault struct {
	// Call is "token" or "find"; "" means both.
	Call string
	// Phase must be set.
	Phase Phase
	// Count is how many calls are hit; 0 means no limit.
	Count int

	// One of these says what happens.

	// Status answers with that status, and Body with ContentType; RetryAfter adds the header.
	Status            int
	Body, ContentType string
	RetryAfter        string
	// Drop closes the connection without an answer.
	Drop bool
	// CutOff is how many bytes of the real body are sent, as if all were well; 0 means all. Only After.
	CutOff int
	// Delay passes before anything else; the call then goes on, or ends with the request.
	Delay time.Duration
}

// Injection is a fault that was injected.
type Injection struct {
	server *Server
	fault  Fault
	hits   int
}

// Inject makes a fault happen from now on. The error names a fault that could never happen.
func (s *Server) Inject(f Fault) (*Injection, error) {
	if f.Phase != Before && f.Phase != After {
		return nil, errors.New("inject a fault: Phase must be Before or After")
	}
	if f.Status == 0 && !f.Drop && f.CutOff == 0 && f.Delay == 0 {
		return nil, errors.New("inject a fault: it does nothing; set Status, Drop, CutOff or Delay")
	}
	if f.CutOff > 0 && f.Phase == Before {
		return nil, errors.New("inject a fault: CutOff needs an answer, so Phase must be After")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := &Injection{server: s, fault: f}
	s.faults = append(s.faults, i)
	return i, nil
}

// Hits is how many calls were hit.
func (i *Injection) Hits() int {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.hits
}

// Remove ends the fault.
func (i *Injection) Remove() {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	for n, other := range i.server.faults {
		if other == i {
			i.server.faults = append(i.server.faults[:n:n], i.server.faults[n+1:]...)
			return
		}
	}
}

// hit is the first fault for a call in a phase, or nil.
func (s *Server) hit(call string, phase Phase) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.faults {
		f := &i.fault
		if f.Phase != phase || f.Call != "" && f.Call != call || f.Count > 0 && i.hits >= f.Count {
			continue
		}
		i.hits++
		return f
	}
	return nil
}

// withFaults acts, with what was injected before and after it. dropped means that there is no answer.
func (s *Server) withFaults(call string, r *http.Request, act func() answer) (a answer, dropped bool) {
	if f := s.hit(call, Before); f != nil {
		if a, done, dropped := f.strike(r.Context(), answer{}); done {
			return a, dropped
		}
	}
	a = act()
	if f := s.hit(call, After); f != nil {
		if struck, done, dropped := f.strike(r.Context(), a); done {
			return struck, dropped
		}
	}
	return a, false
}

// strike is what the fault makes of an answer; done is false if the call goes on.
func (f *Fault) strike(ctx context.Context, real answer) (a answer, done, dropped bool) {
	if f.Delay > 0 {
		wait := time.NewTimer(f.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return answer{}, true, true
		}
	}
	switch {
	case f.Drop:
		return answer{}, true, true
	case f.Status != 0:
		a = answer{status: f.Status, header: http.Header{"Content-Type": {f.ContentType}}, body: []byte(f.Body)}
		if f.RetryAfter != "" {
			a.header.Set("Retry-After", f.RetryAfter)
		}
		return a, true, false
	case f.CutOff > 0:
		cut := real
		cut.header = real.header.Clone()
		cut.body = real.body[:min(f.CutOff, len(real.body))]
		return cut, true, false // JSON that just ends, as the service's long answers do on an error
	}
	return answer{}, false, false
}
