package destination

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
)

// version is the version of the present identity, "" if there is none.
func (s *stage) version(t *testing.T) string {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		return ""
	}
	return id.Version
}

func TestNewNamesAllThatIsMissing(t *testing.T) {
	_, err := New(Config{Interval: -1})
	for _, part := range []string{"Binding", "Name", "Interval"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want it to name %s", err, part)
		}
	}
	bind := func() (*binding.Binding, error) { return nil, nil }
	if _, err := New(Config{Binding: bind, Name: strings.Repeat("ü", 1000)}); err == nil {
		t.Error("New took a name whose path is longer than the service takes")
	}
	c, err := New(Config{Binding: bind, Name: "x"}) // with our own HTTP client
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Identity(t.Context()); kindName(err) != Binding.String() {
		t.Errorf("Identity without a binding = %v, want kind binding", err)
	}
	c.Close()
}

// Facts of the SAP side have "SAP" in their names, to tell them from those of Roles Anywhere.
func TestSAPFact1ThousandFirstEventsOneTokenOneFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return reaction{delay: time.Second} } })
		var got atomic.Int64
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if s.version(t) != "" {
					got.Add(1)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1000 || s.btp.count("token") != 1 || s.btp.count("find") != 1 {
			t.Errorf("%d of 1,000 callers got an identity by %d tokens and %d finds, want all by one and one", got.Load(), s.btp.count("token"), s.btp.count("find"))
		}
	})
}

func TestCancelledCallerLeavesTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return reaction{delay: 5 * time.Second} } })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Identity(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Identity = %v, want the caller's own deadline", err)
		}
		if s.version(t) == "" || s.btp.count("find") != 1 {
			t.Errorf("the next caller made %d finds, want it to wait for the first", s.btp.count("find"))
		}
	})
}

func TestSAPFact2TokensDieInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.lifetime = 3600 })
		begin := time.Now()
		for time.Since(begin) < 24*time.Hour {
			if s.version(t) == "" {
				t.Fatal("no identity")
			}
			time.Sleep(time.Minute)
		}
		if finds, looks := s.btp.count("find"), s.counters.Value("destination_looks"); int64(finds) != looks {
			t.Errorf("%d looks took %d finds, want one each: an expired token must never be sent", looks, finds)
		}
		if n := s.btp.count("token"); n < 24 || n > 30 {
			t.Errorf("a day with tokens of an hour took %d tokens, want about 26", n)
		}
	})
}

func TestSAPFact6OldIdentityServesWhileTheServiceFails(t *testing.T) {
	for name, fault := range map[string]reaction{
		"lost before the effect": {dropBefore: true},
		"lost after the effect":  {dropAfter: true},
		"cut off":                {cut: true},
		"hung":                   {hang: true},
		"502 page":               {status: 502, header: map[string]string{"Content-Type": "text/html"}, body: "<html>"},
		"404":                    {status: 404, body: `{"ErrorMessage":"Configuration with the specified name was not found"}`},
		"401":                    {status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				s.btp.change(func(b *btp) { b.answer = generated(t, "orders", 3*time.Hour) })
				first := s.version(t)
				end := time.Now().Add(3 * time.Hour)
				s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return fault } })
				for time.Until(end) > time.Second {
					before := time.Now()
					if s.version(t) != first || time.Since(before) != 0 {
						t.Fatalf("%v before its end the old identity gave way, or a caller waited %v", time.Until(end), time.Since(before))
					}
					time.Sleep(30 * time.Second)
				}
				time.Sleep(2 * time.Second)
				if _, err := s.Identity(t.Context()); err == nil {
					t.Error("the identity served beyond its end")
				}
				if s.log.Count("the old certificate stays in use") == 0 {
					t.Error("the failing service was not logged")
				}
				s.btp.change(func(b *btp) { b.onFind, b.answer = nil, generated(t, "orders", 30*day) })
				time.Sleep(lookPause)
				if s.version(t) == "" {
					t.Error("10 s after the cure there is no identity")
				}
			})
		})
	}
}

func TestNoIdentityLooksOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return reaction{status: 404} } })
		begin := time.Now()
		var last error
		for time.Since(begin) < time.Minute {
			if _, last = s.Identity(t.Context()); kindName(last) != NotFound.String() {
				t.Fatalf("Identity = %v, want not-found", last)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := s.btp.count("find"); n != 6 {
			t.Errorf("600 events in a minute made %d finds, want 6", n)
		}
		if s.bindingReads() != 6 {
			t.Errorf("the binding was read %d times in 6 looks that failed, want each time", s.bindingReads())
		}
		s.btp.change(func(b *btp) { b.onFind = nil })
		cured := time.Now()
		for s.version(t) == "" {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(cured); d > lookPause {
			t.Errorf("the first event got an identity %v after the cure, want at most 10 s", d)
		}
		if len(s.told()) != 0 {
			t.Errorf("the first identity was told as a change: %v", s.told())
		}
	})
}

func TestReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first := s.version(t)
		s.Reject("another")
		time.Sleep(time.Minute)
		if s.version(t) != first || s.btp.count("find") != 1 {
			t.Errorf("rejecting another version made %d finds", s.btp.count("find"))
		}
		s.Reject(first)
		if s.version(t) != first || s.btp.count("find") != 2 || s.btp.count("find if-none-match") != 0 {
			t.Errorf("a rejected identity: %d finds, want an unconditional look and the same identity, as there is no other", s.btp.count("find"))
		}
		s.Reject(first)
		if s.version(t) != first || s.btp.count("find") != 2 {
			t.Errorf("rejected again at once: %d finds, want none within 10 s", s.btp.count("find"))
		}
		time.Sleep(lookPause)
		for range 100 { // refused a second time, then cured at AWS: no further look but the intervals'
			s.version(t)
			time.Sleep(time.Second)
		}
		if s.version(t) != first || s.btp.count("find") != 3 {
			t.Errorf("%d finds, want one for the second rejection and no more", s.btp.count("find"))
		}
		s.Reject(first)
		s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return reaction{status: 503} } })
		time.Sleep(lookPause)
		if s.version(t) != first {
			t.Error("a rejected identity was dropped though the look failed; the cure may lie at AWS")
		}
		s.btp.change(func(b *btp) { b.onFind, b.answer = nil, generated(t, "orders", 30*day) })
		time.Sleep(lookPause)
		if v := s.version(t); v == first || len(s.told()) != 1 || s.told()[0] != v {
			t.Errorf("after the exchange: version %q, changes %v; want the new one, told once", v, s.told())
		}
	})
}

func TestRetryAfterOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) {
			b.onFind = func(n int) reaction {
				if n == 1 {
					return reaction{status: 429, header: map[string]string{"Retry-After": "4"}}
				}
				return reaction{}
			}
		})
		begin := time.Now()
		if s.version(t) == "" || time.Since(begin) != 4*time.Second {
			t.Errorf("an identity after %v, want the 4 s asked for", time.Since(begin))
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) {
			b.onFind = func(int) reaction {
				return reaction{status: 307, header: map[string]string{"Location": "http://127.0.0.1/elsewhere"}}
			}
		})
		if _, err := s.Identity(t.Context()); kindName(err) != NotTheService.String() || s.btp.count("find") != 1 {
			t.Errorf("Identity = %v after %d finds, want the redirect refused", err, s.btp.count("find"))
		}
	})
}

func TestPlainHTTPOnlyToLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(c *Config) {
			c.Binding = func() (*binding.Binding, error) {
				return &binding.Binding{ClientID: clientID, ClientSecret: binding.NewSecret(clientSecret), URL: "http://auth.example", URI: "http://127.0.0.1"}, nil
			}
		})
		if _, err := s.Identity(t.Context()); kindName(err) != Unencrypted.String() || s.btp.count("token") != 0 {
			t.Errorf("Identity = %v after %d token requests, want the secret kept here", err, s.btp.count("token"))
		}
	})
}

func TestNothingShowsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.version(t)
		s.btp.change(func(b *btp) { b.answer = b.answer[:len(b.answer)-20] })
		s.Reject(s.version(t))
		_, err := s.Identity(t.Context())
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", s.config, "error", err)
		text := s.log.String() + out.String()
		for _, secret := range []string{clientSecret, "tOKEN", "PRIVATE KEY", "LS0tLS1C"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in what was logged:\n%s", secret, text)
			}
		}
	})
}

func TestCloseEndsALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return reaction{hang: true} } })
		failed := make(chan error, 1)
		go func() {
			_, err := s.Identity(t.Context())
			failed <- err
		}()
		synctest.Wait()
		begin := time.Now()
		s.Close()
		if err := <-failed; err == nil || time.Since(begin) != 0 {
			t.Errorf("Close ended the look with %v after %v, want an error at once", err, time.Since(begin))
		}
		if _, err := s.Identity(t.Context()); kindName(err) != Closed.String() {
			t.Errorf("Identity after Close = %v, want closed", err)
		}
		s.Run(t.Context()) // returns at once
	})
}

func TestBindingErrorsSpeakForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.bindErr = &binding.Error{Kind: binding.IncompleteBinding, Reason: "lacks uri"}
		_, err := s.Identity(t.Context())
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Kind != Binding || e.Outage() || e.Detail() != (&binding.Error{Kind: binding.IncompleteBinding}).Detail() || !strings.Contains(err.Error(), "lacks uri") {
			t.Errorf("Identity = %v, want the binding's error and its detail", err)
		}
		s.mu.Lock()
		s.bindErr = nil
		s.mu.Unlock()
		time.Sleep(lookPause)
		if s.version(t) == "" {
			t.Error("the cured binding was not read again")
		}
	})
}
