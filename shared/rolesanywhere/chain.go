package rolesanywhere

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// PreflightChain is [Preflight] for a certificate whose private key is elsewhere: leaf with its issuers, its own first, without
// the root. All rules but that of the key are checked. Pure.
func PreflightChain(leaf *x509.Certificate, chain []*x509.Certificate, now time.Time) (warnings []string, err error) {
	id := &keystore.Identity{Leaf: leaf, Chain: chain, Signer: keyElsewhere{leaf.PublicKey}}
	if rule := weakKey(leaf); rule != "" {
		return nil, (&Error{Kind: Certificate, Rule: rule}).about(id)
	}
	return Preflight(id, now)
}

// keyElsewhere stands for the private key of a certificate where only the public one is needed.
type keyElsewhere struct{ public crypto.PublicKey }

func (k keyElsewhere) Public() crypto.PublicKey { return k.public }

func (keyElsewhere) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("sign: the private key is not here")
}

// PreflightAnchor checks what AWS asks of the certificate of a trust anchor, and validity at the time now. It returns an
// [*Error] of kind Certificate, Expired or NotYetValid for the first rule that is broken. An anchor may be a root or an
// intermediate CA. Pure.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
func PreflightAnchor(anchor *x509.Certificate, now time.Time) error {
	kind, rule := brokenAnchor(anchor, now)
	if rule != "" {
		return (&Error{Kind: kind, Rule: rule}).about(&keystore.Identity{Leaf: anchor})
	}
	return nil
}

func brokenAnchor(anchor *x509.Certificate, now time.Time) (Kind, string) {
	switch {
	case anchor.Version != 3:
		return Certificate, fmt.Sprintf("the trust anchor is of X.509 version %d, 3 is needed", anchor.Version)
	case !anchor.BasicConstraintsValid || !anchor.IsCA:
		return Certificate, "the trust anchor is not a CA's certificate"
	case anchor.KeyUsage&x509.KeyUsageCertSign == 0:
		return Certificate, "the trust anchor's key usage lacks keyCertSign"
	case weakSignature(anchor.SignatureAlgorithm):
		return Certificate, fmt.Sprintf("the trust anchor is signed with %v; SHA-256 or stronger is needed", anchor.SignatureAlgorithm)
	case now.After(anchor.NotAfter):
		return Expired, fmt.Sprintf("the trust anchor is valid until %s, and it is %s", stamp(anchor.NotAfter), stamp(now))
	case now.Before(anchor.NotBefore.Add(-notBeforeLeeway)):
		return NotYetValid, fmt.Sprintf("the trust anchor is valid from %s, and it is %s", stamp(anchor.NotBefore), stamp(now))
	}
	return 0, ""
}

// SessionTag is what AWS makes of one attribute of a certificate: a tag of the session, which trust policies see as
// aws:PrincipalTag/Key.
type SessionTag struct {
	// Key is, for example, "x509Subject/CN", "x509Issuer/O", "x509SAN/DNS".
	Key string
	// Value is the attribute's; several of one type are joined by "/" in the certificate's order.
	Value string
	// Dropped means that AWS gives the session no such tag, for its rule for values; a condition on it is false, a negated one
	// true.
	Dropped bool
}

// SessionTags are the tags of a certificate under a profile's default attribute mapping, in the certificate's order: those of
// the subject, of the issuer, and of the first alternative name of each kind. Attribute types without a name are left out, for
// how AWS names them is not documented. Pure.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-create-session.html
func SessionTags(leaf *x509.Certificate) []SessionTag {
	var t tags
	t.attributes("x509Subject/", leaf.RawSubject)
	t.attributes("x509Issuer/", leaf.RawIssuer)
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			t.alternativeNames(e.Value)
		}
	}
	for i := range t {
		t[i].Dropped = !utf8.ValidString(t[i].Value) || !fitsTag(t[i].Value)
	}
	return t
}

type tags []SessionTag

// add joins the value to that of the same key, if there is one.
func (t *tags) add(key, value string) {
	if i := slices.IndexFunc(*t, func(s SessionTag) bool { return s.Key == key }); i >= 0 {
		(*t)[i].Value += "/" + value
		return
	}
	*t = append(*t, SessionTag{Key: key, Value: value})
}

func (t *tags) attributes(prefix string, der []byte) {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return // no distinguished name: nothing that AWS could make tags of
	}
	for _, rdn := range rdns {
		for _, a := range rdn {
			value, isText := a.Value.(string)
			if name := tagName(a.Type); name != "" && isText {
				t.add(prefix+name, value)
			}
		}
	}
}

// alternativeNames adds the first DNS name, URI and directory name.
//
// Source: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6
func (t *tags) alternativeNames(der []byte) {
	const (
		dns       = 2
		directory = 4
		uri       = 6
	)
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &names); err != nil || len(rest) > 0 {
		return
	}
	seen := make(map[int]bool)
	for _, n := range names {
		if n.Class != asn1.ClassContextSpecific || seen[n.Tag] {
			continue
		}
		seen[n.Tag] = true
		switch n.Tag {
		case dns:
			t.add("x509SAN/DNS", string(n.Bytes))
		case uri:
			t.add("x509SAN/URI", string(n.Bytes))
		case directory:
			t.attributes("x509SAN/Name/", n.Bytes)
		}
	}
}

// tagName is the short name of an attribute type, "" if it has none here.
//
// Source: https://www.rfc-editor.org/rfc/rfc4519
func tagName(id asn1.ObjectIdentifier) string {
	return map[string]string{
		"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
		"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "GN",
		"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "E",
	}[id.String()]
}
