package rolesanywhere

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFact12WrongClockIsNamedMeasuredAndCorrected(t *testing.T) {
	for _, skew := range []time.Duration{20 * time.Minute, -20 * time.Minute, 30 * time.Minute, -5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.service.skew = skew
			c, err := s.Retrieve(t.Context())
			if err != nil {
				t.Fatalf("a clock %v off: %v", skew, err)
			}
			if s.service.calls() != 2 || s.service.grants() != 1 {
				t.Errorf("a clock %v off took %d requests, want 2: one refused, one corrected", skew, s.service.calls())
			}
			if d := (s.ClockOffset() - skew).Abs(); d > 2*time.Second {
				t.Errorf("ClockOffset = %v, want %v", s.ClockOffset(), skew)
			}
			if left := time.Until(c.Expires) - (time.Hour - early); left.Abs() > 2*time.Second {
				t.Errorf("a clock %v off: Expires is %v from the local hour", skew, left)
			}
			for range 24 * 6 { // a day of refreshes: no refused request and no report more
				time.Sleep(10 * time.Minute)
				if _, err := s.Retrieve(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if s.service.calls() != s.service.grants()+1 {
				t.Errorf("%d of %d requests were refused, want the first alone", s.service.calls()-s.service.grants(), s.service.calls())
			}
			if n := s.log.Count("clock is wrong"); n != 1 || s.counters.Value("clock_skew_corrected") != 1 {
				t.Errorf("the clock was reported %d times and counted %d, want once", n, s.counters.Value("clock_skew_corrected"))
			}
			s.service.mu.Lock()
			s.service.skew += 90 * time.Second
			s.service.mu.Unlock()
			time.Sleep(time.Hour)
			if n := s.log.Count("clock is wrong"); n != 2 {
				t.Errorf("after a change of 90 s the clock was reported %d times in all, want 2", n)
			}
			s.service.mu.Lock()
			s.service.skew = 0
			s.service.mu.Unlock()
			time.Sleep(2 * time.Hour)
			if n := s.log.Count("clock agrees"); n != 1 || s.ClockOffset() != 0 {
				t.Errorf("the cured clock was reported %d times, offset %v, want once and 0", n, s.ClockOffset())
			}
		})
	}
}

func TestSmallOffsetCostsNothingUntilASignatureIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.skew = 90 * time.Second
		s.service.does(func(n int) answer {
			if n == 2 {
				return refuse("Invalid signature")
			}
			return answer{}
		})
		if _, err := s.Retrieve(t.Context()); err != nil || s.log.Count("clock is wrong") != 0 {
			t.Fatalf("90 s off: %v, reported %d times, want a session and no report", err, s.log.Count("clock is wrong"))
		}
		time.Sleep(50 * time.Minute) // the refresh is refused once, and corrected
		if s.service.calls() != 3 || s.log.Count("clock is wrong") != 1 {
			t.Errorf("%d calls, %d reports, want 3 and 1", s.service.calls(), s.log.Count("clock is wrong"))
		}
		if d := s.service.all()[2].date.Sub(s.service.all()[2].at); (d - 90*time.Second).Abs() > 3*time.Second {
			t.Errorf("the corrected request is dated %v ahead, want 90 s", d)
		}
	})
}

func TestRefusedSignatureWithARightClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.does(always(refuse("Invalid signature")))
		if _, err := s.Retrieve(t.Context()); kind(err) != BadSignature || s.service.calls() != 1 {
			t.Errorf("Retrieve = %v after %d calls, want signature after 1", err, s.service.calls())
		}
	})
}

func TestCorrectionThatDoesNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.skew = 20 * time.Minute
		s.service.does(always(refuse("Invalid signature")))
		_, err := s.Retrieve(t.Context())
		e, _ := errors.AsType[*Error](err)
		if e == nil || s.service.calls() != 2 || e.Attempts != 2 || (e.ClockOffset-20*time.Minute).Abs() > 2*time.Second {
			t.Errorf("Retrieve = %v after %d calls, want 2 attempts and the offset named", err, s.service.calls())
		}
	})
}

func TestNoDateHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.noDate = true
		c, err := s.Retrieve(t.Context())
		if err != nil || time.Until(c.Expires) != time.Hour-early || s.ClockOffset() != 0 {
			t.Errorf("without Date: %v, good for %v, offset %v, want the local clock to count", err, time.Until(c.Expires), s.ClockOffset())
		}
	})
}

func TestNoDateAndAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.service.noDate, s.service.skew = true, 20*time.Minute
		if _, err := s.Retrieve(t.Context()); kind(err) != BadSignature || s.service.calls() != 1 {
			t.Errorf("Retrieve = %v after %d calls, want signature after 1: nothing tells the time", err, s.service.calls())
		}
	})
}

func TestValidityByTheCorrectedClock(t *testing.T) {
	for _, row := range []struct {
		name    string
		skew    time.Duration
		from    time.Duration // of the certificate, from the local now
		until   time.Duration
		refusal string // what AWS says of it
		want    Kind   // 0 for a session
	}{
		{"our clock is fast, so the certificate only seems expired", -20 * time.Minute, -time.Hour, -time.Minute, "", 0},
		{"our clock is slow, so the certificate only seems not yet valid", 20 * time.Minute, 10 * time.Minute, time.Hour, "", 0},
		{"expired", 0, -time.Hour, -time.Minute, "Untrusted signing certificate", Expired},
		{"expired by the corrected clock alone", 20 * time.Minute, -time.Hour, 10 * time.Minute, "Untrusted signing certificate", Expired},
		{"not yet valid", 0, time.Hour, 2 * time.Hour, "something else", NotYetValid},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				now := time.Now()
				id := makeIdentity(t, withValidity(now.Add(row.from), now.Add(row.until)))
				s.source.set(id, nil)
				s.service.skew = row.skew
				if row.refusal != "" {
					s.service.does(func(n int) answer {
						if row.skew != 0 && n == 1 {
							return answer{}
						}
						return refuse(row.refusal)
					})
				}
				_, err := s.Retrieve(t.Context())
				if kind(err) != row.want {
					t.Fatalf("Retrieve = %v, want kind %v", err, row.want)
				}
				if row.want == 0 {
					return
				}
				if !strings.Contains(err.Error(), "valid until") || len(s.source.rejects) == 0 {
					t.Errorf("the error %q and the source's rejects %v, want the validity named and the source told", err, s.source.rejects)
				}
				calls := s.service.calls()
				time.Sleep(refusalPause)
				if _, err := s.Retrieve(t.Context()); kind(err) != row.want || s.service.calls() != calls {
					t.Errorf("once the clock is known: %v and %d more calls, want %v and none", err, s.service.calls()-calls, row.want)
				}
			})
		})
	}
}
