package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// pki issues certificates for tests.
type pki struct {
	root         *x509.Certificate
	rootKey, key *ecdsa.PrivateKey
	serial       int64
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func newPKI(tb testing.TB) *pki {
	tb.Helper()
	p := &pki{rootKey: newKey(tb), key: newKey(tb)}
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	p.root = p.issue(tb, "root", p.rootKey, nil, p.rootKey, from, from.AddDate(30, 0, 0))
	return p
}

// issue makes a certificate of name for key, signed by parent's key; a nil parent makes it self-signed.
func (p *pki) issue(tb testing.TB, name string, key *ecdsa.PrivateKey, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, from, until time.Time) *x509.Certificate {
	tb.Helper()
	p.serial++
	c := &x509.Certificate{SerialNumber: big.NewInt(p.serial), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func encode(certificates ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certificates {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func encodeKey(tb testing.TB, key crypto.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ed25519PEM(tb testing.TB) []byte {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return encodeKey(tb, key)
}

func TestChainLength(t *testing.T) {
	p := newPKI(t)
	from, until := p.root.NotBefore, p.root.NotAfter
	issuer, issuerKey := p.root, p.rootKey
	var cas []*x509.Certificate
	for n := 0; n <= 6; n++ {
		leaf := p.issue(t, "leaf", p.key, issuer, issuerKey, from, until)
		id, err := Parse(append(encode(append(cas, leaf, p.root)...), encodeKey(t, p.key)...), Options{})
		if n <= chainMax {
			if err != nil || len(id.Chain) != n {
				t.Errorf("%d intermediates: Parse = %v, want a chain of all", n, err)
			}
		} else if e, _ := errors.AsType[*Error](err); e == nil || e.Kind != ChainTooLong {
			t.Errorf("%d intermediates: Parse = %v, want chain-too-long", n, err)
		}
		key := newKey(t)
		issuer, issuerKey = p.issue(t, fmt.Sprint("ca ", n), key, issuer, issuerKey, from, until), key
		cas = append(cas, issuer)
	}
}

func TestIssuersOfOneName(t *testing.T) {
	p := newPKI(t)
	from, until := p.root.NotBefore, p.root.NotAfter
	keyA, keyB := newKey(t), newKey(t)
	a := p.issue(t, "ca", keyA, p.root, p.rootKey, from, until)
	b := p.issue(t, "ca", keyB, p.root, p.rootKey, from.AddDate(1, 0, 0), until)
	renewedA := p.issue(t, "ca", keyA, p.root, p.rootKey, from.AddDate(2, 0, 0), until)
	forged := *b
	leaf := p.issue(t, "leaf", p.key, a, keyA, from.AddDate(3, 0, 0), until)
	id, err := Parse(append(encode(b, a, renewedA, leaf), encodeKey(t, p.key)...), Options{})
	if err != nil || len(id.Chain) != 1 || !id.Chain[0].Equal(renewedA) {
		t.Fatalf("Parse = %v, want the issuer with the right key that began last", err)
	}
	// Of one key under two certificates the one whose identifier the leaf names wins, even if it began earlier.
	plain := *renewedA
	plain.SubjectKeyId, plain.Raw = []byte("another"), append([]byte(nil), renewedA.Raw...)
	plain.Raw[len(plain.Raw)-1]++
	for _, order := range [][]*x509.Certificate{{&plain, a}, {a, &plain}} {
		if got := issuerOf(leaf, order, nil); got != a {
			t.Errorf("issuerOf = %v, want the certificate with the key identifier that fits", got.NotBefore)
		}
	}
	// The same name and the same key identifier do not help without the signature.
	forged.SubjectKeyId = leaf.AuthorityKeyId
	if got := issuerOf(leaf, []*x509.Certificate{&forged}, nil); got != nil {
		t.Errorf("issuerOf = %s, want none: its key did not sign", Subject(got))
	}
}

func TestChainStopsAtLoopsAndRoots(t *testing.T) {
	p := newPKI(t)
	from, until := p.root.NotBefore, p.root.NotAfter
	keyA, keyB := newKey(t), newKey(t)
	nameA, nameB := &x509.Certificate{Subject: pkix.Name{CommonName: "a"}}, &x509.Certificate{Subject: pkix.Name{CommonName: "b"}}
	a := p.issue(t, "a", keyA, nameB, keyB, from, until)
	b := p.issue(t, "b", keyB, nameA, keyA, from, until)
	leaf := p.issue(t, "leaf", p.key, a, keyA, from, until)
	if id, err := Parse(append(encode(a, b, leaf), encodeKey(t, p.key)...), Options{}); err != nil || len(id.Chain) != 2 {
		t.Errorf("cross-signed issuers: Parse = %v, want a chain of both, each once", err)
	}
	own := p.issue(t, "own", p.key, nil, p.key, from, until)
	if id, err := Parse(append(encode(own, p.root), encodeKey(t, p.key)...), Options{}); err != nil || len(id.Chain) != 0 {
		t.Errorf("a self-signed leaf: Parse = %v, want no chain", err)
	}
	// A root that was cross-signed by another: what is sent is the certificate that leads on.
	newRootKey := newKey(t)
	newRoot := p.issue(t, "new root", newRootKey, nil, newRootKey, from, until)
	cross := p.issue(t, "new root", newRootKey, p.root, p.rootKey, from, until)
	leaf = p.issue(t, "leaf", p.key, newRoot, newRootKey, from, until)
	id, err := Parse(append(encode(newRoot, cross, p.root, leaf), encodeKey(t, p.key)...), Options{})
	if err != nil || len(id.Chain) != 1 || !id.Chain[0].Equal(cross) {
		t.Errorf("a cross-signed root: Parse = %v, want the cross certificate alone", err)
	}
}

func TestSubject(t *testing.T) {
	if got, want := Subject(certificate(t, sapDir+"pki/orders.pem")), "CN=trustbridge-orders"; !bytes.HasSuffix([]byte(got), []byte(want)) || !bytes.HasPrefix([]byte(got), []byte("C=DE, O=")) {
		t.Errorf("Subject = %s, want the certificate's own order, from C=DE to %s", got, want)
	}
	for _, row := range []struct {
		name pkix.Name
		want string
	}{
		{pkix.Name{}, "(empty)"},
		{pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "a\nb"}, {Type: []int{1, 2, 3}, Value: 7}}}, `CN="a\nb", 1.2.3=(not text)`},
		{pkix.Name{Names: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 7}, Value: "Köln"}, {Type: []int{2, 5, 4, 8}, Value: "NW"}}}, "L=Köln, ST=NW"},
	} {
		if got := attributes(row.name); got != row.want {
			t.Errorf("attributes(%v) = %s, want %s", row.name, got, row.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	// Keys of RSA 4096, as SAP's are, would leave the fuzzer a handful of executions a second.
	for _, name := range []string{"csr.pem", "orders-password.pem", "orders.jks", "orders-modern.p12"} {
		f.Add(read(f, sapDir+"keystores/"+name))
	}
	f.Add(read(f, vectorDir+"pki/ecp256.cert.pem", vectorDir+"keystores/ecp256.sec1.key.pem"))
	f.Add(read(f, vectorDir+"pki/ecp256-inter.key.pem", vectorDir+"pki/inter-ec.cert.pem", vectorDir+"pki/ecp256-inter.cert.pem", vectorDir+"pki/anchor-ec.cert.pem"))
	f.Add([]byte("\x30\x82"))
	f.Fuzz(func(t *testing.T, material []byte) {
		id, err := Parse(material, Options{})
		if err != nil {
			if _, typed := errors.AsType[*Error](err); !typed || id != nil {
				t.Errorf("Parse = %v, %T, want a typed error alone", id, err)
			}
			return
		}
		if !samePublic(id.Leaf.PublicKey, id.Signer.Public()) || len(id.Chain) > chainMax {
			t.Fatalf("accepted a leaf whose key is not the signer's, or a chain of %d", len(id.Chain))
		}
		again, err := Parse(append(encodeKey(t, id.Signer), encode(append([]*x509.Certificate{id.Leaf}, id.Chain...)...)...), Options{})
		if err != nil || again.Version != id.Version {
			t.Errorf("what was accepted, encoded anew: %v, want the same version", err)
		}
	})
}
