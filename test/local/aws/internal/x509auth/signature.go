package x509auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

const (
	// AlgorithmRSA is for certificates with an RSA key: PKCS#1 v1.5 over SHA-256.
	AlgorithmRSA = "AWS4-X509-RSA-SHA256"
	// AlgorithmECDSA is for certificates with an EC key: ASN.1 DER over SHA-256, whatever the curve.
	AlgorithmECDSA = "AWS4-X509-ECDSA-SHA256"
	// Service is the one in the credential scope.
	Service = "rolesanywhere"
)

// ErrForm is in the chain of errors about an Authorization header that is not of this scheme. All other errors of
// [Verifier.Verify] are refusals of the signature.
var ErrForm = errors.New("the Authorization header is not of this scheme")

// Verifier verifies the signatures of one region.
type Verifier struct {
	// Region is the only one taken.
	Region string
	// Window is how far X-Amz-Date may be from now, in both directions.
	Window time.Duration
}

// Verify verifies a request whose body was received as body and gives back the certificate whose key signed it. Errors say
// which rule was broken; the service itself tells its clients no more than "Invalid signature".
// Source: https://docs.aws.amazon.com/rolesanywhere/latest/userguide/authentication-sign-process.html
func (v Verifier) Verify(r *http.Request, body []byte, now time.Time) (*x509.Certificate, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil, fmt.Errorf("verify signature: %w: it must be there exactly once", ErrForm)
	}
	a, err := sigv4.ParseAuthorization(values[0])
	if err != nil {
		return nil, fmt.Errorf("verify signature: %w: %w", ErrForm, err)
	}
	if a.Algorithm != AlgorithmRSA && a.Algorithm != AlgorithmECDSA {
		return nil, fmt.Errorf("verify signature: %w: the algorithm must be %s or %s", ErrForm, AlgorithmRSA, AlgorithmECDSA)
	}
	if err := checkHeaders(r, a); err != nil {
		return nil, fmt.Errorf("verify signature: %w", err)
	}
	leaf, err := parseCertificate(r.Header.Get("X-Amz-X509"))
	if err != nil {
		return nil, fmt.Errorf("verify signature: X-Amz-X509: %w", err)
	}
	if err := v.checkScope(r, a, leaf, now); err != nil {
		return nil, fmt.Errorf("verify signature: %w", err)
	}
	if err := checkHash(r, body); err != nil {
		return nil, fmt.Errorf("verify signature: %w", err)
	}
	canonical, err := canonicalRequest(r, body, a.SignedHeaders)
	if err != nil {
		return nil, fmt.Errorf("verify signature: %w", err)
	}
	if err := checkSignature(leaf, a, stringToSign(a, r.Header.Get("X-Amz-Date"), canonical)); err != nil {
		return nil, fmt.Errorf("verify signature: %w", err)
	}
	return leaf, nil
}

// checkHeaders checks which headers are signed. A second value of a header that is read as one would be invisible, and an
// unsigned x-amz- header could be anybody's: both are refused.
func checkHeaders(r *http.Request, a sigv4.Authorization) error {
	required := []string{"host", "x-amz-date", "x-amz-x509"}
	for name, values := range r.Header {
		name := strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") {
			continue
		}
		if len(values) != 1 {
			return fmt.Errorf("the header %s is there more than once", name)
		}
		required = append(required, name)
	}
	if err := a.CheckSignedHeaders(required...); err != nil {
		return err
	}
	for _, name := range a.SignedHeaders {
		if _, there := headerValues(r, name); !there {
			return fmt.Errorf("the signed header %s is absent", name)
		}
	}
	return nil
}

// headerValues are a header's values; net/http keeps Host apart.
func headerValues(r *http.Request, name string) ([]string, bool) {
	switch values, there := r.Header[http.CanonicalHeaderKey(name)]; {
	case name == "host":
		return []string{r.Host}, r.Host != ""
	case there:
		return values, true
	case name == "content-length" && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}, true
	}
	return nil, false
}

// checkScope checks serial, scope and clock.
func (v Verifier) checkScope(r *http.Request, a sigv4.Authorization, leaf *x509.Certificate, now time.Time) error {
	if a.Key != leaf.SerialNumber.String() {
		return fmt.Errorf("the credential is not the certificate's serial in decimal")
	}
	text := r.Header.Get("X-Amz-Date")
	date, err := time.Parse(sigv4.DateFormat, text)
	if err != nil {
		return fmt.Errorf("X-Amz-Date must be YYYYMMDDTHHMMSSZ")
	}
	switch {
	case a.Date != text[:8]:
		return fmt.Errorf("the scope's date is not the day of X-Amz-Date")
	case a.Region != v.Region:
		return fmt.Errorf("the scope's region is not %s", v.Region)
	case a.Service != Service:
		return fmt.Errorf("the scope's service is not %s", Service)
	case a.Terminator != sigv4.Terminator:
		return fmt.Errorf("the scope does not end in %s", sigv4.Terminator)
	case now.Sub(date).Abs() > v.Window:
		return fmt.Errorf("X-Amz-Date is more than %v from now", v.Window)
	}
	return nil
}

// checkHash checks the body's hash where the client states it, and that the body is as long as was said.
func checkHash(r *http.Request, body []byte) error {
	sum := sha256.Sum256(body)
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("X-Amz-Content-Sha256 is not the body's hash")
	}
	if r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
		return fmt.Errorf("the content length is not the body's")
	}
	return nil
}

// canonicalRequest is the text whose hash is signed.
func canonicalRequest(r *http.Request, body []byte, signed []string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + query + "\n")
	for _, name := range signed {
		values, _ := headerValues(r, name)
		var clean []string
		for _, value := range values {
			clean = append(clean, collapse(value))
		}
		b.WriteString(name + ":" + strings.Join(clean, ",") + "\n")
	}
	sum := sha256.Sum256(body)
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + hex.EncodeToString(sum[:]))
	return b.String(), nil
}

// collapse trims a header's value and makes one space of each run of them.
func collapse(value string) string {
	var words []string
	for word := range strings.SplitSeq(value, " ") {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// canonicalQuery decodes the wire's query and encodes it again: all but A-Za-z0-9-_.~ as upper-case %XX, sorted by name,
// then value.
func canonicalQuery(raw string) (string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", fmt.Errorf("the query is malformed")
	}
	type pair struct{ name, value string }
	var pairs []pair
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, pair{escape(name), escape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var parts []string
	for _, p := range pairs {
		parts = append(parts, p.name+"="+p.value)
	}
	return strings.Join(parts, "&"), nil
}

// escape differs from url.QueryEscape in the space alone.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func stringToSign(a sigv4.Authorization, date, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return strings.Join([]string{a.Algorithm, date, a.Scope(), hex.EncodeToString(sum[:])}, "\n")
}

func checkSignature(leaf *x509.Certificate, a sigv4.Authorization, text string) error {
	signature, err := hex.DecodeString(a.Signature)
	if err != nil || strings.ToLower(a.Signature) != a.Signature {
		return fmt.Errorf("the signature is not lower-case hexadecimal")
	}
	digest := sha256.Sum256([]byte(text))
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if a.Algorithm != AlgorithmRSA {
			return fmt.Errorf("the algorithm does not fit an RSA key")
		}
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
			return fmt.Errorf("the signature is not that of this request by this key")
		}
	case *ecdsa.PublicKey:
		if a.Algorithm != AlgorithmECDSA {
			return fmt.Errorf("the algorithm does not fit an EC key")
		}
		if !ecdsa.VerifyASN1(key, digest[:], signature) {
			return fmt.Errorf("the signature is not that of this request by this key")
		}
	default:
		return fmt.Errorf("the certificate's key is neither RSA nor EC")
	}
	return nil
}

// ParseChain reads X-Amz-X509-Chain: certificates in base64, joined by commas. "" is an empty chain.
func ParseChain(header string) ([]*x509.Certificate, error) {
	if header == "" {
		return nil, nil
	}
	var chain []*x509.Certificate
	for i, text := range strings.Split(header, ",") {
		c, err := parseCertificate(strings.Trim(text, " "))
		if err != nil {
			return nil, fmt.Errorf("read X-Amz-X509-Chain: certificate %d: %w", i+1, err)
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// parseCertificate reads the standard base64, with padding and on one line, of one certificate's DER.
func parseCertificate(text string) (*x509.Certificate, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("it is not on one line")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it is not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("it is not one X.509 certificate: %w", err)
	}
	return c, nil
}
