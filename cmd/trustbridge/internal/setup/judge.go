package setup

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
)

// Fingerprint is the SHA-256 of a certificate. The zero value is none.
type Fingerprint [sha256.Size]byte

// SAPRoot is the SHA-256 of "SAP Cloud Root CA" (C=DE, L=Walldorf, O=SAP SE, CN=SAP Cloud Root CA; RSA 4096, 2019-02-13 to
// 2039-02-13). It is that of required/pem/SAP Cloud Root CA.pem, as SAP publishes it there.
//
// Source: https://github.com/sap-software/btp-trust-store
const SAPRoot = "6F:87:42:22:FA:EA:17:FD:8C:4A:4C:25:EF:26:F2:9F:BE:00:BF:45:82:C3:E1:FE:00:C2:F0:3D:BC:78:B2:81"

// ParseFingerprint reads 64 hexadecimal digits in either case, with or without colons or spaces.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	digits, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(s))
	if err != nil || len(digits) != len(f) {
		return f, fmt.Errorf("%q is no SHA-256 fingerprint: 64 hexadecimal digits, with or without colons", s)
	}
	copy(f[:], digits)
	return f, nil
}

func fingerprint(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }

// String is upper-case hexadecimal with colons, as people compare it.
func (f Fingerprint) String() string {
	parts := make([]string, len(f))
	for i, b := range f {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// Days, Months and Years are the units of a validity, as the Destination service names them.
const (
	Days   = "DAYS"
	Months = "MONTHS"
	Years  = "YEARS"
)

// Validity is how long a new certificate is valid. The zero value means 30 days.
type Validity struct {
	Unit  string
	Value int
}

// judge describes the chain, and fails for a root that nobody vouches for and a certificate that AWS would refuse.
func (s *run) judge() error {
	s.report.describe(s.chain, s.now)
	if err := s.checkChain(); err != nil {
		return err
	}
	leaf, root := s.chain[0], s.chain[len(s.chain)-1]
	if err := s.checkRoot(root); err != nil {
		return err
	}
	if err := rolesanywhere.PreflightAnchor(root, s.now); err != nil {
		return s.refused(err)
	}
	warnings, err := rolesanywhere.PreflightChain(leaf, s.chain[1:len(s.chain)-1], s.now)
	if err != nil {
		return s.refused(err)
	}
	s.report.AWS = &Verdict{Accepted: true, Warnings: warnings}
	s.note(leaf)
	if cn := s.o.CommonName; cn != "" && cn != leaf.Subject.CommonName {
		return fail("leave --cn out, or choose another --certificate and --destination",
			"compare certificate %q: it is there already, with the CN %q, and --cn says %q", s.keyStore, leaf.Subject.CommonName, cn)
	}
	return nil
}

// checkChain holds what was read to be one path from the certificate to a root.
func (s *run) checkChain() error {
	hint := "upload the certificate with its intermediates and its root in one key store"
	if len(s.chain) < 2 {
		return fail(hint, "read the chain of %q: it has %d certificates, and the root is not among them", s.keyStore, len(s.chain))
	}
	for i, c := range s.chain {
		issuer := s.chain[min(i+1, len(s.chain)-1)] // a root issued itself
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) || issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			if i == len(s.chain)-1 {
				return fail(hint, "read the chain of %q: it ends with %q, which is no root", s.keyStore, keystore.Subject(c))
			}
			return fail(hint, "read the chain of %q: %q was not issued by %q, which follows it", s.keyStore, keystore.Subject(c), keystore.Subject(issuer))
		}
	}
	return nil
}

// checkRoot compares the root with SAP's, or with the one that was accepted.
func (s *run) checkRoot(root *x509.Certificate) error {
	got, accepted := fingerprint(root), s.o.AcceptRoot
	switch {
	case accepted != Fingerprint{} && accepted != got:
		return fail("compare the fingerprint with what the operator of the CA publishes, and give --accept-root exactly that",
			"compare the root: it is %q with SHA-256 %v, and --accept-root says %v", keystore.Subject(root), got, accepted)
	case got == s.pinned:
		s.report.Root = RootPinned
	case accepted == got:
		s.report.Root = RootAccepted
	default:
		return fail(fmt.Sprintf("if this is your own CA, compare the fingerprint with what its operator publishes; if it is the same: --accept-root %v", got),
			"compare the root: it is %q with SHA-256 %v, and that of SAP has %s", keystore.Subject(root), got, s.pinned)
	}
	return nil
}

// refused is the error for what AWS would refuse.
func (s *run) refused(err error) error {
	e, is := errors.AsType[*rolesanywhere.Error](err)
	if !is {
		return err
	}
	s.report.AWS = &Verdict{Reason: e.Rule}
	return fail(e.Detail(), "check certificate %q for aws: %s", s.keyStore, e.Rule)
}

// note says what works, and should be known.
func (s *run) note(leaf *x509.Certificate) {
	left, life := leaf.NotAfter.Sub(s.now), leaf.NotAfter.Sub(leaf.NotBefore)
	if left < life/4 {
		s.report.Notes = append(s.report.Notes, fmt.Sprintf("less than a quarter of the certificate's life is left, until %s: see that it is renewed; "+
			"SAP renews generated ones if AutomaticRenew was set, and uploaded ones never", leaf.NotAfter.UTC().Format(time.DateOnly)))
	}
	if !strings.HasSuffix(s.keyStore, ".pem") {
		s.report.Notes = append(s.report.Notes, "the functions read key stores in PEM; of other formats they say that they found one")
	}
	if s.level == destination.Subaccount {
		s.report.Notes = append(s.report.Notes, "every binding of any Destination service instance in the subaccount can read this certificate's key: at instance level only "+
			"those of one instance can")
	}
}
