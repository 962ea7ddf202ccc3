package rolesanywhere

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func withValidity(from, until time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
}

func TestFact08EachAttemptHasAFreshDateAndSignature(t *testing.T) {
	for name, fault := range map[string]answer{
		"lost before the effect": {dropBefore: true},
		"lost after the effect":  {dropAfter: true},
		"500":                    {status: 500},
		"503 page":               {status: 503, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"},
		"429":                    {status: 429},
		"throttling type":        {status: 400, header: map[string]string{"X-Amzn-ErrorType": "ThrottlingException"}, body: `{}`},
		"hung":                   {hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				s.service.does(func(n int) answer {
					if n < 3 {
						f := fault
						f.delay = 1100 * time.Millisecond // so that the dates differ
						return f
					}
					return answer{}
				})
				if _, err := s.Retrieve(t.Context()); err != nil {
					t.Fatal(err)
				}
				r := s.service.all()
				if len(r) != 3 {
					t.Fatalf("%d attempts, want 3", len(r))
				}
				for i := range r {
					if d := r[i].at.Sub(r[i].date); d < 0 || d >= time.Second {
						t.Errorf("attempt %d is dated %v before it was sent, want less than a second", i, d)
					}
					if i > 0 && r[i].authorization == r[i-1].authorization {
						t.Errorf("attempt %d has the signature of the one before", i)
					}
				}
			})
		})
	}
}

func TestThreeAttemptsThenAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(answer{status: 503}))
		begin := time.Now()
		_, err := s.Retrieve(t.Context())
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Kind != ServiceFault || e.Attempts != 3 || s.service.calls() != 3 || !e.Outage() {
			t.Errorf("Retrieve = %v after %d calls, want an outage after 3", err, s.service.calls())
		}
		if d := time.Since(begin); d > 1500*time.Millisecond {
			t.Errorf("the attempts took %v, want at most 0.5 s and 1 s between them", d)
		}
	})
}

func TestTheExtraAttemptAfterASkewIsExtra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.skew = 20 * time.Minute
		s.service.does(func(n int) answer {
			if n == 2 || n == 3 {
				return answer{status: 503}
			}
			return answer{}
		})
		if _, err := s.Retrieve(t.Context()); err != nil || s.service.calls() != 4 {
			t.Errorf("a refused signature and two faults: %v after %d attempts, want success by the fourth", err, s.service.calls())
		}
	})
}

func TestWhatIsNotRetried(t *testing.T) {
	for name, row := range map[string]struct {
		answer answer
		want   Kind
	}{
		"refused":     {refuse("anything"), Refused},
		"404":         {answer{status: 404, body: `{"message":"Specified Trust Anchor wasn't found."}`}, Anchor},
		"200 page":    {answer{status: 200, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}, NotAWS},
		"redirect":    {answer{status: 307, header: map[string]string{"Location": "http://127.0.0.1/elsewhere"}}, NotAWS},
		"not JSON":    {answer{status: 201, body: "hello"}, Malformed},
		"too large":   {answer{status: 201, body: `{"x":"` + strings.Repeat("x", answerMaxBytes) + `"}`}, Malformed},
		"204":         {answer{status: 204}, NotAWS},
		"login page":  {answer{status: 403, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}, NotAWS},
		"past expiry": {answer{status: 201, body: grant(1, time.Date(2027, 1, 15, 9, 0, 0, 0, time.UTC))}, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				s.service.does(always(row.answer))
				c, err := s.Retrieve(t.Context())
				if kind(err) != row.want || s.service.calls() != 1 || c.HasKeys() {
					t.Errorf("Retrieve = %v after %d calls, want %v after 1", err, s.service.calls(), row.want)
				}
				if err != nil && !strings.Contains(err.Error(), "answer ") {
					t.Errorf("the error %q does not name the answer's status", err)
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(func(n int) answer {
			if n == 1 {
				return answer{status: 429, header: map[string]string{"Retry-After": "7"}}
			}
			return answer{}
		})
		begin := time.Now()
		if _, err := s.Retrieve(t.Context()); err != nil || time.Since(begin) != 7*time.Second {
			t.Errorf("Retrieve = %v after %v, want success after the 7 s asked for", err, time.Since(begin))
		}
	})
}

func TestLongRetryAfterEndsTheCallAndIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(answer{status: 429, header: map[string]string{"Retry-After": "40"}}))
		begin := time.Now()
		for time.Since(begin) < 39*time.Second {
			if _, err := s.Retrieve(t.Context()); kind(err) != Throttled {
				t.Fatalf("Retrieve = %v, want throttled", err)
			}
			time.Sleep(time.Second)
		}
		if s.service.calls() != 1 {
			t.Errorf("%d calls in the 40 s that AWS asked to wait, want 1", s.service.calls())
		}
		s.service.does(nil)
		time.Sleep(2 * time.Second)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestPathPrefixIsSentAndSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(c *Config) { c.Endpoint = "http://127.0.0.1/aws/r%20a" })
		if _, err := s.Retrieve(t.Context()); err != nil { // the service verifies over the path it received
			t.Error(err)
		}
	})
}

func TestFact05And03ChainIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil || s.service.all()[0].chain != 1 || s.service.calls() != 1 {
			t.Errorf("Retrieve = %v with %d in the chain, want the intermediate sent at the first try", err, s.service.all()[0].chain)
		}
		long := *s.source.identity
		for range 5 {
			long.Chain = append(long.Chain, long.Chain[0])
		}
		s.source.set(&long, nil)
		s.Reject("ASIA1")
		if _, err := s.Retrieve(t.Context()); kind(err) != Chain || s.service.calls() != 1 {
			t.Errorf("Retrieve with 6 in the chain = %v after %d calls, want chain and no call", err, s.service.calls())
		}
	})
}
