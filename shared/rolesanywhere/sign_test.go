package rolesanywhere

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

type vector struct {
	Name, Form, Time, Host, Path, Body, Region, Certificate string
	PrivateKey                                              string `json:"private_key"`
	Chain                                                   []string
	Deterministic                                           bool   `json:"signature_deterministic"`
	Signature                                               string `json:"signature_hex"`
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, "vectors.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var index struct{ Cases []vector }
	if err := json.Unmarshal(b, &index); err != nil {
		tb.Fatal(err)
	}
	return index.Cases
}

func (v vector) request(tb testing.TB) (*keystore.Identity, Request) {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, v.Time)
	if err != nil {
		tb.Fatal(err)
	}
	return readIdentity(tb, v.Certificate, v.PrivateKey, v.Chain...),
		Request{Host: v.Host, Path: v.Path, Region: v.Region, Body: []byte(v.Body), Time: at}
}

func caseFile(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(vectorDir, "cases", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestSignVectors(t *testing.T) {
	bodies := 0
	for _, v := range vectors(t) {
		if v.Form != "body" {
			continue // these hold their parameters in the query, which this package never sends
		}
		bodies++
		t.Run(v.Name, func(t *testing.T) {
			id, r := v.request(t)
			got, err := Sign(id, r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(caseFile(t, v.Name+".creq"), got.CanonicalRequest); d != "" {
				t.Errorf("canonical request differs (-want +got):\n%s", d)
			}
			if d := cmp.Diff(caseFile(t, v.Name+".sts"), got.StringToSign); d != "" {
				t.Errorf("string to sign differs (-want +got):\n%s", d)
			}
			want := caseFile(t, v.Name+".authz")
			if v.Deterministic {
				if d := cmp.Diff(want, got.Authorization); d != "" {
					t.Errorf("Authorization differs (-want +got):\n%s", d)
				}
				return
			}
			wantStart, wantSignature, _ := strings.Cut(want, "Signature=")
			start, signature, _ := strings.Cut(got.Authorization, "Signature=")
			if start != wantStart {
				t.Errorf("Authorization begins %q, want %q", start, wantStart)
			}
			digest := sha256.Sum256([]byte(got.StringToSign))
			for name, s := range map[string]string{"ours": signature, "the vector's": wantSignature} {
				raw, err := hex.DecodeString(s)
				if err != nil || !ecdsa.VerifyASN1(id.Leaf.PublicKey.(*ecdsa.PublicKey), digest[:], raw) {
					t.Errorf("%s signature %s does not verify", name, s)
				}
			}
		})
	}
	if bodies != 5 {
		t.Errorf("%d vectors have the body form, want 5", bodies)
	}
}

// onceSigner stands for a key in hardware: it counts, and refuses what is not a SHA-256 digest.
type onceSigner struct {
	crypto.Signer
	calls int
	err   error
	empty bool
}

func (s *onceSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.calls++
	if s.err != nil || s.empty {
		return nil, s.err
	}
	if len(digest) != sha256.Size || o.HashFunc() != crypto.SHA256 {
		return nil, errors.New("not a SHA-256 digest")
	}
	return s.Signer.Sign(r, digest, o)
}

func TestFact09AnySignerHashedOnce(t *testing.T) {
	for _, id := range []*keystore.Identity{rsaIdentity(t), ecIdentity(t)} {
		signer := &onceSigner{Signer: id.Signer}
		wrapped := *id
		wrapped.Signer = signer
		if _, err := Sign(&wrapped, Request{Host: "h", Region: "eu-central-1", Time: time.Now()}); err != nil || signer.calls != 1 {
			t.Errorf("Sign with a foreign signer: error %v, %d calls, want nil and 1", err, signer.calls)
		}
	}
}

func TestFact10NoSignatureNoRequest(t *testing.T) {
	id := *ecIdentity(t)
	for _, s := range []*onceSigner{{Signer: id.Signer, err: errors.New("token removed")}, {Signer: id.Signer, empty: true}} {
		id.Signer = s
		if got, err := Sign(&id, Request{Host: "h", Region: "r", Time: time.Now()}); err == nil || got != nil {
			t.Errorf("Sign(%+v) = %v, %v, want an error and nothing else", s, got, err)
		}
	}
}

func TestSignTruncatesTheSecond(t *testing.T) {
	at := time.Date(2027, 1, 15, 23, 59, 59, 999_999_999, time.FixedZone("", 3600))
	got, err := Sign(ecIdentity(t), Request{Host: "h", Region: "r", Time: at})
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Header().Get("X-Amz-Date"); d != "20270115T225959Z" {
		t.Errorf("X-Amz-Date = %s, want 20270115T225959Z: in UTC, and never rounded up", d)
	}
}

func TestSignAllocations(t *testing.T) {
	id, r := vectors(t)[0].request(t)
	bare := testing.AllocsPerRun(20, func() {
		digest := sha256.Sum256(r.Body)
		_, _ = id.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	})
	got := testing.AllocsPerRun(20, func() { _, _ = Sign(id, r) })
	if extra := got - bare; extra > 30 {
		t.Errorf("Sign makes %v allocations beyond the bare signature's %v, want at most 30", extra, bare)
	}
}

func BenchmarkSign(b *testing.B) {
	for _, v := range vectors(b) {
		if v.Form != "body" {
			continue
		}
		id, r := v.request(b)
		digest := sha256.Sum256(r.Body)
		b.Run(v.Name+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = id.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
			}
		})
		b.Run(v.Name+"/whole", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Sign(id, r)
			}
		})
	}
}
