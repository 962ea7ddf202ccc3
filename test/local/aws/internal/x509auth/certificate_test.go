package x509auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

func TestCheckLeaf(t *testing.T) {
	root := testpki.Root("root")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		edit       testpki.Edit
		clientAuth bool
		want       string // "" is accepted
	}{
		{"right", func(*x509.Certificate) {}, true, ""},
		{"no basic constraints", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, false, ""},
		{"a CA's", func(c *x509.Certificate) { c.IsCA = true }, false, "CA"},
		{"no digitalSignature", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, false, "digitalSignature"},
		{"no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }, false, "digitalSignature"},
		{"no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{}; c.DNSNames = []string{"a.example"} }, false, "subject"},
		{"RSA 1024", func(c *x509.Certificate) { c.PublicKey = &small.PublicKey }, false, "1024 bits"},
		{"P-224", func(c *x509.Certificate) { c.PublicKey = &p224.PublicKey }, false, "curve"},
		{"no extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = nil }, true, ""},
		{"any extended key usage", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, true, ""},
		{"serverAuth alone", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, true, "clientAuth"},
		{"serverAuth alone, not asked", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckLeaf(root.Leaf("bridge", tt.edit).Cert, tt.clientAuth)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("CheckLeaf = %v, want %q", err, tt.want)
			}
		})
	}
	weak := *root.Leaf("bridge").Cert
	for _, algorithm := range []x509.SignatureAlgorithm{x509.SHA1WithRSA, x509.MD5WithRSA, x509.ECDSAWithSHA1, x509.PureEd25519} {
		weak.SignatureAlgorithm = algorithm
		if err := CheckLeaf(&weak, false); err == nil {
			t.Errorf("CheckLeaf(signed with %v) = nil, want an error", algorithm)
		}
	}
	old := *root.Leaf("bridge").Cert
	old.Version = 1
	if err := CheckLeaf(&old, false); err == nil || !strings.Contains(err.Error(), "v1") {
		t.Errorf("CheckLeaf(v1) = %v, want an error about the version", err)
	}
}

func TestCheckAnchor(t *testing.T) {
	root := testpki.Root("root")
	if err := CheckAnchor(root.Cert); err != nil {
		t.Errorf("CheckAnchor(root) = %v", err)
	}
	if err := CheckAnchor(root.Intermediate("issuing").Cert); err != nil {
		t.Errorf("CheckAnchor(intermediate) = %v", err)
	}
	old := *root.Cert
	old.Version = 1
	for name, c := range map[string]*x509.Certificate{
		"leaf": root.Leaf("x").Cert, "v1": &old,
		"no keyCertSign": testpki.Root("r", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }).Cert,
	} {
		if err := CheckAnchor(c); err == nil {
			t.Errorf("CheckAnchor(%s) = nil, want an error", name)
		}
	}
}

func TestFindPath(t *testing.T) {
	now := time.Now()
	root, other := testpki.Root("root"), testpki.Root("root") // the same name, another key
	issuing := root.Intermediate("issuing")
	deeper := issuing.Intermediate("deeper")
	noCA := root.Intermediate("no ca", func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = x509.KeyUsageDigitalSignature })
	noSign := root.Intermediate("no sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	zero := root.Intermediate("zero", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	belowZero := zero.Intermediate("below zero")
	expired := root.Intermediate("expired", testpki.Valid(now.Add(-2*time.Hour), now.Add(-time.Hour)))
	constrained := root.Intermediate("constrained", func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.test"} })
	critical := root.Intermediate("critical", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	})
	oldRoot := testpki.Root("old root", testpki.Valid(now.Add(-2*time.Hour), now.Add(-time.Hour)))
	list := func(as ...testpki.Authority) (out []*x509.Certificate) {
		for _, a := range as {
			out = append(out, a.Cert)
		}
		return out
	}
	for _, tt := range []struct {
		name     string
		leaf     testpki.Authority
		sent     []*x509.Certificate
		anchors  []*x509.Certificate
		length   int // of the path; 0 is none
		validity bool
	}{
		{"directly", root.Leaf("x"), nil, list(root), 2, false},
		{"over an intermediate", issuing.Leaf("x"), list(issuing), list(root), 3, false},
		{"over two, any order", deeper.Leaf("x"), list(issuing, deeper), list(root), 4, false},
		{"anchor is the intermediate", issuing.Leaf("x"), nil, list(issuing), 2, false},
		{"anchor sent too", issuing.Leaf("x"), list(issuing, root), list(root), 3, false},
		{"unrelated ones sent too", issuing.Leaf("x"), list(other, issuing, noCA), list(root), 3, false},
		{"one of two anchors", root.Leaf("x"), nil, list(other, root), 2, false},
		{"intermediate not sent", issuing.Leaf("x"), nil, list(root), 0, false},
		{"anchor of another key", root.Leaf("x"), nil, list(other), 0, false},
		{"root sent, not an anchor", root.Leaf("x"), list(root), list(other), 0, false},
		{"issuer is no CA", noCA.Leaf("x"), list(noCA), list(root), 0, false},
		{"issuer lacks keyCertSign", noSign.Leaf("x"), list(noSign), list(root), 0, false},
		{"path length 0, leaf below", zero.Leaf("x"), list(zero), list(root), 3, false},
		{"path length 0, CA below", belowZero.Leaf("x"), list(zero, belowZero), list(root), 0, false},
		{"name constraints", constrained.Leaf("x"), list(constrained), list(root), 0, false},
		{"unknown critical extension", critical.Leaf("x"), list(critical), list(root), 0, false},
		{"leaf expired", root.Leaf("x", testpki.Valid(now.Add(-2*time.Hour), now.Add(-time.Hour))), nil, list(root), 0, true},
		{"leaf not yet valid", root.Leaf("x", testpki.Valid(now.Add(time.Hour), now.Add(2*time.Hour))), nil, list(root), 0, true},
		{"intermediate expired", expired.Leaf("x"), list(expired), list(root), 0, true},
		{"anchor expired", oldRoot.Leaf("x"), nil, list(oldRoot), 0, true},
		{"no anchors", root.Leaf("x"), nil, nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, err := FindPath(tt.leaf.Cert, tt.sent, tt.anchors, now)
			if len(path) != tt.length || (err == nil) != (tt.length > 0) || errors.Is(err, ErrValidity) != tt.validity {
				t.Errorf("FindPath = %d certificates, %v, want %d, about validity: %v", len(path), err, tt.length, tt.validity)
			}
		})
	}
}

func TestNamesOfSessions(t *testing.T) {
	root := testpki.Root("root")
	serial := func(n int64) testpki.Edit { return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) } }
	long := strings.Repeat("n", 61)
	for _, tt := range []struct {
		cert           *x509.Certificate
		name, identity string
	}{
		{root.Leaf("leaf rsa2048", serial(4660)).Cert, "1234", "CN=leaf rsa2048"},
		{root.Leaf(long, serial(0xC0FFEE)).Cert, "c0ffee", "CN=" + long},
		{root.Leaf(long+"n", serial(0xABC)).Cert, "abc", long + "n"},
		{root.Leaf("", serial(0xABC)).Cert, "abc", "ID=0abc"},
		{root.Leaf("", serial(0xABCD)).Cert, "abcd", "ID=abcd"},
	} {
		if got := SessionName(tt.cert); got != tt.name {
			t.Errorf("SessionName(%s) = %s, want %s", tt.cert.Subject, got, tt.name)
		}
		if got := SourceIdentity(tt.cert); got != tt.identity {
			t.Errorf("SourceIdentity(%s) = %s, want %s", tt.cert.Subject, got, tt.identity)
		}
	}
}

func TestSubject(t *testing.T) {
	root := testpki.Root("Example Issuing CA")
	directory, err := asn1.Marshal(pkix.Name{CommonName: "dir", Organization: []string{"Dir Org"}}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	name := func(tag int, b []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: b, IsCompound: tag == nameDirectory}
	}
	san, err := asn1.Marshal([]asn1.RawValue{
		name(nameDNS, []byte("first.example")), name(nameDNS, []byte("second.example")), name(nameURI, []byte("spiffe://example/x")), name(nameDirectory, directory),
	})
	if err != nil {
		t.Fatal(err)
	}
	leaf := root.Leaf("bridge (prod)", func(c *x509.Certificate) {
		c.Subject.OrganizationalUnit = []string{"c", "a", "b"}
		c.Subject.Locality = []string{"Köln"}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 12}, Value: strings.Repeat("x", 257)},
			{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "no short name"},
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: san}}
	})
	got, err := Subject(leaf.Cert)
	if err != nil {
		t.Fatal(err)
	}
	// pkix.Name writes several values of a type as one set, which DER sorts: a, b, c is the order in the certificate.
	want := Tags{
		Values: map[string]string{
			"x509Subject/C": "DE", "x509Subject/O": "Example Org", "x509Subject/OU": "a/b/c", "x509Subject/L": "Köln",
			"x509Issuer/C": "DE", "x509Issuer/O": "Example Org", "x509Issuer/CN": "Example Issuing CA",
			"x509SAN/DNS": "first.example", "x509SAN/URI": "spiffe://example/x", "x509SAN/Name/CN": "dir", "x509SAN/Name/O": "Dir Org",
		},
		Subject: []string{"CN", "T"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Subject (-want +got):\n%s", diff)
	}
	if !got.Dropped() {
		t.Error("Dropped = false, want true")
	}
	uri, err := url.Parse("https://example.test/?a=(b)")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := Subject(root.Leaf("x", func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }).Cert)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"URI"}, tags.SAN); diff != "" {
		t.Errorf("Subject: dropped names of the SAN (-want +got):\n%s", diff)
	}
}
