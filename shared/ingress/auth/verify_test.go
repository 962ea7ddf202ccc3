package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// second is a check that takes one.
func second() { time.Sleep(time.Second) }

func TestEqualPairsAtOnceAreCheckedOnce(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right"))
		c := h.watch(second)
		for password, want := range map[string]int{"right": 204, "wrong": 401} {
			before, start := c.count(), time.Now()
			var all sync.WaitGroup
			for range 500 {
				all.Go(func() {
					if status := h.as(t, basicValue("em", password)); status != want {
						t.Errorf("%s: %d, want %d", password, status, want)
					}
				})
			}
			all.Wait()
			if n := c.count() - before; n != 1 || time.Since(start) != time.Second {
				t.Errorf("%s: %d checks in %v for 500 requests, want 1 in 1s", password, n, time.Since(start))
			}
		}
	})
}

func TestAFloodOfWrongPasswordsIsBoundedAndKeepsOutNobodyWhoWasIn(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right")+line(t, "late", "right"))
		h.verifier.strangers = newLane(2)
		c := h.watch(second)
		if status := h.as(t, basicValue("em", "right")); status != 204 {
			t.Fatalf("status %d, want 204", status)
		}
		time.Sleep(time.Hour) // no longer remembered as verified, but as one that was
		start := time.Now()
		var flood sync.WaitGroup
		var mu sync.Mutex // guards answers
		answers := map[string]int{}
		for i := range 1000 {
			flood.Go(func() {
				status := h.as(t, basicValue("em", fmt.Sprint("guess ", i)))
				mu.Lock()
				defer mu.Unlock()
				answers[fmt.Sprint(status, " after ", time.Since(start))]++
			})
		}
		synctest.Wait()
		e, ok := errors.AsType[*ingress.AuthError](h.Authenticate(requestOf(t, basicValue("late", "right"))))
		if !ok || e.Status != http.StatusServiceUnavailable || e.RetryAfter != 5*time.Second || e.Challenge != "" || time.Since(start) != 0 {
			t.Errorf("a first password in the flood: %+v after %v, want 503 and 5s at once", e, time.Since(start))
		}
		if status := h.as(t, basicValue("em", "right")); status != 204 || time.Since(start) != time.Second {
			t.Errorf("who was in before: %d after %v, want 204 after one check of 1s", status, time.Since(start))
		}
		flood.Wait()
		if c.most != 3 {
			t.Errorf("%d checks at once, want 2 for strangers and 1 for who was in before", c.most)
		}
		// 2 are checked at once, 32 wait; of those 2 begin after 1s, and 2 more just when the others give up after 2s.
		if n := answers["503 after 0s"]; n != 1000-2-waitingMost {
			t.Errorf("%d were refused at once, want %d: %v", n, 1000-2-waitingMost, answers)
		}
		if n := answers["401 after 1s"]; n != 2 {
			t.Errorf("%d were checked first, want 2: %v", n, answers)
		}
		if n := answers["401 after 2s"]; n != 2 {
			t.Errorf("%d were checked second, want 2: %v", n, answers)
		}
		if n := answers["503 after 2s"] + answers["401 after 3s"]; n != waitingMost-2 || answers["401 after 3s"] > 2 {
			t.Errorf("the rest: %v, want at most 2 checked third, and the others refused after 2s", answers)
		}
		if n := h.log.Count("more passwords arrive"); n != 1 {
			t.Errorf("the flood is logged %d times, want once:\n%s", n, h.log)
		}
		if n := h.counters.Value(countBusy); n < 1000-2-waitingMost {
			t.Errorf("%s = %d, want all that were refused", countBusy, n)
		}
		if status := h.as(t, basicValue("late", "right")); status != 204 {
			t.Errorf("after the flood: %d, want 204", status)
		}
	})
}

// TestUnknownUsersCostWhatKnownOnesDo: a check, by a hash of the file that is always the same for the same name, so that
// costs cannot tell who exists; and it never lets in, not even by the password of that hash.
func TestUnknownUsersCostWhatKnownOnesDo(t *testing.T) {
	costly, err := bcrypt.GenerateFromPassword([]byte("costly"), 5)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, line(t, "cheap", "cheap")+"costly:"+string(costly))
	c := h.watch(func() {})
	seen := map[string]bool{}
	for i := range 40 {
		name := fmt.Sprint("eve", i)
		for j, password := range []string{"cheap", "costly", "x"} {
			if status := h.as(t, basicValue(name, password)); status != 401 {
				t.Fatalf("%s with %s: %d, want 401", name, password, status)
			}
			if j > 0 && c.hashes[len(c.hashes)-1] != c.hashes[len(c.hashes)-2] {
				t.Fatalf("%s was checked by two hashes", name)
			}
		}
		seen[c.hashes[len(c.hashes)-1]] = true
	}
	if c.count() != 120 || len(seen) != 2 {
		t.Errorf("%d checks by %d hashes for 120 requests, want a check each, by both", c.count(), len(seen))
	}
	if len(h.verifier.verified) != 0 {
		t.Errorf("%d pairs of unknown users are remembered", len(h.verifier.verified))
	}
}

// TestWhoWaitsForTheCheckOfAnotherWaitsNoLongerThanItsRequest and the check goes on for the other.
func TestWhoWaitsForTheCheckOfAnotherWaitsNoLongerThanItsRequest(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right"))
		c := h.watch(second)
		var first sync.WaitGroup
		first.Go(func() {
			if status := h.as(t, basicValue("em", "right")); status != 204 {
				t.Errorf("the first: %d, want 204", status)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := h.Authenticate(requestOf(t, basicValue("em", "right")).WithContext(ctx))
		if status := statusOf(t, err); status != 503 || time.Since(start) != 300*time.Millisecond {
			t.Errorf("the second: %d after %v, want 503 after 300ms", status, time.Since(start))
		}
		first.Wait()
		// As one that looked at the file while the first was checked finds it.
		if err := h.verifier.verify(t.Context(), h.file.current.Load().users, credentials{"em", "right"}); err != nil || c.count() != 1 {
			t.Errorf("verify() = %v after %d checks, want nil after 1", err, c.count())
		}
		if !h.verifier.mu.TryLock() {
			t.Fatal("verify() of a pair that was verified meanwhile keeps the mutex")
		}
		h.verifier.mu.Unlock()
	})
}

func TestWhatIsRememberedIsBoundedAndTheOldestGoes(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		v := newVerifier(nil)
		of := func(i int) pair { return v.pair(credentials{fmt.Sprint(i), "x"}, "") }
		for i := range rememberMost + 10 {
			v.remember(of(i))
			v.remember(of(i)) // again: takes no room
			time.Sleep(time.Millisecond)
		}
		if n := len(v.verified); n != rememberMost {
			t.Errorf("%d pairs are remembered, want %d", n, rememberMost)
		}
		if v.remembered(of(9)) || !v.remembered(of(10)) || !v.remembered(of(rememberMost+9)) {
			t.Error("others than the oldest were given up")
		}
	})
}

func TestPairsDoNotRunTogether(t *testing.T) {
	v := newVerifier(nil)
	seen := map[pair]string{}
	for _, of := range [][3]string{{"ab", "c", ""}, {"a", "bc", ""}, {"a", "b", "c"}, {"", "abc", ""}, {"abc", "", ""}, {"", "", "abc"}, {"", "ab", "c"}} {
		p := v.pair(credentials{of[0], of[1]}, of[2])
		if other, found := seen[p]; found {
			t.Errorf("%q and %s are the same pair", of, other)
		}
		seen[p] = fmt.Sprintf("%q", of)
	}
	if c := (credentials{"a", "b"}); v.pair(c, "") == newVerifier(nil).pair(c, "") {
		t.Error("two verifiers have the same key")
	}
}

// TestACheckThatPanicsKeepsNobodyWaiting: net/http recovers, and the next request must find the lane free.
func TestACheckThatPanicsKeepsNobodyWaiting(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right"))
		h.verifier.strangers = newLane(1)
		h.watch(func() {
			second()
			panic("a defect")
		})
		var both sync.WaitGroup
		both.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			h.as(t, basicValue("em", "right"))
		})
		synctest.Wait()
		both.Go(func() {
			if status := h.as(t, basicValue("em", "right")); status != 503 {
				t.Errorf("who waited for the same check: %d, want 503", status)
			}
		})
		both.Wait()
		h.watch(func() {})
		if status := h.as(t, basicValue("em", "right")); status != 204 {
			t.Errorf("the next request: %d, want 204", status)
		}
	})
}
