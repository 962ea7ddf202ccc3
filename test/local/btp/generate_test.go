package btp

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestRenewalByTheTable holds the threshold of each row, one second before and at it.
func TestRenewalByTheTable(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true, TokenLifetime: time.Hour})
		for _, tc := range []testRow{
			{"DAYS", 1, 12 * time.Hour}, {"DAYS", 2, day}, {"DAYS", 14, day}, {"DAYS", 15, 3 * day}, {"DAYS", 31, 3 * day},
			{"DAYS", 32, 7 * day}, {"DAYS", 154, 7 * day}, {"DAYS", 155, 30 * day}, {"DAYS", 365, 30 * day}, {"MONTHS", 1, 3 * day},
			{"MONTHS", 2, 7 * day}, {"MONTHS", 5, 7 * day}, {"MONTHS", 6, 30 * day}, {"MONTHS", 12, 30 * day}, {"YEARS", 1, 30 * day},
		} {
			name := fmt.Sprintf("%s%d.pem", tc.unit, tc.value)
			if status, _, body := s.call(http.MethodPost, certificatesPath, generateBody(name, tc.unit, tc.value, "")); status != 201 {
				t.Fatalf("generate %s = %d %s", name, status, body)
			}
			first := s.chain(name)
			time.Sleep(time.Until(first[0].NotAfter.Add(-tc.before - time.Second)))
			if early := s.chain(name); !early[0].Equal(first[0]) {
				t.Errorf("%s was renewed before %v before its end", name, tc.before)
			}
			time.Sleep(time.Second)
			second := s.chain(name)
			if second[0].Equal(first[0]) || !bytes.Equal(second[0].RawSubject, first[0].RawSubject) || second[0].SerialNumber.Cmp(first[0].SerialNumber) == 0 {
				t.Errorf("%s was not renewed with the same subject and another serial at %v before its end", name, tc.before)
			}
			if got, want := second[0].NotAfter, tc.end(t, time.Now()); !got.Equal(want) {
				t.Errorf("%s lives until %v, want %v", name, got, want)
			}
		}
	})
}

// testRow is a validity and how long before its end it is renewed.
type testRow struct {
	unit   string
	value  int
	before time.Duration
}

func (tc testRow) end(t *testing.T, start time.Time) time.Time {
	t.Helper()
	end, ok := (&validity{tc.unit, tc.value}).end(start)
	if !ok {
		t.Fatalf("%v is no validity", tc)
	}
	return end
}

func (s *stand) chain(name string) []*x509.Certificate {
	s.t.Helper()
	chain, err := s.Certificate(Instance, name)
	if err != nil || len(chain) == 0 {
		s.t.Fatalf("no chain of %s (%v)", name, err)
	}
	return chain
}

func TestRenewalThatNobodyAskedFor(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		body := `{"Name":"once.pem","Attributes":{"CN":"mine","Validity":{"TimeUnit":"DAYS","Value":1}}}`
		if status, _, answer := s.call(http.MethodPost, certificatesPath, body); status != 201 {
			t.Fatalf("generate = %d %s", status, answer)
		}
		first := s.chain("once.pem")
		time.Sleep(48 * time.Hour)
		if got := s.chain("once.pem"); !got[0].Equal(first[0]) {
			t.Error("a certificate without AutomaticRenew was renewed; the default is false")
		}
	})
}

// TestALongSleepIsManyRenewals: nobody asked for two months, in which the job worked and the issuing CA changed.
func TestALongSleepIsManyRenewals(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		s.generate("g.pem")
		first := s.chain("g.pem")
		time.Sleep(100 * day)
		now := s.chain("g.pem")
		// 27 days from one to the next: made at day 81.
		if want := virtual.Start.Add(81 * day); !now[0].NotBefore.Equal(want.Add(-time.Hour)) || !now[0].NotAfter.Equal(want.Add(30*day)) {
			t.Errorf("after 100 days it lives from %v to %v, want made at day 81", now[0].NotBefore, now[0].NotAfter)
		}
		if now[1].Equal(first[1]) || !bytes.Equal(now[1].RawSubject, first[1].RawSubject) || time.Now().After(now[1].NotAfter) {
			t.Error("the issuing CA was not replaced under its old name")
		}
	})
}

func TestRenewalThatFails(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		s.generate("g.pem")
		first := s.chain("g.pem")
		time.Sleep(20 * day)
		if err := s.SuspendRenewal(true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * day)
		if got := s.chain("g.pem"); !got[0].Equal(first[0]) || !time.Now().After(got[0].NotAfter) {
			t.Fatal("the certificate did not expire without being renewed")
		}
		if err := s.SuspendRenewal(false); err != nil {
			t.Fatal(err)
		}
		if got := s.chain("g.pem"); !got[0].NotAfter.Equal(time.Now().AddDate(0, 0, 30)) {
			t.Errorf("once the job works again the certificate ends at %v, want in 30 days", got[0].NotAfter)
		}
	})
}

func TestSwitchedIssuingCA(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{EC: true})
		s.generate("g.pem")
		first := s.chain("g.pem")
		if err := s.SwitchIssuingCA(); err != nil {
			t.Fatal(err)
		}
		if got := s.chain("g.pem"); !got[1].Equal(first[1]) {
			t.Error("a certificate that was there changed its issuer")
		}
		if err := s.Renew(Instance, "g.pem"); err != nil {
			t.Fatal(err)
		}
		got := s.chain("g.pem")
		if got[1].Equal(first[1]) || !bytes.Equal(got[1].RawSubject, first[1].RawSubject) || got[0].CheckSignatureFrom(got[1]) != nil || !got[3].Equal(first[3]) {
			t.Error("a renewal after the switch is not signed by another CA of the same name under the same root")
		}
	})
}
