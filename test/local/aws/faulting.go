package aws

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

// wholeCall are the kinds that hit a call as a whole, from outside the service.
func wholeCall() []FaultKind {
	return []FaultKind{Throttle, ServerError, HTMLPage, Drop, Latency, Truncated, Empty, Unparsable, SessionExpired, SessionUnknown}
}

// take finds the first fault of a phase that hits a call, after those in past, and counts the hit. picks, if not nil,
// decides last and runs under the lock.
func (f *faults) take(c *call, phase Phase, kinds []FaultKind, past []*Injection, picks func(Fault) bool) *Injection {
	if !f.active.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.list {
		o := i.fault
		if i.removed.Load() || o.Phase != phase || !slices.Contains(kinds, o.Kind) || slices.Contains(past, i) ||
			o.Service != "" && o.Service != c.claim.Service || o.Action != "" && o.Action != c.claim.Action ||
			o.Count > 0 && i.hits.Load() >= int64(o.Count) {
			continue
		}
		if o.Service == "" && c.claim.Service == serviceRolesAnywhere && (o.Kind == SessionExpired || o.Kind == SessionUnknown) {
			continue
		}
		if o.When != nil && !o.When(c.claim) || picks != nil && !picks(o) {
			continue
		}
		i.hits.Add(1)
		c.faults = append(c.faults, o.Kind.String())
		return i
	}
	return nil
}

// number counts the calls of a service and action.
func (f *faults) number(c *call) {
	if !f.active.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = make(map[string]int)
	}
	key := c.claim.Service + ":" + c.claim.Action
	f.calls[key]++
	c.claim.Number = f.calls[key]
}

// before is the answer of a fault that hits before the effect; nil if none does.
func (s *Server) before(c *call) *answer {
	s.faults.number(c)
	var past []*Injection
	for {
		i := s.faults.take(c, Before, wholeCall(), past, nil)
		if i == nil {
			return nil
		}
		if i.fault.Kind != Latency {
			return s.broken(c, i.fault, &answer{status: http.StatusOK})
		}
		past = append(past, i)
		if s.pause(c.Context(), i.fault.Delay) != nil {
			return &answer{cut: cutAll}
		}
	}
}

// after breaks the answer to a call that had its effect.
func (s *Server) after(c *call, a *answer) *answer {
	if a.status >= http.StatusMultipleChoices {
		return a
	}
	var past []*Injection
	for {
		i := s.faults.take(c, After, wholeCall(), past, nil)
		if i == nil {
			return a
		}
		if i.fault.Kind != Latency {
			return s.broken(c, i.fault, a)
		}
		past = append(past, i)
		if s.pause(c.Context(), i.fault.Delay) != nil {
			return &answer{cut: cutAll}
		}
	}
}

// broken is what a fault makes of an answer.
func (s *Server) broken(c *call, f Fault, a *answer) *answer {
	switch f.Kind {
	case Throttle:
		return s.refuse(c, f.refusal(c, http.StatusBadRequest, "Throttling", "ThrottlingException", "Rate exceeded"))
	case ServerError:
		code := http.StatusText(f.status())
		switch f.status() {
		case http.StatusInternalServerError:
			code = "InternalError"
		case http.StatusServiceUnavailable:
			code = "ServiceUnavailable"
		}
		return s.refuse(c, f.refusal(c, f.status(), code, code+"Exception", "stand-in: an injected fault of the service"))
	case HTMLPage:
		text := fmt.Sprintf("%d %s", f.status(), http.StatusText(f.status()))
		page := fmt.Sprintf("<html>\r\n<head><title>%s</title></head>\r\n<body><center><h1>%s</h1></center></body>\r\n</html>\r\n", text, text)
		return &answer{status: f.status(), contentType: "text/html", body: []byte(page)}
	case Drop:
		return &answer{status: a.status, cut: cutAll}
	case Truncated:
		b := *a
		b.cut = cutHalf
		return &b
	case Empty:
		return &answer{status: a.status, contentType: a.contentType}
	case Unparsable:
		return &answer{status: a.status, contentType: a.contentType, body: []byte("\x00 neither <XML nor {JSON")}
	case SessionExpired:
		return s.refuse(c, signatureRefusal(c, &sigv4.Refusal{Kind: sigv4.Expired, Rule: "injected",
			Text: "The security token included in the request is expired"}))
	case SessionUnknown:
		return s.refuse(c, signatureRefusal(c, &sigv4.Refusal{Kind: sigv4.UnknownKey, Rule: "injected",
			Text: "The security token included in the request is invalid."}))
	case Latency, PartialFailure, MissingIDs, UnknownIDs, NoCredentialSet, NoCredentials, PastExpiration, ShortLifetime:
	}
	return a
}

func (f Fault) status() int {
	if f.Status == 0 {
		return http.StatusInternalServerError
	}
	return f.Status
}

// refusal is the fault's answer in the protocol's shape; sns has its own code, the JSON services share the other.
func (f Fault) refusal(c *call, status int, sns, other, text string) *refusal {
	r := &refusal{status: status, code: other, text: text, namespace: namespaceCoral, retryAfter: f.RetryAfter}
	if c.claim.Service == serviceSNS || c.claim.Service == serviceSTS {
		r.code = sns
	}
	if c.claim.Service == serviceDynamoDB {
		f.ofDynamoDB(r)
	}
	if c.claim.Service == serviceLambda {
		f.ofLambda(r)
	}
	if c.claim.Service == serviceRolesAnywhere && f.Kind == Throttle {
		r.status = http.StatusTooManyRequests
	}
	if f.Code != "" {
		r.code = f.Code
	}
	if f.Text != "" {
		r.text = f.Text
	}
	return r
}

// issued is what a fault makes of a session that is given out.
type issued struct {
	noSet, noCredentials bool
	lifetime             time.Duration // 0: as it was
}

func (s *Server) issueFault(c *call) issued {
	i := s.faults.take(c, After, []FaultKind{NoCredentialSet, NoCredentials, PastExpiration, ShortLifetime}, nil, nil)
	if i == nil {
		return issued{}
	}
	out := issued{noSet: i.fault.Kind == NoCredentialSet, noCredentials: i.fault.Kind == NoCredentials, lifetime: i.fault.Lifetime}
	if i.fault.Kind == PastExpiration {
		out.lifetime = -time.Minute
	}
	return out
}

// fate is what a fault makes of an entry of a batch.
type fate struct {
	kind  FaultKind // 0: nothing
	phase Phase
	fault Fault
}

// delivered tells whether the entry has its effect.
func (f fate) delivered() bool { return f.kind == 0 || f.phase == After }

// fates are what faults make of the entries of a batch, aligned with them.
func (s *Server) fates(c *call, entries []Entry) []fate {
	out := make([]fate, len(entries))
	kinds := []FaultKind{PartialFailure, MissingIDs, UnknownIDs}
	for _, phase := range []Phase{Before, After} {
		var past []*Injection
		for {
			i := s.faults.take(c, phase, kinds, past, func(f Fault) bool {
				hit := false
				for n, e := range entries {
					if out[n].kind == 0 && (f.Entries == nil || f.Entries(e)) {
						out[n] = fate{kind: f.Kind, phase: phase, fault: f}
						hit = true
					}
				}
				return hit
			})
			if i == nil {
				break
			}
			past = append(past, i)
		}
	}
	return out
}
