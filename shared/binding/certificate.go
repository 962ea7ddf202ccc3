package binding

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// Certificate is the client certificate of an x509 binding with its issuers and its private key. Package fmt, log/slog and
// JSON show its validity alone. The zero value is none. It never changes once made.
type Certificate struct{ pair *tls.Certificate }

// NewCertificate keeps pair, whose Leaf must be set.
func NewCertificate(pair *tls.Certificate) Certificate { return Certificate{pair: pair} }

// IsZero is true if there is no certificate.
func (c Certificate) IsZero() bool { return c.pair == nil }

// Reveal is certificate and key, for the one connection that needs them; nil if there is none.
func (c Certificate) Reveal() *tls.Certificate { return c.pair }

// NotBefore is the begin of the leaf's validity; zero if there is no certificate.
func (c Certificate) NotBefore() time.Time {
	if c.IsZero() {
		return time.Time{}
	}
	return c.pair.Leaf.NotBefore
}

// NotAfter is the end of the leaf's validity; zero if there is no certificate.
func (c Certificate) NotAfter() time.Time {
	if c.IsZero() {
		return time.Time{}
	}
	return c.pair.Leaf.NotAfter
}

// fingerprint is of all certificates. The key belongs to the leaf, so that it needs no part in it.
func (c Certificate) fingerprint() []byte {
	if c.IsZero() {
		return nil
	}
	h := sha256.New()
	for _, der := range c.pair.Certificate {
		h.Write(der)
	}
	return h.Sum(nil)
}

func (c Certificate) shown() string {
	if c.IsZero() {
		return "none"
	}
	return "valid until " + c.NotAfter().UTC().Format(time.RFC3339)
}

// Format prints the same for every verb.
func (c Certificate) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.shown()) }

// LogValue is what a log shows.
func (c Certificate) LogValue() slog.Value { return slog.StringValue(c.shown()) }

// MarshalText is what an encoder writes.
func (c Certificate) MarshalText() ([]byte, error) { return []byte(c.shown()), nil }

// parseCertificate reads the fields certificate and key of an x509 binding: PEM, the leaf anywhere among its issuers, the key
// in PKCS#1, PKCS#8 or SEC 1. reason says what is wrong, without a value.
func parseCertificate(chain, key string) (c Certificate, reason string) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(unescaped(chain)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Certificate{}, "certificate holds PEM that is no certificate"
		}
		all = append(all, parsed)
	}
	if len(all) == 0 {
		return Certificate{}, "certificate holds no certificate in PEM"
	}
	signer := parseKey(unescaped(key))
	if signer == nil {
		return Certificate{}, "key is no unencrypted private key in PEM (PKCS#1 or PKCS#8)"
	}
	public, _ := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	pair := &tls.Certificate{PrivateKey: signer}
	for _, one := range all {
		if pair.Leaf == nil && public != nil && public.Equal(one.PublicKey) {
			pair.Leaf, pair.Certificate = one, append([][]byte{one.Raw}, pair.Certificate...)
			continue
		}
		pair.Certificate = append(pair.Certificate, one.Raw)
	}
	if pair.Leaf == nil {
		return Certificate{}, "certificate and key do not belong together"
	}
	return Certificate{pair: pair}, ""
}

// unescaped turns \n in two characters, as templates and shells leave it, into a line feed. No PEM text has a backslash.
func unescaped(s string) []byte { return []byte(strings.ReplaceAll(s, `\n`, "\n")) }

func parseKey(text []byte) crypto.Signer {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		var key any
		var err error
		if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
				key, err = x509.ParseECPrivateKey(block.Bytes)
			}
		}
		if signer, can := key.(crypto.Signer); err == nil && can {
			return signer
		}
	}
	return nil
}
