package keystore

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// chainMax is how many issuers AWS takes beside the leaf.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
const chainMax = 5

// leafOf is the certificate of key: of several, as a renewal that keeps its key leaves them, the one valid now that begins
// last, else the one that begins last. nil if there is none.
func leafOf(certificates []*x509.Certificate, key crypto.Signer, now time.Time) *x509.Certificate {
	var best *x509.Certificate
	for _, c := range certificates {
		if samePublic(c.PublicKey, key.Public()) && (best == nil || preferred(c, best, now)) {
			best = c
		}
	}
	return best
}

// preferred is true if a serves better than b: valid now, then begun later, then, to be the same in any order, by its bytes.
func preferred(a, b *x509.Certificate, now time.Time) bool {
	validA, validB := !now.Before(a.NotBefore) && !now.After(a.NotAfter), !now.Before(b.NotBefore) && !now.After(b.NotAfter)
	switch {
	case validA != validB:
		return validA
	case !a.NotBefore.Equal(b.NotBefore):
		return a.NotBefore.After(b.NotBefore)
	}
	return bytes.Compare(a.Raw, b.Raw) > 0
}

// chainOf orders the issuers of leaf, its own first. It stops before a self-signed certificate, which the other side must hold
// itself, and where no issuer is found: the trust anchor may be an intermediate. Certificates that are no issuers of the leaf
// are left out.
func chainOf(leaf *x509.Certificate, certificates []*x509.Certificate) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for current := leaf; ; {
		issuer := issuerOf(current, certificates, append([]*x509.Certificate{leaf}, chain...))
		if issuer == nil {
			return chain, nil
		}
		if len(chain) == chainMax {
			return nil, &Error{Kind: ChainTooLong, Reason: fmt.Sprintf("more than %d issuers follow the certificate of %q; AWS takes %d",
				chainMax, Subject(leaf), chainMax)}
		}
		chain = append(chain, issuer)
		current = issuer
	}
}

// issuerOf is the certificate that issued c, nil if there is none to send: the name and the signature must fit, and a key
// identifier that fits wins, since issuing CAs are replaced under their old names.
func issuerOf(c *x509.Certificate, certificates, used []*x509.Certificate) *x509.Certificate {
	var best *x509.Certificate
	for _, candidate := range certificates {
		if !bytes.Equal(candidate.RawSubject, c.RawIssuer) || slices.ContainsFunc(used, candidate.Equal) ||
			selfSigned(candidate) || !signs(candidate, c) {
			continue
		}
		switch {
		case best == nil:
			best = candidate
		case identifies(candidate, c) != identifies(best, c):
			if identifies(candidate, c) {
				best = candidate
			}
		case preferred(candidate, best, c.NotBefore):
			best = candidate
		}
	}
	return best
}

// selfSigned is true for a root. A certificate that a CA issues to itself under its next key has the names of one, but not the
// signature.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && (signs(c, c) || len(c.AuthorityKeyId) == 0)
}

func identifies(issuer, c *x509.Certificate) bool {
	return len(c.AuthorityKeyId) > 0 && bytes.Equal(issuer.SubjectKeyId, c.AuthorityKeyId)
}

// signs is true if issuer's key made c's signature. An algorithm that is too weak to be checked is taken as fitting where the
// key identifiers fit: AWS's rules name it later, which helps more than a gap in the chain.
func signs(issuer, c *x509.Certificate) bool {
	err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	if _, weak := errors.AsType[x509.InsecureAlgorithmError](err); weak {
		return identifies(issuer, c)
	}
	return err == nil
}
