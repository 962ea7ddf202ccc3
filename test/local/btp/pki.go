package btp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// PKI is a chain of certificate authorities shaped like the one above the certificates of SAP's Destination service since
// 2024: a root, a CA for 10 years with path length 1, and an issuing CA for two months with path length 0.
// It never changes, so any number of servers may share one.
type PKI struct {
	root, client, issuing authority
	signing               *rsa.PrivateKey // of tokens
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// Days that SAP's certificates live, as seen in public ones.
const (
	day         = 24 * time.Hour
	rootDays    = 20 * 365 * day
	clientDays  = 10 * 365 * day
	issuingDays = 61 * day
)

// NewPKI makes the authorities, valid from an hour before now.
func NewPKI(now time.Time) (*PKI, error) {
	var p PKI
	var err error
	if p.root, err = newAuthority("Stand-in Cloud Root CA", nil, 2, now, rootDays); err != nil {
		return nil, err
	}
	if p.client, err = newAuthority("Stand-in BTP Client CA", &p.root, 1, now, clientDays); err != nil {
		return nil, err
	}
	if p.issuing, err = p.newIssuing(now); err != nil {
		return nil, err
	}
	if p.signing, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	return &p, nil
}

// newIssuing makes another issuing CA under the one name that they all have.
func (p *PKI) newIssuing(now time.Time) (authority, error) {
	return newAuthority("Stand-in PKI Certificate Service Client CA", &p.client, 0, now, issuingDays)
}

// Root is the certificate that a trust anchor is made of.
func (p *PKI) Root() *x509.Certificate { return p.root.certificate }

func newAuthority(cn string, parent *authority, pathLength int, now time.Time, life time.Duration) (authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return authority{}, err
	}
	subject, err := rdn([2]string{"C", "DE"}, [2]string{"O", "Stand-in SE"}, [2]string{"CN", cn})
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		RawSubject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: pathLength, MaxPathLenZero: pathLength == 0,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a := authority{key: key}
	if parent == nil {
		parent = &authority{certificate: template, key: key}
	}
	a.certificate, err = sign(template, parent, key.Public())
	return a, err
}

// Leaf is what a certificate is to be. The zero value of a field means what SAP's service would do.
type Leaf struct {
	// CN is the common name, the only part of the subject that a customer chooses; "" means trustbridge-orders.
	CN string
	// Subaccount is the id at the end of L; "" means the server's.
	Subaccount string
	// NotBefore and NotAfter bound the validity; zero means an hour before now, and 30 days after.
	NotBefore, NotAfter time.Time
	// Bits is the size of the RSA key; 0 means 2048. SAP's have 4096, which take long to make.
	Bits int
	// EC makes a P-256 key instead.
	EC bool
}

// Material is a certificate with its key.
type Material struct {
	// Key is the private key; nil if it never was here, as with a certificate made from a request.
	Key crypto.Signer
	// Chain is the leaf, the issuing CA, the client CA and the root, in this order.
	Chain []*x509.Certificate
}

// issue makes a certificate for a customer of the Destination service at host. public is the key of a request, nil to make
// one. The order of the subject's parts is that of certificates seen in public.
func (p *PKI) issue(by *authority, l Leaf, host string, now time.Time, public crypto.PublicKey) (*Material, error) {
	var key crypto.Signer
	if public == nil {
		var err error
		if key, err = newKey(l); err != nil {
			return nil, err
		}
		public = key.Public()
	}
	subject, err := rdn([2]string{"C", "DE"}, [2]string{"O", "Stand-in SE"}, [2]string{"OU", "Stand-in Cloud Platform Clients"},
		[2]string{"OU", "Canary"}, [2]string{"OU", "5f1ad5f8-0000-4000-8000-5f1ad5f80000"},
		[2]string{"L", host + "/" + l.Subaccount}, [2]string{"CN", l.CN})
	if err != nil {
		return nil, err
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = now.Add(-time.Hour)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = now.Add(30 * day)
	}
	leaf, err := sign(&x509.Certificate{
		RawSubject: subject, NotBefore: l.NotBefore, NotAfter: l.NotAfter, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, by, public)
	if err != nil {
		return nil, err
	}
	return &Material{Key: key, Chain: []*x509.Certificate{leaf, by.certificate, p.client.certificate, p.root.certificate}}, nil
}

func newKey(l Leaf) (crypto.Signer, error) {
	if l.EC {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, max(l.Bits, 2048))
}

func sign(template *x509.Certificate, parent *authority, public crypto.PublicKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 152))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, public, parent.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// rdn is a subject with each attribute in a set of its own, as SAP's subjects are; pkix.Name would merge the OUs.
func rdn(parts ...[2]string) ([]byte, error) {
	oids := map[string]asn1.ObjectIdentifier{"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "L": {2, 5, 4, 7}, "CN": {2, 5, 4, 3}}
	var sequence pkix.RDNSequence
	for _, p := range parts {
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{{Type: oids[p[0]], Value: p[1]}})
	}
	return asn1.Marshal(sequence)
}
