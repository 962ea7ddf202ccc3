package aws

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/x509auth"
)

// Limits of a trust anchor.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
const (
	anchorCertificatesMax = 2
	anchorPEMMax          = 8000 // characters
)

// anchor is a trust anchor. Updates replace its slices; they are not changed.
type anchor struct {
	name          string
	certificates  []*x509.Certificate
	notifications []anchorNotification
	disabled      bool
	revoked       map[string]bool // :: issuer and serial, of the CRL
}

func (s *Server) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", s.config.Partition, service, s.config.Region, s.config.Account, resource)
}

// stableID is a UUID made from kind and name, so that a resource has the same ARN in every run.
func (s *Server) stableID(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.arn(kind, name))).String()
}

// CreateTrustAnchor makes an enabled trust anchor of one or two CA certificates and returns its ARN, which depends on name
// alone. Errors say which rule for anchors is broken.
func (s *Server) CreateTrustAnchor(name string, certificates ...*x509.Certificate) (string, error) {
	if err := checkAnchors(certificates); err != nil {
		return "", fmt.Errorf("create trust anchor %q: %w", name, err)
	}
	if len(name) > 255 || !profileName.MatchString(name) {
		return "", fmt.Errorf("create trust anchor %q: a name has 1 to 255 letters, digits, spaces, - and _", name)
	}
	arn := s.anchorARN(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.anchors[arn] != nil {
		return "", fmt.Errorf("create trust anchor %q: it exists already", name)
	}
	s.anchors[arn] = &anchor{name: name, certificates: slices.Clone(certificates), revoked: make(map[string]bool)}
	return arn, nil
}

func (s *Server) anchorARN(name string) string {
	return s.arn(serviceRolesAnywhere, "trust-anchor/"+s.stableID("trust-anchor", name))
}

// DeleteTrustAnchor removes a trust anchor: it signs nobody in, sessions already given out live on.
func (s *Server) DeleteTrustAnchor(arn string) error {
	return s.onAnchor(arn, func(*anchor) { delete(s.anchors, arn) })
}

// UpdateTrustAnchor replaces an anchor's certificates.
func (s *Server) UpdateTrustAnchor(arn string, certificates ...*x509.Certificate) error {
	if err := checkAnchors(certificates); err != nil {
		return fmt.Errorf("update trust anchor %s: %w", arn, err)
	}
	return s.onAnchor(arn, func(a *anchor) { a.certificates = slices.Clone(certificates) })
}

// EnableTrustAnchor enables an anchor.
func (s *Server) EnableTrustAnchor(arn string) error {
	return s.onAnchor(arn, func(a *anchor) { a.disabled = false })
}

// DisableTrustAnchor disables an anchor: it signs nobody in, sessions already given out live on.
func (s *Server) DisableTrustAnchor(arn string) error {
	return s.onAnchor(arn, func(a *anchor) { a.disabled = true })
}

// Revoke puts certificates on the anchor's revocation list.
func (s *Server) Revoke(arn string, certificates ...*x509.Certificate) error {
	return s.onAnchor(arn, func(a *anchor) {
		a.revoked = maps.Clone(a.revoked)
		for _, c := range certificates {
			a.revoked[revocationKey(c)] = true
		}
	})
}

func revocationKey(c *x509.Certificate) string { return string(c.RawIssuer) + c.SerialNumber.String() }

func (s *Server) onAnchor(arn string, change func(*anchor)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.anchors[arn]
	if a == nil {
		return fmt.Errorf("change trust anchor %s: it does not exist", arn)
	}
	change(a)
	return nil
}

func checkAnchors(certificates []*x509.Certificate) error {
	if len(certificates) == 0 || len(certificates) > anchorCertificatesMax {
		return fmt.Errorf("it must hold one or two certificates, not %d", len(certificates))
	}
	size := 0
	for _, c := range certificates {
		if err := x509auth.CheckAnchor(c); err != nil {
			return err
		}
		size += len(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	if size > anchorPEMMax {
		return fmt.Errorf("its PEM has %d characters, more than %d", size, anchorPEMMax)
	}
	return nil
}
