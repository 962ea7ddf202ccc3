package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// fault is one thing that an administrator got wrong, alone.
type fault struct {
	// spoil and cure change the stand-in, never the function.
	spoil, cure func(*system) error
	// detail are words that the answer must have: the kind of cause and the fix.
	detail []string
	// settings are the function's besides the scenario's.
	settings []string
	// log are texts that one line of the log must have together.
	log func(*system) []string
}

// certificate replaces what the destination holds.
func certificate(leaf btp.Leaf, content func(*btp.Material) ([]byte, error)) func(*system) error {
	return func(s *system) error {
		leaf.CN = local.CommonName
		m, err := s.stand.BTP.Issue(leaf)
		if err != nil {
			return err
		}
		pem, err := content(m)
		if err != nil {
			return err
		}
		s.stand.BTP.PutCertificate(btp.Instance, local.KeyStoreName, pem)
		return nil
	}
}

func anchor(of func() (*btp.PKI, error)) func(*system) error {
	return func(s *system) error {
		pki, err := of()
		if err != nil {
			return err
		}
		return s.stand.AWS.UpdateTrustAnchor(s.TrustAnchorARN, pki.Root())
	}
}

// faults are what can be wrong with the identity of a function, and with its target.
func faults(function string) map[string]fault {
	whole := certificate(btp.Leaf{}, (*btp.Material).PEM)
	identity := func(s *system) []string { return []string{s.TrustAnchorARN, s.Role(function), local.CommonName} }
	out := map[string]fault{
		"wrong CA": {
			spoil: anchor(otherAuthorities), cure: anchor(authorities),
			detail: []string{"trust anchor", "intermediate"},
			log:    func(s *system) []string { return append(identity(s), "Untrusted signing certificate") },
		},
		"chain without intermediates": {
			spoil: certificate(btp.Leaf{}, (*btp.Material).PEMWithoutIntermediates), cure: whole,
			detail: []string{"trust anchor", "intermediate"},
			log:    func(s *system) []string { return append(identity(s), "Untrusted signing certificate") },
		},
		"role not in profile": {
			spoil: func(s *system) error {
				other, err := s.stand.AWS.CreateRole("other", s.TrustPolicy(s.stand.BTP.L()))
				if err != nil {
					return err
				}
				return s.stand.AWS.UpdateProfile(s.ProfileARN, aws.ProfileOptions{Roles: []string{other}})
			},
			cure: func(s *system) error {
				return s.stand.AWS.UpdateProfile(s.ProfileARN, aws.ProfileOptions{Roles: []string{s.Role(function)}})
			},
			detail: []string{"profile", "role"},
			log:    func(s *system) []string { return append(identity(s), s.ProfileARN, "isn't one of those listed") },
		},
		"expired certificate": {
			spoil:  certificate(btp.Leaf{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}, (*btp.Material).PEM),
			cure:   whole,
			detail: []string{"expired", "renew"},
			log:    func(*system) []string { return []string{local.CommonName, "expired"} },
		},
		"wrong client secret": {
			spoil:  func(s *system) error { s.stand.BTP.RotateSecret(); return nil },
			cure:   func(s *system) error { return s.WriteServiceKey(s.folder) },
			detail: []string{"binding", "client"},
			log:    func(s *system) []string { return []string{strings.TrimPrefix(s.stand.BTPURL(), "https://"), "401"} },
		},
		"unknown destination": {
			spoil: func(s *system) error {
				s.stand.BTP.DeleteDestination(btp.Instance, local.DestinationName)
				return nil
			},
			cure: func(s *system) error {
				s.stand.BTP.PutDestination(btp.Instance, local.DestinationName, btp.ClientCertificate(local.KeyStoreName))
				return nil
			},
			detail: []string{"destination", "DESTINATION_NAME"},
			log:    func(*system) []string { return []string{local.DestinationName, "404"} },
		},
		"trust policy that pins another subaccount": {
			spoil: func(s *system) error {
				return s.stand.AWS.UpdateTrustPolicy(s.Role(function), s.TrustPolicy("destination-configuration.cfapps.standin.example/other"))
			},
			cure: func(s *system) error {
				return s.stand.AWS.UpdateTrustPolicy(s.Role(function), s.TrustPolicy(s.stand.BTP.L()))
			},
			detail: []string{"trust policy"},
			log:    func(s *system) []string { return append(identity(s), "Unable to assume role", s.stand.BTP.L()) },
		},
	}
	maps.Copy(out, targetFaults(function))
	return out
}

// cureMost is how long after the cure the next event may still be refused.
const cureMost = 30 * time.Second

func TestFaultIsNamedAndCuredWithoutRestart(t *testing.T) {
	for _, function := range local.Functions() {
		for name, f := range faults(function) {
			t.Run(function+"/"+name, func(t *testing.T) {
				t.Parallel()
				checkFault(t, function, f)
			})
		}
	}
}

func checkFault(t *testing.T, function string, f fault) {
	s := newStand(t, local.Config{})
	environment, err := s.Environment(function, s.folder) // with the secret of before the fault
	if err != nil {
		t.Fatal(err)
	}
	if err := f.spoil(s); err != nil {
		t.Fatal(err)
	}
	s.fn = startProcess(t, function, append(environment, f.settings...))

	detail := ""
	for i := range 3 {
		answer := s.send(fmt.Sprintf("during-%d", i))
		if answer.status != 503 || answer.header.Get("Retry-After") != "30" {
			t.Fatalf("answer = %d, Retry-After %q, %s; want 503 after 30", answer.status, answer.header.Get("Retry-After"), answer.body)
		}
		detail = answer.detail
		for _, word := range f.detail {
			if !strings.Contains(answer.detail, word) {
				t.Errorf("detail = %q, want it to say %q", answer.detail, word)
			}
		}
		for _, secret := range []string{"arn:", "127.0.0.1", local.CommonName, s.stand.BTP.L()} {
			if strings.Contains(string(answer.body), secret) {
				t.Errorf("the answer %s shows %q", answer.body, secret)
			}
		}
	}
	if lines := s.fn.find(f.log(s)...); len(lines) == 0 {
		t.Errorf("no line of the log has all of %q:\n%s", f.log(s), s.fn.log())
	}
	if ids := s.arrived(t, function); len(ids) != 0 {
		t.Errorf("%v arrived during the fault, want nothing", ids)
	}
	if err := f.cure(s); err != nil {
		t.Fatal(err)
	}
	start, n := time.Now(), 0
	for ; ; n++ {
		if answer := s.send(fmt.Sprintf("after-%d", n)); answer.status == 204 {
			break
		} else if time.Since(start) > cureMost {
			t.Fatalf("answer %v after the cure = %d %s, want 204", time.Since(start), answer.status, answer.body)
		}
		pause(t, 250*time.Millisecond)
	}
	t.Logf("answered 503 %q; accepted %v after the cure", detail, time.Since(start).Round(time.Millisecond))
	want := []string{fmt.Sprintf("after-%d", n)}
	for range 40 { // what was accepted may still be on its way to where it is looked for
		if len(s.arrived(t, function)) > 0 {
			break
		}
		pause(t, 50*time.Millisecond)
	}
	if ids := s.arrived(t, function); !slices.Equal(ids, want) {
		t.Errorf("%v arrived, want the one event that was accepted, %v", ids, want)
	}
	if code := s.fn.stop(); code != 0 {
		t.Errorf("exit code %d, want 0: the function lived through the fault", code)
	}
}

// pause waits between two tries of a process in real time.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

func TestWrongClockIsCorrectedAndSaidOnce(t *testing.T) {
	for _, off := range []time.Duration{20 * time.Minute, -20 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			s := newStand(t, local.Config{})
			s.stand.AWS.SetClockOffset(off)
			s.stand.BTP.SetClockOffset(off)
			s.start()
			for i := range 20 {
				if answer := s.send(fmt.Sprint(i)); answer.status != 204 {
					t.Fatalf("answer = %d %s, want 204 in spite of the clock", answer.status, answer.body)
				}
			}
			if messages, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, 20); err != nil || len(messages) < 20 {
				t.Errorf("%d messages arrived (%v), want 20", len(messages), err)
			}
			if lines := s.fn.find("clock is wrong"); len(lines) != 1 || !strings.Contains(lines[0], "WARN") {
				t.Errorf("the log says of the clock: %q, want one warning", lines)
			}
			if code := s.fn.stop(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}
