package destination

import (
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRenewalAhead(t *testing.T) {
	for days, want := range map[int]time.Duration{1: 12 * time.Hour, 2: day, 14: day, 15: 3 * day, 31: 3 * day, 32: 7 * day, 154: 7 * day, 155: 30 * day, 365: 30 * day} {
		// SAP's certificates begin an hour before they are issued.
		if got := renewalAhead(time.Duration(days)*day + time.Hour); got != want {
			t.Errorf("renewalAhead(%d days) = %v, want %v", days, got, want)
		}
	}
}

func TestAlarm(t *testing.T) {
	now := time.Now()
	c := &x509.Certificate{NotBefore: now, NotAfter: now.Add(30 * day)} // renewed 3 days before the end
	for after, want := range map[time.Duration]alarm{0: calm, 27*day + 12*time.Hour: calm, 28*day + time.Hour: overdue, 29*day + 7*time.Hour: urgent, 31 * day: urgent} {
		if got := alarmOf(c, now.Add(after)); got != want {
			t.Errorf("alarmOf after %v = %d, want %d", after, got, want)
		}
	}
}

func TestMissingRenewalIsSaidOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(c *Config) { c.Interval = time.Hour })
		s.btp.change(func(b *btp) { b.answer = generated(t, "orders", 30*day) })
		for range 24*30 - 2 {
			s.version(t)
			time.Sleep(time.Hour)
		}
		if n, m := s.log.Count("should have been renewed"), s.log.Count("ends soon"); n != 1 || m != 1 {
			t.Errorf("the missing renewal was warned of %d times and alarmed %d times, want once each", n, m)
		}
	})
}

func TestBadNewMaterialNeverReplacesWhatWorks(t *testing.T) {
	for name, answer := range map[string]func(*testing.T) []byte{
		"expired":      func(t *testing.T) []byte { return generated(t, "orders", -time.Minute) },
		"long expired": func(t *testing.T) []byte { return fixture(t, "find/12-v1-expired.json") },
		"not yet valid": func(t *testing.T) []byte {
			return generatedFor(t, "orders", time.Now().Add(10*time.Hour), time.Now().Add(day))
		},
		"without key": func(t *testing.T) []byte { return fixture(t, "find/11-v1-csr-chain-only.json") },
		"foreign key": func(t *testing.T) []byte { return fixture(t, "find/13-v1-key-mismatch.json") },
		"encrypted":   func(t *testing.T) []byte { return fixture(t, "find/17-v1-password-missing.json") },
		"not listed":  func(t *testing.T) []byte { return fixture(t, "find/19-v1-key-store-not-listed.json") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				first := s.version(t)
				s.btp.change(func(b *btp) { b.answer, b.etag = answer(t), "e2" })
				for range 3 {
					time.Sleep(6 * time.Minute)
					s.version(t)
					time.Sleep(time.Second)
				}
				if v := s.version(t); v != first || len(s.told()) != 0 {
					t.Errorf("version %q, changes %v; want the old identity kept", v, s.told())
				}
				if s.log.Count("level=WARN") == 0 || s.log.Count("stays in use") < 3 {
					t.Errorf("the bad material was not warned of:\n%s", s.log)
				}
				s.btp.change(func(b *btp) { b.answer = generated(t, "orders", 30*day) }) // under the etag of the bad one
				time.Sleep(6 * time.Minute)
				s.version(t)
				time.Sleep(time.Second)
				if v := s.version(t); v == first || v == "" {
					t.Errorf("version %q, want the good new material", v)
				}
			})
		})
	}
}

// As the only identity, material that is a little out of its validity is given out: the clock may be wrong, which the
// provider finds out.
func TestFirstIdentityNearItsValidity(t *testing.T) {
	for _, row := range []struct {
		from, until time.Duration
		want        string
	}{
		{-10 * time.Hour, -time.Hour, ""},
		{time.Hour, 10 * time.Hour, ""},
		{-60 * day, -25 * time.Hour, Expired.String()},
		{25 * time.Hour, 60 * day, NotYetValid.String()},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			now := time.Now()
			s.btp.change(func(b *btp) { b.answer = generatedFor(t, "orders", now.Add(row.from), now.Add(row.until)) })
			_, err := s.Identity(t.Context())
			if kindName(err) != row.want {
				t.Fatalf("valid from %v until %v: Identity = %v, want %q", row.from, row.until, err, row.want)
			}
			if row.want != "" && !strings.Contains(err.Error(), "CN=orders") {
				t.Errorf("the error %q does not name the subject", err)
			}
			for range 20 {
				time.Sleep(time.Second)
				_, _ = s.Identity(t.Context())
			}
			if n := s.btp.count("find"); n != 3 {
				t.Errorf("valid from %v until %v: %d finds in 20 s, want one each 10 s", row.from, row.until, n)
			}
			s.btp.change(func(b *btp) { b.answer = generated(t, "renewed", 30*day) })
			time.Sleep(lookPause)
			if id, err := s.Identity(t.Context()); err != nil || id.Leaf.Subject.CommonName != "renewed" {
				t.Errorf("10 s after the renewal: %v, want the new identity", err)
			}
		})
	}
}
