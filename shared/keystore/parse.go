package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"
)

// materialMaxBytes bounds a key store; one of SAP's with four certificates has 12 KB.
const materialMaxBytes = 1 << 20

// Options says how to read a key store. The zero value fits what the Destination Service generates.
type Options struct {
	// Password is the key store's; "" means that there is none. This version reads no encrypted key: with a password the
	// error says so, without one it says that a password is missing.
	Password string
	// Now chooses among several certificates of one key, as a renewal leaves them; zero means the local clock's time.
	Now time.Time
}

// Parse reads a key store in PEM: one private key (PKCS#8, PKCS#1 or SEC 1) and certificates, in any order and with any
// line ends. The leaf is the certificate of that key; of several the one valid now that begins last. Its errors are [*Error].
func Parse(material []byte, o Options) (*Identity, error) {
	if len(material) > materialMaxBytes {
		return nil, &Error{Kind: NotAKeyStore, Reason: fmt.Sprintf("it has %d bytes, at most %d are read", len(material), materialMaxBytes)}
	}
	material = bytes.TrimPrefix(material, []byte("\xef\xbb\xbf")) // a byte order mark hides the first block
	if format := foreignFormat(material); format != "" {
		return nil, &Error{Kind: NotAKeyStore, Reason: "found " + format + "; this version reads PEM: generate a certificate whose name ends in .pem"}
	}
	certificates, keys, err := blocks(material, o)
	if err != nil {
		return nil, err
	}
	switch {
	case len(keys) == 0 && len(certificates) == 0:
		return nil, &Error{Kind: NotAKeyStore, Reason: "found PEM without a private key and without certificates"}
	case len(keys) == 0:
		return nil, &Error{Kind: NoPrivateKey, Reason: fmt.Sprintf("found %d certificates and no private key; generate a certificate without "+
			"a signing request, so that the key store holds the key", len(certificates))}
	case len(keys) > 1:
		return nil, &Error{Kind: SeveralKeys, Reason: fmt.Sprintf("found %d private keys, and PEM has no names to choose by; use one key store a key", len(keys))}
	case len(certificates) == 0:
		return nil, &Error{Kind: NoCertificate, Reason: "found a private key and no certificate"}
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	leaf := leafOf(certificates, keys[0], o.Now)
	if leaf == nil {
		return nil, &Error{Kind: KeyMismatch, Reason: "no certificate fits the private key; found those of " + subjects(certificates)}
	}
	chain, err := chainOf(leaf, certificates)
	if err != nil {
		return nil, err
	}
	return &Identity{Leaf: leaf, Chain: chain, Signer: keys[0], Version: version(leaf, chain)}, nil
}

func version(leaf *x509.Certificate, chain []*x509.Certificate) string {
	h := sha256.New()
	h.Write(leaf.Raw)
	for _, c := range chain {
		h.Write(c.Raw)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func subjects(certificates []*x509.Certificate) string {
	names := make([]string, len(certificates))
	for i, c := range certificates {
		names[i] = fmt.Sprintf("%q", Subject(c))
	}
	return strings.Join(names, ", ")
}

// foreignFormat names the format of material that is not PEM, "" if it is PEM.
func foreignFormat(material []byte) string {
	switch {
	case len(bytes.TrimSpace(material)) == 0:
		return "nothing"
	case bytes.HasPrefix(material, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "a Java key store (JKS)"
	case bytes.HasPrefix(material, []byte{0xce, 0xce, 0xce, 0xce}):
		return "a Java key store (JCEKS)"
	case isPKCS12(material):
		return "a PKCS#12 key store (.p12, .pfx)"
	case material[0] == 0x30 && len(material) > 2 && material[1] >= 0x80:
		return "binary DER"
	case beginnings(material) == 0:
		return "something that is neither PEM nor PKCS#12 nor JKS"
	}
	return ""
}

// isPKCS12 recognises a PFX: a SEQUENCE that begins with the INTEGER 3.
//
// Source: https://www.rfc-editor.org/rfc/rfc7292#section-4
func isPKCS12(b []byte) bool {
	if len(b) < 2 || b[0] != 0x30 {
		return false
	}
	header := 2
	if b[1] >= 0x80 {
		header += int(b[1] & 0x7f)
	}
	return header < len(b) && bytes.HasPrefix(b[header:], []byte{0x02, 0x01, 0x03})
}

// beginnings counts the lines that begin a PEM block.
func beginnings(material []byte) int {
	n := 0
	for line := range bytes.Lines(material) {
		if bytes.HasPrefix(line, []byte("-----BEGIN ")) {
			n++
		}
	}
	return n
}

// blocks reads all certificates and private keys of PEM text, each once.
func blocks(material []byte, o Options) (certificates []*x509.Certificate, keys []crypto.Signer, err error) {
	seen, rest := 0, material
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		seen++
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, &Error{Kind: Malformed, Reason: fmt.Sprintf("PEM block %d is no certificate", seen), Err: err}
			}
			if !slices.ContainsFunc(certificates, c.Equal) {
				certificates = append(certificates, c)
			}
		case "ENCRYPTED PRIVATE KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			k, err := privateKey(block, seen, o)
			if err != nil {
				return nil, nil, err
			}
			if !slices.ContainsFunc(keys, func(other crypto.Signer) bool { return samePublic(other.Public(), k.Public()) }) {
				keys = append(keys, k)
			}
		}
	}
	// pem.Decode passes over what it cannot read; what began and did not come out would be missed in silence.
	if n := beginnings(material); n > seen {
		return nil, nil, &Error{Kind: Malformed, Reason: fmt.Sprintf("%d PEM blocks begin and %d can be read; the text is cut off or changed", n, seen)}
	}
	return certificates, keys, nil
}

func privateKey(block *pem.Block, number int, o Options) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		if o.Password == "" {
			return nil, &Error{Kind: PasswordMissing, Reason: "the private key is encrypted and KeyStorePassword is missing or empty; generate " +
				"the certificate without a password, which is the one form this version reads"}
		}
		return nil, &Error{Kind: EncryptedKey, Reason: "the private key is encrypted, and this version reads no encrypted keys, whatever " +
			"KeyStorePassword holds; generate the certificate without a password"}
	}
	// The three forms are told apart by their content, since SAP's documentation does not promise one.
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if k, errRSA := x509.ParsePKCS1PrivateKey(block.Bytes); errRSA == nil {
			key, err = k, nil
		} else if k, errEC := x509.ParseECPrivateKey(block.Bytes); errEC == nil {
			key, err = k, nil
		}
	}
	if err != nil {
		// The cause is left out: it is about the bytes of a key.
		return nil, &Error{Kind: Malformed, Reason: fmt.Sprintf("PEM block %d (%s) is no private key in PKCS#8, PKCS#1 or SEC 1", number, block.Type)}
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	default:
		return nil, &Error{Kind: UnsupportedKey, Reason: fmt.Sprintf("the private key is a %T; use RSA or ECDSA", k)}
	}
}

func samePublic(a, b crypto.PublicKey) bool {
	c, comparable := a.(interface{ Equal(crypto.PublicKey) bool })
	return comparable && c.Equal(b)
}
