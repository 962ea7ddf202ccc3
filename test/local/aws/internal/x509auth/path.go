package x509auth

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrValidity is in the chain of an error about a path that leads to an anchor, but not at this time.
var ErrValidity = errors.New("a certificate of the path is not valid now")

// FindPath finds a path from leaf over the certificates sent with it to one of the anchors, every certificate of it valid
// now. The path begins with the leaf and ends with the anchor. Nothing but what is passed in takes part, whatever the
// machine trusts. An error wraps [ErrValidity] if only time stands between the leaf and an anchor.
//
// Certificates with name constraints or unknown critical extensions are not followed: their rules are not evaluated here,
// and what is not understood is not trusted.
func FindPath(leaf *x509.Certificate, sent, anchors []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	b := builder{sent: sent, anchors: anchors, now: &now}
	if path := b.extend([]*x509.Certificate{leaf}); path != nil {
		return path, nil
	}
	b.now = nil
	if path := b.extend([]*x509.Certificate{leaf}); path != nil {
		for _, c := range path {
			if !validAt(c, now) {
				return nil, fmt.Errorf("find path: %q is valid from %s to %s: %w", c.Subject,
					c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), ErrValidity)
			}
		}
	}
	return nil, fmt.Errorf("find path: none leads from %q, issued by %q, to the trust anchor", leaf.Subject, leaf.Issuer)
}

// builder searches depth first. The caller bounds the certificates sent, so the search is bounded too.
type builder struct {
	sent, anchors []*x509.Certificate
	now           *time.Time // nil: any time will do
}

// extend prolongs a path to an anchor; nil if it cannot.
func (b builder) extend(path []*x509.Certificate) []*x509.Certificate {
	last := path[len(path)-1]
	if !b.usable(last) {
		return nil
	}
	for _, anchor := range b.anchors {
		if anchor.Equal(last) {
			return path
		}
	}
	for _, anchor := range b.anchors {
		if b.issues(anchor, path) && b.usable(anchor) {
			return append(slices.Clip(path), anchor)
		}
	}
	for _, issuer := range b.sent {
		if !contains(path, issuer) && b.issues(issuer, path) {
			if whole := b.extend(append(slices.Clip(path), issuer)); whole != nil {
				return whole
			}
		}
	}
	return nil
}

func (b builder) usable(c *x509.Certificate) bool {
	constrained := c.PermittedDNSDomainsCritical ||
		len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains)+len(c.PermittedIPRanges)+len(c.ExcludedIPRanges)+
			len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses)+len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0
	if constrained || len(c.UnhandledCriticalExtensions) > 0 {
		return false
	}
	return b.now == nil || validAt(c, *b.now)
}

// issues tells whether issuer is a CA that issued the last certificate of path and may have so many below it.
func (b builder) issues(issuer *x509.Certificate, path []*x509.Certificate) bool {
	last := path[len(path)-1]
	if !bytes.Equal(issuer.RawSubject, last.RawIssuer) || checkCA(issuer) != nil || checkKey(issuer) != nil {
		return false
	}
	if checkAlgorithm(last) != nil {
		return false
	}
	below := 0
	for _, c := range path[1:] {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			below++
		}
	}
	limited := issuer.MaxPathLen > 0 || issuer.MaxPathLen == 0 && issuer.MaxPathLenZero
	if limited && below > issuer.MaxPathLen {
		return false
	}
	return issuer.CheckSignature(last.SignatureAlgorithm, last.RawTBSCertificate, last.Signature) == nil
}

func validAt(c *x509.Certificate, t time.Time) bool {
	return !t.Before(c.NotBefore) && !t.After(c.NotAfter)
}

func contains(path []*x509.Certificate, c *x509.Certificate) bool {
	for _, p := range path {
		if p.Equal(c) {
			return true
		}
	}
	return false
}
