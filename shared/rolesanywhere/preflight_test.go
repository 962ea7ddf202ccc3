package rolesanywhere

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

func TestPreflight(t *testing.T) {
	now := time.Now()
	good := makeIdentity(t, nil)
	foreign := *good
	foreign.Signer, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	long := *good
	for range 6 {
		long.Chain = append(long.Chain, good.Leaf)
	}
	five := *good
	five.Chain = long.Chain[:5]
	changed := func(f func(*x509.Certificate)) *keystore.Identity { return makeIdentity(t, f) }
	for _, row := range []struct {
		name string
		id   *keystore.Identity
		kind Kind // 0 if it passes
		says string
	}{
		{"good", good, 0, ""},
		{"five in the chain", &five, 0, ""},
		{"foreign key", &foreign, KeyMismatch, "private key"},
		{"six in the chain", &long, Chain, "6 certificates"},
		{"CA", changed(func(c *x509.Certificate) { c.IsCA = true }), Certificate, "CA"},
		{"no basic constraints", changed(func(c *x509.Certificate) { c.BasicConstraintsValid = false }), 0, ""},
		{"no digitalSignature", changed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), Certificate, "digitalSignature"},
		{"no subject", changed(func(c *x509.Certificate) { c.Subject = pkix.Name{}; c.DNSNames = []string{"x"} }), Certificate, "no subject"},
		{"expired", changed(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), Expired, "valid until"},
		{"in five minutes", changed(func(c *x509.Certificate) { c.NotBefore = now.Add(4 * time.Minute) }), 0, ""},
		{"in an hour", changed(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), NotYetValid, "valid from"},
	} {
		_, err := Preflight(row.id, now)
		e, _ := errors.AsType[*Error](err)
		switch {
		case row.kind == 0 && err != nil:
			t.Errorf("%s: Preflight = %v, want nil", row.name, err)
		case row.kind != 0 && (e == nil || e.Kind != row.kind || !strings.Contains(e.Rule, row.says)):
			t.Errorf("%s: Preflight = %v, want %v that says %q", row.name, err, row.kind, row.says)
		case row.kind != 0 && (e.Outage() || e.RetryableError() || e.Detail() == ""):
			t.Errorf("%s: outage %v, retryable %v, detail %q; want false, false and a sentence", row.name, e.Outage(), e.RetryableError(), e.Detail())
		}
	}
}

func TestPreflightWeakSignatures(t *testing.T) {
	for _, a := range []x509.SignatureAlgorithm{x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1} {
		leaf := *makeIdentity(t, nil).Leaf
		leaf.SignatureAlgorithm = a
		id := makeIdentity(t, nil)
		weak := *id
		weak.Chain = []*x509.Certificate{&leaf}
		if _, err := Preflight(&weak, time.Now()); err == nil || !strings.Contains(err.Error(), "SHA-256") {
			t.Errorf("Preflight of a chain signed with %v = %v, want an error that names SHA-256", a, err)
		}
	}
}

func TestPreflightWarnings(t *testing.T) {
	for _, row := range []struct {
		change func(*x509.Certificate)
		want   string
	}{
		{nil, "must hold"},
		{func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "clientAuth"},
		{func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 62) }, "62 characters"},
		{func(c *x509.Certificate) { c.Subject.Organization = []string{"A & B (Ltd)"} }, "session tag"},
	} {
		w, err := Preflight(makeIdentity(t, row.change), time.Now())
		if err != nil || !strings.Contains(strings.Join(w, "\n"), row.want) {
			t.Errorf("Preflight = %v, %v, want a warning that says %q", w, err, row.want)
		}
	}
	if w, err := Preflight(ecIdentity(t), time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)); err != nil || len(w) != 0 {
		t.Errorf("Preflight of a fixture with its issuer = %v, %v, want no warning", w, err)
	}
}
