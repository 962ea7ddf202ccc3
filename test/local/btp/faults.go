package btp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	// Call is token, tokenKeys, find, listCertificates, getCertificate, publicKeys, createCertificate, putCertificate, deleteCertificate
	// or createDestination; "" means all.
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
	// CutOff is how many bytes of the real body are sent, as if all were well; 0 means all. With Drop, the connection ends
	// after them, short of the length that was promised. Only After.
	CutOff int
	// Drip sends the real body in 16 pieces with that time between them. Only After.
	Drip time.Duration
	// Delay passes before anything else; the call then goes on, or ends with the request.
	Delay time.Duration
}

// calls are the names that a fault can have.
func calls() []string {
	return []string{
		callToken, callTokenKeys, callFind, callList, callGet, callPublicKeys, callCreate, callPut, callDelete, callCreateDestination,
	}
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
	if f.Status == 0 && !f.Drop && f.CutOff == 0 && f.Drip == 0 && f.Delay == 0 {
		return nil, errors.New("inject a fault: it does nothing; set Status, Drop, CutOff, Drip or Delay")
	}
	if (f.CutOff > 0 || f.Drip > 0) && f.Phase == Before {
		return nil, errors.New("inject a fault: CutOff and Drip need an answer, so Phase must be After")
	}
	if f.Call != "" && !slices.Contains(calls(), f.Call) {
		return nil, fmt.Errorf("inject a fault: no call is %q; the calls are %s", f.Call, strings.Join(calls(), ", "))
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
	if f.Delay > 0 && !wait(ctx, f.Delay) {
		return answer{}, true, true
	}
	switch {
	case f.Drop && f.CutOff > 0:
		cut := real
		cut.length, cut.broken = strconv.Itoa(len(real.body)), true
		cut.body = real.body[:min(f.CutOff, len(real.body))]
		return cut, true, false
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
	case f.Drip > 0:
		real.drip = f.Drip
		return real, true, false
	}
	return answer{}, false, false
}

// wait waits, and tells whether it was allowed to until the end.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
