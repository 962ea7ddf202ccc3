package keystore

import (
	"crypto"
	"crypto/x509"
)

// Identity is one X.509 identity: what signs, and the certificates that prove who signs. It never changes once made; a
// rotation makes another one, so that leaf, chain and key always belong together. Safe for concurrent use.
type Identity struct {
	// Leaf is the certificate whose public key is Signer's.
	Leaf *x509.Certificate
	// Chain holds the issuers to send with the leaf, its own issuer first. Without self-signed certificates; empty if the
	// trust anchor issued the leaf itself.
	Chain []*x509.Certificate
	// Signer holds the private key. It may be any crypto.Signer, a hardware key too.
	Signer crypto.Signer
	// Version names this material: two identities with the same version are the same. It is the SHA-256 of the leaf and
	// the chain in hexadecimal, so it tells nothing of the key.
	Version string
}
