package rolesanywhere

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// What the signature's text is made of.
//
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
const (
	algorithmRSA   = "AWS4-X509-RSA-SHA256"
	algorithmECDSA = "AWS4-X509-ECDSA-SHA256"
	contentType    = "application/json"
	sessionsPath   = "/sessions"
	scopeEnd       = "/rolesanywhere/aws4_request"
	dateLayout     = "20060102T150405Z"

	signedNames      = "content-type;host;x-amz-date;x-amz-x509"
	signedNamesChain = signedNames + ";x-amz-x509-chain"
)

// Request is a CreateSession request in the form that holds its parameters in the body; nothing of it is optional but Path.
type Request struct {
	// Host is the Host header: the host name, plus ":port" if that is not the scheme's default.
	Host string
	// Path is the escaped path as it is sent; "" means /sessions.
	Path string
	// Region is the region of the trust anchor.
	Region string
	// Body is the exact JSON sent.
	Body []byte
	// Time is when the request is signed, in any zone; it is truncated to the second.
	Time time.Time
}

// Signed is a signed [Request]. CanonicalRequest and StringToSign are intermediate results, for comparison with those of
// others; Header holds what is sent.
type Signed struct {
	CanonicalRequest string
	StringToSign     string
	Authorization    string

	date, leaf, chain string
}

// Header is the headers to send, all but Host: Authorization, Content-Type, X-Amz-Date, X-Amz-X509, and X-Amz-X509-Chain if
// there is a chain.
func (s *Signed) Header() http.Header {
	h := make(http.Header, 5)
	h.Set("Authorization", s.Authorization)
	h.Set("Content-Type", contentType)
	h.Set("X-Amz-Date", s.date)
	h.Set("X-Amz-X509", s.leaf)
	if s.chain != "" {
		h.Set("X-Amz-X509-Chain", s.chain)
	}
	return h
}

// Sign signs r with id: Signature Version 4 with the identity's own key in the place of the derived one. The algorithm is
// that of the leaf's key, whatever signed the certificate. The signer is called once, with the SHA-256 digest of the
// string to sign. It fails for a key that is neither RSA nor ECDSA, and if the signer does. Pure, and safe for concurrent
// use.
func Sign(id *keystore.Identity, r Request) (*Signed, error) {
	algorithm, err := algorithmOf(id)
	if err != nil {
		return nil, err
	}
	names := signedNames
	if len(id.Chain) > 0 {
		names = signedNamesChain
	}
	at := r.Time.UTC()
	s := &Signed{date: at.Format(dateLayout)}
	s.canonical(id, r, names)

	scope := s.date[:8] + "/" + r.Region + scopeEnd
	digest := sha256.Sum256([]byte(s.CanonicalRequest))
	s.StringToSign = algorithm + "\n" + s.date + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	digest = sha256.Sum256([]byte(s.StringToSign))
	signature, err := id.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign the session request: %w", err)
	}
	if len(signature) == 0 {
		return nil, errors.New("sign the session request: the signer gave no signature")
	}
	s.Authorization = algorithm + " Credential=" + id.Leaf.SerialNumber.String() + "/" + scope +
		", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(signature)
	return s, nil
}

func algorithmOf(id *keystore.Identity) (string, error) {
	switch k := id.Leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return algorithmRSA, nil
	case *ecdsa.PublicKey:
		return algorithmECDSA, nil
	default:
		return "", fmt.Errorf("sign the session request: keys of type %T are not taken; use RSA or ECDSA", k)
	}
}

// canonical fills in the canonical request and, as parts of it, the two certificate headers.
func (s *Signed) canonical(id *keystore.Identity, r Request, names string) {
	path := r.Path
	if path == "" {
		path = sessionsPath
	}
	size := len(path) + len(r.Host) + len(names) + 256 + base64.StdEncoding.EncodedLen(len(id.Leaf.Raw))
	for _, c := range id.Chain {
		size += base64.StdEncoding.EncodedLen(len(c.Raw)) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, "POST\n"...)
	b = append(b, path...)
	b = append(b, "\n\ncontent-type:"+contentType+"\nhost:"...)
	b = append(b, r.Host...)
	b = append(b, "\nx-amz-date:"...)
	b = append(b, s.date...)
	b = append(b, "\nx-amz-x509:"...)
	leaf := len(b)
	b = base64.StdEncoding.AppendEncode(b, id.Leaf.Raw)
	leafEnd := len(b)
	b = append(b, '\n')
	chain, chainEnd := 0, 0
	if len(id.Chain) > 0 {
		b = append(b, "x-amz-x509-chain:"...)
		chain = len(b)
		for i, c := range id.Chain {
			if i > 0 {
				b = append(b, ',')
			}
			b = base64.StdEncoding.AppendEncode(b, c.Raw)
		}
		chainEnd = len(b)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, names...)
	b = append(b, '\n')
	body := sha256.Sum256(r.Body)
	b = hex.AppendEncode(b, body[:])
	s.CanonicalRequest = string(b)
	s.leaf = s.CanonicalRequest[leaf:leafEnd]
	s.chain = s.CanonicalRequest[chain:chainEnd]
}
