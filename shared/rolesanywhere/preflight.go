package rolesanywhere

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// What AWS takes.
//
// The RSA minimum and the size are not among AWS's documented rules.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
const (
	chainMax        = 5
	rsaMinBits      = 2048
	leafWarnBytes   = 16 << 10
	commonNameMax   = 61 // above it the source identity loses its "CN=" and conditions on it fail
	tagValueMax     = 256
	notBeforeLeeway = 5 * time.Minute
)

// Preflight checks what AWS would refuse without naming it: the key, the rules for certificates, the chain's length, and
// validity at the time now. It returns an [*Error] of kind KeyMismatch, Certificate, Chain, Expired or NotYetValid for the
// first rule that is broken, and warnings for what may be wrong at AWS's side, one sentence each. Pure.
func Preflight(id *keystore.Identity, now time.Time) (warnings []string, err error) {
	kind, rule := broken(id, now)
	if rule != "" {
		return nil, (&Error{Kind: kind, Rule: rule}).about(id)
	}
	return doubts(id), nil
}

func broken(id *keystore.Identity, now time.Time) (Kind, string) {
	leaf := id.Leaf
	public, comparable := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !comparable || !public.Equal(id.Signer.Public()):
		return KeyMismatch, "the private key is not that of the certificate"
	case len(id.Chain) > chainMax:
		return Chain, fmt.Sprintf("the chain has %d certificates, AWS takes %d", len(id.Chain), chainMax)
	case leaf.Version != 3:
		return Certificate, fmt.Sprintf("the certificate is of X.509 version %d, 3 is needed", leaf.Version)
	case len(leaf.Subject.Names) == 0:
		return Certificate, "the certificate has no subject; alternative names alone are not enough"
	case leaf.BasicConstraintsValid && leaf.IsCA:
		return Certificate, "the certificate is a CA's; an end-entity certificate is needed"
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return Certificate, "the certificate's key usage lacks digitalSignature"
	}
	if rule := weakKey(leaf); rule != "" {
		return Certificate, rule
	}
	for _, c := range append([]*x509.Certificate{leaf}, id.Chain...) {
		if weakSignature(c.SignatureAlgorithm) {
			return Certificate, fmt.Sprintf("the certificate of %q is signed with %v; SHA-256 or stronger is needed", keystore.Subject(c), c.SignatureAlgorithm)
		}
	}
	switch {
	case now.After(leaf.NotAfter):
		return Expired, fmt.Sprintf("valid until %s, and it is %s", stamp(leaf.NotAfter), stamp(now))
	case now.Before(leaf.NotBefore.Add(-notBeforeLeeway)):
		return NotYetValid, fmt.Sprintf("valid from %s, and it is %s", stamp(leaf.NotBefore), stamp(now))
	}
	return 0, ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func weakKey(leaf *x509.Certificate) string {
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < rsaMinBits {
			return fmt.Sprintf("the RSA key has %d bits, at least %d are needed", bits, rsaMinBits)
		}
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits != 256 && bits != 384 && bits != 521 {
			return fmt.Sprintf("the key is on curve %s; P-256, P-384 or P-521 is needed", k.Curve.Params().Name)
		}
	default:
		return fmt.Sprintf("keys of type %T are not taken; use RSA or ECDSA", k)
	}
	return ""
}

func weakSignature(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{
		x509.UnknownSignatureAlgorithm, x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
	}, a)
}

// doubts are the rules whose breach is AWS's to judge.
func doubts(id *keystore.Identity) []string {
	leaf := id.Leaf
	var w []string
	if len(id.Chain) == 0 && !slices.Equal(leaf.RawSubject, leaf.RawIssuer) {
		w = append(w, fmt.Sprintf("no issuer is sent with the certificate: the trust anchor must hold %q itself", keystore.Issuer(leaf)))
	}
	if len(leaf.Raw) > leafWarnBytes {
		w = append(w, fmt.Sprintf("the certificate has %d bytes; AWS advises at most %d", len(leaf.Raw), leafWarnBytes))
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		w = append(w, "the certificate's extended key usage lacks clientAuth")
	}
	if n := len(leaf.Subject.CommonName); n == 0 || n > commonNameMax {
		w = append(w, fmt.Sprintf("the certificate's CN has %d characters; unless it has 1 to %d, aws:SourceIdentity takes another form", n, commonNameMax))
	}
	for _, a := range leaf.Subject.Names {
		if v, isText := a.Value.(string); !isText || !fitsTag(v) {
			w = append(w, fmt.Sprintf("the subject's value for %v cannot become a session tag of AWS; a condition on it is false", a.Type))
		}
	}
	for _, a := range leaf.Issuer.Names {
		if v, isText := a.Value.(string); !isText || !fitsTag(v) {
			w = append(w, fmt.Sprintf("the issuer's value for %v cannot become a session tag of AWS; a condition on it is false", a.Type))
		}
	}
	return w
}

// fitsTag is AWS's rule for values of session tags.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
func fitsTag(v string) bool {
	n := 0
	for _, r := range v {
		n++
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Zs, r) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return n <= tagValueMax
}
