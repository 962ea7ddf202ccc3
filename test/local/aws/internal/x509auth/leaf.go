package x509auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
)

// rsaBitsMin is the smallest RSA key taken; AWS's own minimum is not documented, 2,048 is the stricter assumption.
const rsaBitsMin = 2048

// CheckLeaf says which rule for end-entity certificates c breaks: X.509 v3, no CA, digitalSignature, a signature with
// SHA-256 or stronger, a subject, a key of enough strength. clientAuth additionally asks that an extended key usage, if
// there, lists client authentication.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
func CheckLeaf(c *x509.Certificate, clientAuth bool) error {
	switch {
	case c.Version != 3:
		return fmt.Errorf("check certificate: it is X.509 v%d, not v3", c.Version)
	case c.IsCA:
		return fmt.Errorf("check certificate: it is a CA's")
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fmt.Errorf("check certificate: its key usage lacks digitalSignature")
	case len(c.Subject.Names) == 0:
		return fmt.Errorf("check certificate: its subject is empty")
	}
	if err := checkAlgorithm(c); err != nil {
		return fmt.Errorf("check certificate: %w", err)
	}
	if err := checkKey(c); err != nil {
		return fmt.Errorf("check certificate: %w", err)
	}
	hasUsage := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0
	allowed := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	if clientAuth && hasUsage && !allowed {
		return fmt.Errorf("check certificate: its extended key usage lacks clientAuth")
	}
	return nil
}

// CheckAnchor says which rule for trust anchors c breaks: X.509 v3, CA, keyCertSign, SHA-256 or stronger.
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html
func CheckAnchor(c *x509.Certificate) error {
	if c.Version != 3 {
		return fmt.Errorf("check trust anchor: it is X.509 v%d, not v3", c.Version)
	}
	if err := checkCA(c); err != nil {
		return fmt.Errorf("check trust anchor: %w", err)
	}
	return nil
}

func checkCA(c *x509.Certificate) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return fmt.Errorf("it is not a CA's")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("its key usage lacks keyCertSign")
	}
	return checkAlgorithm(c)
}

func checkAlgorithm(c *x509.Certificate) error {
	strong := []x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
	}
	if !slices.Contains(strong, c.SignatureAlgorithm) {
		return fmt.Errorf("it is signed with %v, not with SHA-256 or stronger", c.SignatureAlgorithm)
	}
	return nil
}

func checkKey(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < rsaBitsMin {
			return fmt.Errorf("its RSA key has %d bits, fewer than %d", bits, rsaBitsMin)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return fmt.Errorf("its curve is not P-256, P-384 or P-521")
		}
	default:
		return fmt.Errorf("its key is neither RSA nor EC")
	}
	return nil
}
