package setup

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/plan"
	"github.com/trustbridge/trustbridge/shared/destination"
)

const fixtures = "../../../../test/testdata/sap-destination/pki/"

// chain are certificates of test/testdata.
func chain(names ...string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(fixtures, name+".pem"))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// service is a Destination service with one destination. The scripts of cmd/trustbridge test against the stand-in; here is what
// it cannot be made to do.
type service struct {
	found   []*destination.Found // one for each look, the last again and again; nil for none
	chain   []*x509.Certificate
	created error
	looks   int
}

func (s *service) Destination(context.Context, string) (*destination.Found, error) {
	found := s.found[min(s.looks, len(s.found)-1)]
	s.looks++
	if found == nil {
		return nil, &destination.Error{Kind: destination.NotFound}
	}
	return found, nil
}

func (s *service) PublicKeys(context.Context, destination.Level, string) ([]*x509.Certificate, error) {
	return s.chain, nil
}

func (s *service) CreateCertificate(context.Context, destination.Level, destination.CertificateRequest) error {
	return errors.New("create certificate: not expected")
}

func (s *service) CreateDestination(context.Context, destination.Level, map[string]string) error {
	return s.created
}

func orders(level destination.Level, keyStore string) *destination.Found {
	return &destination.Found{Name: "orders", KeyStore: keyStore, Level: level, Properties: map[string]string{"Authentication": clientCertificate}}
}

func options(folder string, root *x509.Certificate) Options {
	return Options{
		Destination: "orders", Folder: folder, AcceptRoot: fingerprint(root),
		Plan: plan.Options{Functions: []string{"publish-sns"}},
	}
}

func now() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// TestRootOfSAP: the pinned root needs no flag, and both of SAP's issuing authorities are admitted then.
func TestRootOfSAP(t *testing.T) {
	all, err := chain("orders", "issuing-ca", "client-ca", "sap-root")
	if err != nil {
		t.Fatal(err)
	}
	o := options(t.TempDir(), all[3])
	o.AcceptRoot = Fingerprint{}
	s := &run{
		service: &service{found: []*destination.Found{orders(destination.Instance, "orders.pem")}, chain: all}, o: o, report: &Report{}, now: now(),
		pinned: fingerprint(all[3]),
	}
	if err := s.do(t.Context()); err != nil || s.report.Root != RootPinned {
		t.Errorf("do = %v, root %q, want the pinned one", err, s.report.Root)
	}
	s.pinned[0]++
	if err := s.do(t.Context()); err == nil || !strings.Contains(err.Error(), "that of SAP has "+s.pinned.String()) {
		t.Errorf("do with another root than SAP's = %v, want an error that shows both fingerprints", err)
	}
	s.o.AcceptRoot = s.pinned
	if err := s.do(t.Context()); err == nil || !strings.Contains(err.Error(), "--accept-root says "+s.pinned.String()) {
		t.Errorf("do = %v, want an error that shows both fingerprints", err)
	}
}

// TestPinOfSAP: SAP publishes this fingerprint's certificate; whoever changes it must mean it.
func TestPinOfSAP(t *testing.T) {
	const want = "6f874222faea17fd8c4a4c25ef26f29fbe00bf4582c3e1fe00c2f03dbc78b281"
	if f, err := ParseFingerprint(SAPRoot); err != nil || f.String() != SAPRoot || fmt.Sprintf("%x", f[:]) != want {
		t.Errorf("the pin is %v, %v, want %s", f, err, want)
	}
}

func TestAnotherDestinationAtTheSameMoment(t *testing.T) {
	all, err := chain("orders", "issuing-ca", "client-ca", "sap-root")
	if err != nil {
		t.Fatal(err)
	}
	exists := &destination.Error{Kind: destination.Exists}
	for _, row := range []struct {
		name  string
		after *destination.Found
		says  string // "" if it succeeds
	}{
		{"ours", orders(destination.Instance, "orders.pem"), ""},
		{"of another key store", orders(destination.Instance, "other.pem"), "somebody made another"},
		{"of another level", orders(destination.Subaccount, "orders.pem"), "somebody made another"},
		{"of another kind", &destination.Found{Level: destination.Instance}, "Authentication"},
		{"gone", nil, "not-found"},
	} {
		o := options(t.TempDir(), all[3])
		o.Create = true
		r, err := Run(t.Context(), &service{found: []*destination.Found{nil, row.after}, chain: all, created: exists}, o, now())
		if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) || len(r.Made) > 0 {
			t.Errorf("%s: Run = %v, made %v, want an error that says %q", row.name, err, r.Made, row.says)
		}
		if (err != nil) != (r.Error != "") {
			t.Errorf("%s: the report's error is %q, want that of Run: %v", row.name, r.Error, err)
		}
	}
}

func TestChainThatIsNone(t *testing.T) {
	all, err := chain("orders", "issuing-ca", "client-ca", "sap-root", "own-root", "issuing-ca-2")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		chain []*x509.Certificate
		says  string
	}{
		{"nothing", nil, "0 certificates"},
		{"another root", []*x509.Certificate{all[0], all[1], all[2], all[4]}, "was not issued by"},
		{"a CA of the same name", []*x509.Certificate{all[0], all[5], all[2], all[3]}, "was not issued by"},
		{"a gap", []*x509.Certificate{all[0], all[2], all[3]}, "was not issued by"},
	} {
		folder := filepath.Join(t.TempDir(), "setup")
		_, err := Run(t.Context(), &service{found: []*destination.Found{orders(destination.Instance, "orders.pem")}, chain: row.chain}, options(folder, all[3]), now())
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: Run = %v, want an error that says %q", row.name, err, row.says)
		}
		if _, err := os.Stat(folder); err == nil {
			t.Errorf("%s: something was written", row.name)
		}
	}
}

func TestParseFingerprint(t *testing.T) {
	want, err := ParseFingerprint(SAPRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{strings.ToLower(SAPRoot), strings.ReplaceAll(SAPRoot, ":", ""), strings.ReplaceAll(SAPRoot, ":", " ")} {
		if got, err := ParseFingerprint(s); err != nil || got != want {
			t.Errorf("ParseFingerprint(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "6F", SAPRoot + ":00", SAPRoot[:len(SAPRoot)-1] + "G", "sha256:" + SAPRoot} {
		if got, err := ParseFingerprint(s); err == nil || got != (Fingerprint{}) {
			t.Errorf("ParseFingerprint(%q) = %v, %v, want an error", s, got, err)
		}
	}
}

func TestDaysLeft(t *testing.T) {
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]int{30 * day: 30, 30*day - 1: 29, day - 1: 0, 0: 0, -1: -1, -day: -2} {
		if got := daysLeft(left); got != want {
			t.Errorf("daysLeft(%v) = %d, want %d", left, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for s, want := range map[string]string{
		"setup/aws-cli.sh": "setup/aws-cli.sh", "my setup": "'my setup'", "it's": `'it'\''s'`, "": "''", "$(rm)": "'$(rm)'", "a;b": "'a;b'",
	} {
		if got := shellWord(s); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", s, got, want)
		}
	}
}

func TestTextShowsNoControlCharacters(t *testing.T) {
	r := &Report{
		Destination: "a\x1b[2Jb", Certificate: "c\nd", Level: destination.Instance, Made: []string{"x\x07"}, Folder: "f\x1b",
		Next: []Command{{"tool", "bash x"}}, Environments: []Environment{{"publish-sns", "p\x1b", "o", "k"}},
	}
	var b strings.Builder
	r.Text(&b)
	if strings.ContainsAny(b.String(), "\x1b\x07") {
		t.Errorf("Text = %q, want control characters quoted", b.String())
	}
	if diff := cmp.Diff([]string{`destination   "a\x1b[2Jb", at instance level`, `certificate   "c\nd"`}, strings.Split(b.String(), "\n")[:2]); diff != "" {
		t.Errorf("Text (-want +got):\n%s", diff)
	}
}

func Example() {
	all, err := chain("orders", "issuing-ca", "client-ca", "sap-root")
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "setup")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s := &service{found: []*destination.Found{orders(destination.Instance, "orders.pem")}, chain: all}
	report, err := Run(context.Background(), s, options(dir, all[3]), now())
	fmt.Println(report.Root, report.AWS.Accepted, report.Pins.CommonName, report.Changed, err)
	report, err = Run(context.Background(), s, options(dir, all[3]), now())
	fmt.Println(report.Root, report.AWS.Accepted, report.Pins.CommonName, report.Changed, err)
	// Output:
	// accepted true trustbridge-orders true <nil>
	// accepted true trustbridge-orders false <nil>
}
