package rolesanywhere

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPreflightChainAgreesWithPreflight(t *testing.T) {
	now := time.Now()
	for _, change := range []func(*x509.Certificate){
		nil,
		func(c *x509.Certificate) { c.IsCA = true },
		func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
		func(c *x509.Certificate) { c.Subject = pkix.Name{} },
		func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) },
		func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) },
		func(c *x509.Certificate) { c.Subject.Organization = []string{"A & B (Ltd)"} },
	} {
		id := makeIdentity(t, change)
		want, wantErr := Preflight(id, now)
		got, err := PreflightChain(id.Leaf, id.Chain, now)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("PreflightChain = %v, %v, want %v, %v", got, err, want, wantErr)
		}
	}
}

func TestPreflightChainRefusesKeysThatAWSDoesNotTake(t *testing.T) {
	leaf := *makeIdentity(t, nil).Leaf
	leaf.PublicKey = struct{}{} // as crypto/x509 leaves a key that it does not know
	_, err := PreflightChain(&leaf, nil, time.Now())
	if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != Certificate || !strings.Contains(e.Rule, "RSA or ECDSA") {
		t.Errorf("PreflightChain of a strange key = %v, want a Certificate error that names the keys that are taken", err)
	}
}

func TestKeyElsewhereSignsNothing(t *testing.T) {
	if signature, err := (keyElsewhere{}).Sign(rand.Reader, nil, nil); err == nil || signature != nil {
		t.Errorf("Sign = %x, %v, want no signature", signature, err)
	}
}

func TestPreflightAnchor(t *testing.T) {
	now := time.Now()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for _, row := range []struct {
		name   string
		change func(*x509.Certificate)
		kind   Kind // 0 if it passes
		says   string
	}{
		{"good", func(*x509.Certificate) {}, 0, ""},
		{"version 1", func(c *x509.Certificate) { c.Version = 1 }, Certificate, "version 1"},
		{"no CA", func(c *x509.Certificate) { c.IsCA = false }, Certificate, "not a CA"},
		{"no basic constraints", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, Certificate, "not a CA"},
		{"no keyCertSign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, Certificate, "keyCertSign"},
		{"SHA-1", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }, Certificate, "SHA-256"},
		{"expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, Expired, "valid until"},
		{"in an hour", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, NotYetValid, "valid from"},
	} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now, NotAfter: now.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		row.change(anchor)
		err = PreflightAnchor(anchor, now)
		e, _ := errors.AsType[*Error](err)
		switch {
		case row.kind == 0 && err != nil:
			t.Errorf("%s: PreflightAnchor = %v, want nil", row.name, err)
		case row.kind != 0 && (e == nil || e.Kind != row.kind || !strings.Contains(e.Rule, row.says)):
			t.Errorf("%s: PreflightAnchor = %v, want %v that says %q", row.name, err, row.kind, row.says)
		}
	}
}

func TestSessionTags(t *testing.T) {
	directory, err := asn1.Marshal(pkix.Name{CommonName: "dir", Organization: []string{"Dir, Org"}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	names, err := asn1.Marshal([]asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("first.example")},
		{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("second.example")},
		{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("spiffe://example/x?y")},
		{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: directory},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := makeIdentity(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "b"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "a"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 7}, Value: "host/1-2"}, {Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "nameless"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: strings.Repeat("x", 257)},
		}}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}}
	})
	want := []SessionTag{
		{"x509Subject/OU", "b/a", false}, {"x509Subject/L", "host/1-2", false}, {"x509Subject/CN", strings.Repeat("x", 257), true},
		{"x509Issuer/CN", "test CA", false},
		{"x509SAN/DNS", "first.example", false}, {"x509SAN/URI", "spiffe://example/x?y", true},
		{"x509SAN/Name/O", "Dir, Org", true}, {"x509SAN/Name/CN", "dir", false},
	}
	if diff := cmp.Diff(want, SessionTags(id.Leaf)); diff != "" {
		t.Errorf("SessionTags (-want +got):\n%s", diff)
	}
}

func TestSessionTagsOfBytesThatAreNoNames(t *testing.T) {
	leaf := &x509.Certificate{
		RawSubject: []byte("no DER"), Extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 0x80}}},
		URIs: []*url.URL{{Scheme: "x"}},
	}
	if got := SessionTags(leaf); len(got) != 0 {
		t.Errorf("SessionTags = %v, want none", got)
	}
}
