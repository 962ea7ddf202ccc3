package rolesanywhere

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

const (
	vectorDir  = "../../test/testdata/rolesanywhere"
	anchorARN  = "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555"
	profileARN = "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/66666666-7777-8888-9999-000000000000"
	roleARN    = "arn:aws:iam::111122223333:role/path/TrustbridgeEvents"
)

// fixtureYear brings a bubble's clock, which starts in 2000, to where the fixtures are valid.
func fixtureYear() { time.Sleep(time.Until(time.Date(2027, 1, 15, 10, 0, 0, 0, time.UTC))) }

func readCert(tb testing.TB, path string) *x509.Certificate {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, path))
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func readIdentity(tb testing.TB, cert, key string, chain ...string) *keystore.Identity {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, key))
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(b)
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	id := &keystore.Identity{Leaf: readCert(tb, cert), Signer: k.(crypto.Signer), Version: cert}
	for _, c := range chain {
		id.Chain = append(id.Chain, readCert(tb, c))
	}
	return id
}

func rsaIdentity(tb testing.TB) *keystore.Identity {
	return readIdentity(tb, "pki/rsa2048.cert.pem", "pki/rsa2048.key.pem")
}

func ecIdentity(tb testing.TB) *keystore.Identity {
	return readIdentity(tb, "pki/ecp256-inter.cert.pem", "pki/ecp256-inter.key.pem", "pki/inter-ec.cert.pem")
}

// makeIdentity issues a leaf by a CA of its own; change edits the certificate before it is signed.
func makeIdentity(tb testing.TB, change func(*x509.Certificate)) *keystore.Identity {
	tb.Helper()
	caKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "orders", Organization: []string{"Test"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if change != nil {
		change(leaf)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return &keystore.Identity{Leaf: c, Signer: key, Version: hex.EncodeToString(sum[:])}
}

// source is a Source whose answer tests change.
type source struct {
	mu       sync.Mutex // guards all below
	identity *keystore.Identity
	err      error
	asked    int
	rejects  []string
}

func (s *source) Identity(context.Context) (*keystore.Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.identity, s.err
}

func (s *source) Reject(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejects = append(s.rejects, version)
}

func (s *source) set(id *keystore.Identity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity, s.err = id, err
}

// answer is what the fake service does with one request instead of granting; the zero answer grants.
type answer struct {
	dropBefore, dropAfter bool // the connection is lost before or after a session was issued
	hang                  bool // no answer until the client gives up
	status                int
	header                map[string]string
	body                  string
	delay                 time.Duration
}

// seen is a request that reached the fake service.
type seen struct {
	at, date      time.Time
	authorization string
	serial        string
	chain         int
	body          string
}

// service is CreateSession as far as these tests need it: it verifies signature and date with code of its own.
type service struct {
	mu       sync.Mutex // guards all below
	requests []seen
	issued   int
	skew     time.Duration // its clock minus ours
	noDate   bool
	lifetime time.Duration
	answer   func(n int) answer // of the n-th request, from 1
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got, err := verify(r, body)
	s.mu.Lock()
	now := time.Now().Add(s.skew)
	got.at = time.Now()
	s.requests = append(s.requests, got)
	var a answer
	if s.answer != nil {
		a = s.answer(len(s.requests))
	}
	s.mu.Unlock()
	if a.hang {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	time.Sleep(a.delay)
	now = now.Add(a.delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noDate {
		w.Header()["Date"] = nil
	} else {
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	}
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("request-%d", len(s.requests)))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case a.dropBefore:
		panic(http.ErrAbortHandler)
	case a.status != 0:
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
		return
	case err != nil || got.date.Sub(now).Abs() > 10*time.Minute:
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Invalid signature"}`)
		return
	}
	s.issued++
	if a.dropAfter {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, grant(s.issued, now.Add(s.lifetime)))
}

// grant is the answer that hands out the n-th session.
func grant(n int, expiration time.Time) string {
	return fmt.Sprintf(`{"credentialSet":[{"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/TrustbridgeEvents/1234",`+
		`"assumedRoleId":"AROA:1234"},"credentials":{"accessKeyId":"ASIA%d","secretAccessKey":"sECRET%d","sessionToken":"tOKEN%d",`+
		`"expiration":%q},"packedPolicySize":10}],"subjectArn":"arn:aws:rolesanywhere:eu-central-1:111122223333:subject/x"}`,
		n, n, n, expiration.UTC().Format(time.RFC3339))
}

func (s *service) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// all is every request that has arrived.
func (s *service) all() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// grants is how many sessions were issued.
func (s *service) grants() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

func (s *service) does(f func(n int) answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func always(a answer) func(int) answer { return func(int) answer { return a } }

func refuse(text string) answer {
	b, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		panic(err)
	}
	return answer{status: http.StatusForbidden, header: map[string]string{"X-Amzn-ErrorType": "AccessDeniedException:"}, body: string(b)}
}

// verify rebuilds the string to sign from the request as it arrived.
func verify(r *http.Request, body []byte) (seen, error) {
	s := seen{authorization: r.Header.Get("Authorization"), body: string(body)}
	date := r.Header.Get("X-Amz-Date")
	s.date, _ = time.Parse("20060102T150405Z", date)
	der, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-X509"))
	if err != nil {
		return s, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return s, err
	}
	s.serial = leaf.SerialNumber.String()
	names := []string{"content-type", "host", "x-amz-date", "x-amz-x509"}
	if chain := r.Header.Get("X-Amz-X509-Chain"); chain != "" {
		s.chain = strings.Count(chain, ",") + 1
		names = append(names, "x-amz-x509-chain")
	}
	canonical := "POST\n" + r.URL.EscapedPath() + "\n\n"
	for _, n := range names {
		v := r.Header.Get(n)
		if n == "host" {
			v = r.Host
		}
		canonical += n + ":" + v + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + fmt.Sprintf("%x", sha256.Sum256(body))
	var algorithm, credential, signedNames, signature string
	if _, err := fmt.Sscanf(s.authorization, "%s Credential=%s SignedHeaders=%s Signature=%s", &algorithm, &credential, &signedNames, &signature); err != nil {
		return s, err
	}
	serial, scope, _ := strings.Cut(strings.TrimSuffix(credential, ","), "/")
	if serial != s.serial || signedNames != strings.Join(names, ";")+"," || !strings.HasPrefix(scope, date[:8]+"/") {
		return s, errors.New("the parts of Authorization do not fit")
	}
	digest := sha256.Sum256([]byte(algorithm + "\n" + date + "\n" + scope + "\n" + fmt.Sprintf("%x", sha256.Sum256([]byte(canonical)))))
	raw, err := hex.DecodeString(signature)
	if err != nil {
		return s, err
	}
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if algorithm != "AWS4-X509-RSA-SHA256" {
			return s, errors.New("algorithm")
		}
		return s, rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], raw)
	case *ecdsa.PublicKey:
		if algorithm != "AWS4-X509-ECDSA-SHA256" || !ecdsa.VerifyASN1(k, digest[:], raw) {
			return s, errors.New("ECDSA")
		}
	}
	return s, nil
}
