// Package testpki makes certificates for tests: roots, intermediates and leaves with P-256 keys, right in every point
// unless an edit makes them wrong.
//
// [Root] makes a certificate authority; [Authority.Intermediate] and [Authority.Leaf] issue under it. A failure panics:
// it is an impossible state of a test.
package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Authority is a certificate with its key; it may be a leaf's, too.
type Authority struct {
	// Cert is the certificate.
	Cert *x509.Certificate
	// Key is its private key.
	Key crypto.Signer
}

// Edit changes a certificate before it is signed.
type Edit func(*x509.Certificate)

// Valid sets the validity.
func Valid(from, to time.Time) Edit {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
}

// Root makes a self-signed certificate authority, valid from an hour ago for ten years.
func Root(name string, edits ...Edit) Authority {
	return issue(nil, authority(name), edits)
}

// Intermediate issues a certificate authority.
func (a Authority) Intermediate(name string, edits ...Edit) Authority {
	return issue(&a, authority(name), edits)
}

// Leaf issues an end-entity certificate for a name, with digitalSignature and clientAuth, valid for a year.
func (a Authority) Leaf(name string, edits ...Edit) Authority {
	c := template(name)
	c.NotAfter = time.Now().AddDate(1, 0, 0)
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return issue(&a, c, edits)
}

func authority(name string) *x509.Certificate {
	c := template(name)
	c.IsCA = true
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return c
}

func template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	must(err)
	return &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{Country: []string{"DE"}, Organization: []string{"Example Org"}, CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		BasicConstraintsValid: true,
	}
}

// issue signs with the issuer's key, or with the certificate's own if there is no issuer.
func issue(issuer *Authority, c *x509.Certificate, edits []Edit) Authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	a := Authority{Key: key}
	for _, edit := range edits {
		edit(c)
	}
	parent, signer := c, crypto.Signer(key)
	if issuer != nil {
		parent, signer = issuer.Cert, issuer.Key
	}
	public := key.Public()
	if c.PublicKey != nil {
		public = c.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, signer)
	must(err)
	a.Cert, err = x509.ParseCertificate(der)
	must(err)
	return a
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("make test certificate: %v", err))
	}
}
