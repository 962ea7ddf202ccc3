package destination

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
)

// PublicKeys is the chain of a certificate without its key: leaf first, then its issuers, the root last. The root is what an
// anchor trusts; no call gives it otherwise. Errors are [*Error], of kind NoCertificate if there is no certificate of this
// name. For key stores that were uploaded with a password the service refuses.
//
// Source: https://api.sap.com/api/SAP_CP_CF_Connectivity_Destination
func (a *Admin) PublicKeys(ctx context.Context, level Level, keyStore string) ([]*x509.Certificate, error) {
	const op = "read public keys of certificate"
	if !level.holds() {
		return nil, &Error{Kind: Refused, Op: op, Name: keyStore, Reason: fmt.Sprintf("the level %s or %s is needed, not %q", Instance, Subaccount, level)}
	}
	var chain []*x509.Certificate
	e := a.call(ctx, about{op: op, kind: "certificate", name: keyStore}, http.MethodGet, certificatesPath(level)+"/"+escapeName(keyStore)+"/publicKeys", nil, func(r *reply) (e *Error) {
		if r.status != http.StatusOK {
			return r.refused(NoCertificate)
		}
		chain, e = readPublicKeys(r)
		return e
	})
	return chain, orNil(e)
}

// readPublicKeys reads an answer. Each content is PEM or the base64 of it, of one certificate or several.
func readPublicKeys(r *reply) ([]*x509.Certificate, *Error) {
	var keys []struct {
		Content string `json:"Content"`
	}
	if e := r.decode(&keys, true); e != nil {
		return nil, e
	}
	var all []*x509.Certificate
	for i, key := range keys {
		text := []byte(key.Content)
		if !bytes.Contains(text, []byte("-----BEGIN ")) {
			decoded, err := base64.StdEncoding.DecodeString(key.Content)
			if err != nil {
				return nil, r.fail(&Error{Kind: BadAnswer, Reason: fmt.Sprintf("public key %d is neither PEM nor base64", i+1)})
			}
			text = decoded
		}
		found := 0
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, r.fail(&Error{Kind: BadAnswer, Reason: fmt.Sprintf("public key %d holds PEM that is no certificate", i+1)})
			}
			if found++; !slices.ContainsFunc(all, c.Equal) {
				all = append(all, c)
			}
		}
		if found == 0 {
			return nil, r.fail(&Error{Kind: BadAnswer, Reason: fmt.Sprintf("public key %d holds no certificate", i+1)})
		}
	}
	if len(all) == 0 {
		return nil, r.fail(&Error{Kind: BadAnswer, Reason: "there are no public keys in the answer"})
	}
	return ordered(all), nil
}

// ordered is the chain of the leaf: the first certificate that issued no other. What is not above it is left out.
func ordered(all []*x509.Certificate) []*x509.Certificate {
	issued := func(issuer, c *x509.Certificate) bool {
		return !issuer.Equal(c) && bytes.Equal(issuer.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(issuer) == nil
	}
	leaf := slices.IndexFunc(all, func(c *x509.Certificate) bool {
		return !slices.ContainsFunc(all, func(other *x509.Certificate) bool { return issued(c, other) })
	})
	chain := []*x509.Certificate{all[max(leaf, 0)]}
	for len(chain) < len(all) {
		last := chain[len(chain)-1]
		next := slices.IndexFunc(all, func(c *x509.Certificate) bool { return issued(c, last) && !slices.ContainsFunc(chain, c.Equal) })
		if next < 0 {
			break
		}
		chain = append(chain, all[next])
	}
	return chain
}
