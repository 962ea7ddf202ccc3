package rolesanywhere

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

func TestFact19RefreshIsAheadAndSpread(t *testing.T) {
	var at []time.Duration
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			begin := time.Now()
			if _, err := s.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(59 * time.Minute)
			if n := s.service.calls(); n != 2 {
				t.Fatalf("%d calls in the first 59 minutes, want 2", n)
			}
			at = append(at, s.service.all()[1].at.Sub(begin))
		})
	}
	low, high := at[0], at[0]
	for _, d := range at {
		low, high = min(low, d), max(high, d)
		if d < 36*time.Minute || d > 48*time.Minute {
			t.Errorf("a refresh came after %v of an hour, want 36 to 48 minutes", d)
		}
	}
	if high-low < time.Minute {
		t.Errorf("20 refreshes came between %v and %v, want them spread", low, high)
	}
}

func TestFact02FailedRefreshKeepsWhatIsValid(t *testing.T) {
	for name, fault := range map[string]answer{
		"lost before the effect": {dropBefore: true},
		"lost after the effect":  {dropAfter: true},
		"refused":                refuse("Unable to assume role for " + roleARN),
		"empty":                  {status: 201, body: `{"credentialSet":[{}]}`},
		"5xx":                    {status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				first, err := s.Retrieve(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				s.service.does(always(fault))
				for time.Since(begin) < time.Hour-2*time.Second {
					before := time.Now()
					c, err := s.Retrieve(t.Context())
					if err != nil || c.AccessKeyID != first.AccessKeyID {
						t.Fatalf("after %v: Retrieve = %q, %v, want the first session", time.Since(begin), c.AccessKeyID, err)
					}
					if time.Since(before) != 0 {
						t.Fatalf("after %v: a caller waited %v while something valid existed", time.Since(begin), time.Since(before))
					}
					if !c.Expires.After(time.Now()) || c.Expires.After(begin.Add(time.Hour)) {
						t.Fatalf("after %v: Expires = %v, want between now and the end", time.Since(begin), c.Expires)
					}
					time.Sleep(time.Second)
				}
				time.Sleep(3 * time.Second)
				if c, err := s.Retrieve(t.Context()); err == nil || c.HasKeys() {
					t.Errorf("after the end: Retrieve = %q, %v, want an error and no keys", c.AccessKeyID, err)
				}
				if s.log.Count("refresh of aws credentials did not succeed") == 0 {
					t.Errorf("the failing refresh was not logged")
				}
				s.service.does(nil)
				time.Sleep(15 * time.Second)
				if _, err := s.Retrieve(t.Context()); err != nil {
					t.Errorf("15 s after the cure: %v", err)
				}
			})
		})
	}
}

func TestFailedRefreshBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.service.does(always(answer{dropBefore: true}))
		time.Sleep(59 * time.Minute) // at most 23 minutes of these are after the first refresh; nobody asks meanwhile
		n := s.service.calls() - 1
		if n < 3*8 || n > 3*60 {
			t.Errorf("a failing refresh made %d requests in 11 to 23 minutes, want 24 to 180", n)
		}
		time.Sleep(2 * time.Hour) // the session has ended: without events nothing asks any more
		if more := s.service.calls() - 1 - n; more > 12 {
			t.Errorf("an idle provider with an ended session made %d further requests, want at most 12", more)
		}
	})
}

func TestLastMinuteMakesSureOfAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		begin := time.Now()
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.service.does(always(answer{dropBefore: true}))
		time.Sleep(59*time.Minute + 10*time.Second - time.Since(begin))
		s.service.does(nil)
		cured := time.Now()
		for {
			c, err := s.Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.AccessKeyID != "ASIA1" {
				break
			}
			time.Sleep(time.Second)
		}
		if d := time.Since(cured); d > outageCap+2*time.Second {
			t.Errorf("in the last minute a new session came %v after the cure, want about 10 s at most", d)
		}
	})
}

func TestLastMinuteDoesNotPesterTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		begin := time.Now()
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.source.set(nil, sourceError{})
		time.Sleep(59*time.Minute + 30*time.Second - time.Since(begin))
		s.source.mu.Lock()
		before := s.source.asked
		s.source.mu.Unlock()
		for range 1000 {
			if _, err := s.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		s.source.mu.Lock()
		defer s.source.mu.Unlock()
		if n := s.source.asked - before; n < 10 || n > 21 {
			t.Errorf("1,000 events in 20 s of the last minute asked the failing source %d times, want about once a second", n)
		}
	})
}

func TestShortSessionsAreNotChased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.lifetime = 20 * time.Second
		begin := time.Now()
		for time.Since(begin) < 5*time.Minute {
			c, err := s.Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(c.Expires); left <= 0 || left > 20*time.Second {
				t.Fatalf("credentials are said to be good for %v, want at most their 20 s", left)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := s.service.calls(); n > 300/10 {
			t.Errorf("sessions of 20 s made %d calls in 5 minutes, want at most 30", n)
		}
	})
}

// A day through the SDK's own cache, as the AWS clients use the provider.
func TestVirtualDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(func(n int) answer {
			switch n % 7 {
			case 3:
				return answer{dropAfter: true}
			case 5:
				return answer{status: 429, header: map[string]string{"Retry-After": "2"}}
			}
			return answer{delay: 80 * time.Millisecond}
		})
		cache := aws.NewCredentialsCache(s.Provider)
		waited := 0
		for range 24 * 60 {
			before := time.Now()
			c, err := cache.Retrieve(t.Context())
			if err != nil || c.Expired() {
				t.Fatalf("an event got %v, expired %v", err, c.Expired())
			}
			if time.Since(before) > 0 {
				waited++
			}
			time.Sleep(time.Minute)
		}
		if waited > 1 {
			t.Errorf("%d events of a day waited for credentials, want the first alone", waited)
		}
		if n := s.service.calls(); n < 30 || n > 70 {
			t.Errorf("a day made %d requests, want 30 to 40 sessions and a few retries", n)
		}
	})
}

func TestFact06RotationFromRSAToECWithoutRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.source.set(rsaIdentity(t), nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.source.set(ecIdentity(t), nil)
		s.IdentityChanged()
		time.Sleep(changeSpread + time.Second)
		s.source.set(rsaIdentity(t), nil)
		time.Sleep(50 * time.Minute) // an ordinary refresh asks the source too
		for i, want := range []string{algorithmRSA, algorithmECDSA, algorithmRSA} {
			r := s.service.all()[i]
			if !strings.HasPrefix(r.authorization, want+" ") || r.chain != i%2 {
				t.Errorf("request %d is signed by %.25s with %d in the chain, want %s with %d", i, r.authorization, r.chain, want, i%2)
			}
		}
		if s.service.grants() != len(s.service.all()) {
			t.Errorf("%d of %d requests verified: leaf, chain and key must change as one", s.service.grants(), len(s.service.all()))
		}
	})
}

func TestFact07BadNewMaterialLeavesTheOldSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		bad := *ecIdentity(t)
		bad.Signer = rsaIdentity(t).Signer
		bad.Version = "bad"
		s.source.set(&bad, nil)
		s.IdentityChanged()
		time.Sleep(time.Minute)
		c, err := s.Retrieve(t.Context())
		if err != nil || c.AccessKeyID != "ASIA1" || s.service.calls() != 1 {
			t.Errorf("Retrieve = %q, %v after %d calls, want the old session and no call", c.AccessKeyID, err, s.service.calls())
		}
		if s.log.Count("key mismatch") == 0 {
			t.Errorf("the bad material was not reported:\n%s", s.log)
		}
	})
}

// TestChangeAfterTheEndSignsInWithoutAnEvent: of an ended session nothing else asks any more.
func TestChangeAfterTheEndSignsInWithoutAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.service.does(always(answer{dropBefore: true}))
		time.Sleep(3 * time.Hour)
		before := s.service.calls()
		s.service.does(nil)
		s.source.set(rsaIdentity(t), nil)
		s.IdentityChanged()
		time.Sleep(changeSpread + time.Second)
		if n := s.service.calls() - before; n != 1 || s.current.Load().version != rsaIdentity(t).Version {
			t.Errorf("31 s after the change: %d calls, want one with the new identity", n)
		}
	})
}

// racing is a source that finds another identity just after it gave the old one.
type racing struct {
	mu   sync.Mutex // guards all below
	id   *keystore.Identity
	then func() // called once the identity was read
}

func (r *racing) Identity(context.Context) (*keystore.Identity, error) {
	r.mu.Lock()
	id, then := r.id, r.then
	r.then = nil
	r.mu.Unlock()
	if then != nil {
		then()
	}
	return id, nil
}

func (r *racing) set(id *keystore.Identity, then func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id, r.then = id, then
}

// TestChangeDuringALookIsNotLost: the look found the old identity, and the change came before it was done.
func TestChangeDuringALookIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &racing{}
		s := newStage(t, func(c *Config) {
			source.set(ecIdentity(t), nil)
			c.Source = source
		})
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		young := makeIdentity(t, nil)
		source.set(ecIdentity(t), func() {
			source.set(young, nil)
			s.IdentityChanged()
		})
		s.IdentityChanged() // of something else, for example a property that is no ARN
		time.Sleep(2 * changeSpread)
		if got := s.current.Load().version; got != young.Version || s.service.calls() != 2 {
			t.Errorf("a minute after the change the session is of %s after %d calls, want %s after 2", got, s.service.calls(), young.Version)
		}
	})
}
