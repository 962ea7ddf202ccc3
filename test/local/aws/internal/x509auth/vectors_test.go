package x509auth

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

const vectorsDir = "../../../../testdata/rolesanywhere"

// vector is what this test needs of a case of vectors.json.
type vector struct {
	Name   string    `json:"name"`
	Time   time.Time `json:"time"`
	Region string    `json:"region"`
	Chain  []string  `json:"chain"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	var index struct{ Cases []vector }
	if err := json.Unmarshal(read(t, "vectors.json"), &index); err != nil {
		t.Fatal(err)
	}
	return index.Cases
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectorNamed(t *testing.T, name string) vector {
	t.Helper()
	all := vectors(t)
	i := slices.IndexFunc(all, func(v vector) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("vectors.json has no case %s", name)
	}
	return all[i]
}

// received is the request of a vector as a server reads it.
func (v vector) received(t *testing.T) (*http.Request, []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(read(t, "cases/"+v.Name+".http"))))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

func (v vector) verifier() Verifier { return Verifier{Region: v.Region, Window: 10 * time.Minute} }

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 14 {
		t.Fatalf("vectors.json has %d cases, want 14", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			r, body := v.received(t)
			leaf, err := v.verifier().Verify(r, body, v.Time)
			if err != nil {
				t.Fatalf("Verify = %v, want it accepted", err)
			}
			if err := CheckLeaf(leaf, true); err != nil {
				t.Errorf("CheckLeaf = %v", err)
			}
			chain, err := ParseChain(r.Header.Get("X-Amz-X509-Chain"))
			if err != nil || len(chain) != len(v.Chain) {
				t.Errorf("ParseChain = %d certificates, %v, want %d", len(chain), err, len(v.Chain))
			}
			a, err := sigv4.ParseAuthorization(r.Header.Get("Authorization"))
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := canonicalRequest(r, body, a.SignedHeaders)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(read(t, "cases/"+v.Name+".creq")), canonical); diff != "" {
				t.Errorf("canonical request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(read(t, "cases/"+v.Name+".sts")), stringToSign(a, r.Header.Get("X-Amz-Date"), canonical)); diff != "" {
				t.Errorf("string to sign (-want +got):\n%s", diff)
			}
		})
	}
}

// edit replaces text of a header; it must be there.
func edit(r *http.Request, header, before, after string) {
	value := r.Header.Get(header)
	if !strings.Contains(value, before) {
		panic(header + " does not hold " + before)
	}
	r.Header.Set(header, strings.Replace(value, before, after, 1))
}

func TestMutations(t *testing.T) {
	type change func(r *http.Request, body *[]byte)
	for _, tt := range []struct {
		name   string
		vector string
		form   bool // refused as not of this scheme, before the signature
		change change
	}{
		{"body", "body-rsa2048", false, func(_ *http.Request, b *[]byte) { (*b)[20] ^= 1 }},
		{"body emptied", "body-rsa2048", false, func(r *http.Request, b *[]byte) { *b, r.ContentLength = nil, 0 }},
		{"content length", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.ContentLength++ }},
		{"method", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Method = http.MethodPut }},
		{"path", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.URL.Path = "/session" }},
		{"query added", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.URL.RawQuery = "a=1" }},
		{"query malformed", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.URL.RawQuery = "a;b" }},
		{"query changed", "min-rsa2048", false, func(r *http.Request, _ *[]byte) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "ExampleRole", "OtherRole", 1)
		}},
		{"query part removed", "min-rsa2048", false, func(r *http.Request, _ *[]byte) { _, r.URL.RawQuery, _ = strings.Cut(r.URL.RawQuery, "&") }},
		{"host", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Host = "rolesanywhere.us-east-1.amazonaws.com" }},
		{"content type", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("Content-Type", "application/x-amz-json-1.1") }},
		{"further signed header", "wire-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("Amz-Sdk-Request", "attempt=2; max=3") }},
		{"signed header removed", "wire-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Del("Amz-Sdk-Request") }},
		{"date", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Date", "20270115T102031Z") }},
		{"date of another day", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Date", "20270114T102030Z") }},
		{"date malformed", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Date", "20270115 102030") }},
		{"date removed", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Del("X-Amz-Date") }},
		{"date doubled", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Add("X-Amz-Date", r.Header.Get("X-Amz-Date")) }},
		{"certificate of another key", "body-rsa2048", false, func(r *http.Request, _ *[]byte) {
			r.Header.Set("X-Amz-X509", "MIIC"+r.Header.Get("X-Amz-X509")[4:])
		}},
		{"certificate removed", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Del("X-Amz-X509") }},
		{"certificate doubled", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Add("X-Amz-X509", r.Header.Get("X-Amz-X509")) }},
		{"certificate unsigned", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";x-amz-x509", "") }},
		{"chain removed", "body-rsa3072-inter", false, func(r *http.Request, _ *[]byte) { r.Header.Del("X-Amz-X509-Chain") }},
		{"chain changed", "body-rsa3072-inter", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-X509-Chain", r.Header.Get("X-Amz-X509")) }},
		{"chain unsigned", "body-rsa3072-inter", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";x-amz-x509-chain", "") }},
		{"chain added unsigned", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-X509-Chain", r.Header.Get("X-Amz-X509")) }},
		{"hash of another body", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) }},
		{"unsigned x-amz- header", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { r.Header.Set("X-Amz-Security-Token", "x") }},
		{"host unsigned", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";host", "") }},
		{"date unsigned", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";x-amz-date", "") }},
		{"absent header named", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";host", ";host;range") }},
		{"signed headers unsorted", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "content-type;host", "host;content-type") }},
		{"signed headers in upper case", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", ";host", ";Host") }},
		{"serial", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "=4660/", "=4661/") }},
		{"serial with a zero in front", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "=4660/", "=04660/") }},
		{"serial in hexadecimal", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "=4660/", "=1234/") }},
		{"scope date", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "/20270115/", "/20270114/") }},
		{"scope region", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "/eu-central-1/", "/us-east-1/") }},
		{"scope service", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "/rolesanywhere/", "/sns/") }},
		{"scope terminator", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "/aws4_request", "/aws4_other") }},
		{"signature", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "Signature=a9", "Signature=a8") }},
		{"signature in upper case", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "Signature=a9", "Signature=A9") }},
		{"signature not hexadecimal", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "Signature=a9", "Signature=zz") }},
		{"EC signature", "body-ecp256-inter", false, func(r *http.Request, _ *[]byte) {
			edit(r, "Authorization", "Signature=3044022001", "Signature=3044022002")
		}},
		{"EC signature with a byte more", "body-ecp256-inter", false, func(r *http.Request, _ *[]byte) { r.Header.Set("Authorization", r.Header.Get("Authorization")+"00") }},
		{"algorithm of the other key", "body-rsa2048", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "X509-RSA", "X509-ECDSA") }},
		{"RSA algorithm for an EC key", "body-ecp256-inter", false, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "X509-ECDSA", "X509-RSA") }},
		{"unknown algorithm", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "X509-RSA-SHA256", "X509-RSA-SHA512") }},
		{"algorithm of access keys", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "AWS4-X509-RSA", "AWS4-HMAC") }},
		{"Authorization removed", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { r.Header.Del("Authorization") }},
		{"Authorization doubled", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }},
		{"scope with a part too many", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { edit(r, "Authorization", "/aws4_request", "/aws4_request/x") }},
		{"bearer", "body-rsa2048", true, func(r *http.Request, _ *[]byte) { r.Header.Set("Authorization", "Bearer x") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := vectorNamed(t, tt.vector)
			r, body := v.received(t)
			tt.change(r, &body)
			_, err := v.verifier().Verify(r, body, v.Time)
			if err == nil {
				t.Fatal("Verify(changed) = nil, want a refusal")
			}
			if got := errors.Is(err, ErrForm); got != tt.form {
				t.Errorf("Verify(changed) = %v, is ErrForm: %v, want %v", err, got, tt.form)
			}
		})
	}
}

func TestStillAccepted(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"unsigned ordinary header": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1") },
		"spaces around a value":    func(r *http.Request) { r.Header.Set("Content-Type", " application/json  ") },
		"fields without spaces": func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		},
		"query in another order": func(r *http.Request) {
			parts := strings.Split(r.URL.RawQuery, "&")
			slices.Reverse(parts)
			r.URL.RawQuery = strings.Join(parts, "&")
		},
		"colons in the query unescaped": func(r *http.Request) { r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "%3A", ":") },
	} {
		t.Run(name, func(t *testing.T) {
			v := vectorNamed(t, "min-rsa2048")
			r, body := v.received(t)
			change(r)
			if _, err := v.verifier().Verify(r, body, v.Time); err != nil {
				t.Errorf("Verify = %v, want it accepted", err)
			}
		})
	}
}

func TestClockWindow(t *testing.T) {
	v := vectorNamed(t, "body-rsa2048")
	for off, accepted := range map[time.Duration]bool{
		0: true, 9 * time.Minute: true, -9 * time.Minute: true, 10 * time.Minute: true, 11 * time.Minute: false, -11 * time.Minute: false, 24 * time.Hour: false,
	} {
		r, body := v.received(t)
		if _, err := v.verifier().Verify(r, body, v.Time.Add(off)); (err == nil) != accepted {
			t.Errorf("Verify at %v = %v, want accepted = %v", off, err, accepted)
		}
	}
}

func TestParseChain(t *testing.T) {
	v := vectorNamed(t, "body-ecp256-inter")
	r, _ := v.received(t)
	one := r.Header.Get("X-Amz-X509-Chain")
	if chain, err := ParseChain(one + ", " + one); err != nil || len(chain) != 2 {
		t.Errorf("ParseChain(two) = %d certificates, %v, want 2", len(chain), err)
	}
	for _, bad := range []string{",", one + ",", "AAAA", one[:len(one)-4], one + "\n", strings.TrimRight(one, "=") + "!"} {
		if _, err := ParseChain(bad); err == nil {
			t.Errorf("ParseChain(%.20q…) = nil, want an error", bad)
		}
	}
}

// FuzzCanonicalQuery: a canonical query means the same as what it was made from, and is its own canonical form.
func FuzzCanonicalQuery(f *testing.F) {
	f.Add("b=2&a=1+x&a=%2F&c")
	f.Add("profileArn=arn%3Aaws%3Arolesanywhere&x=%7E*")
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := canonicalQuery(raw)
		if err != nil {
			return
		}
		twice, err := canonicalQuery(once)
		if err != nil || twice != once {
			t.Errorf("canonicalQuery(%q) = %q, %v, want %q again", once, twice, err, once)
		}
		before, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		after, err := url.ParseQuery(once)
		if err != nil {
			t.Fatal(err)
		}
		for _, values := range before {
			slices.Sort(values)
		}
		for _, values := range after {
			slices.Sort(values)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("canonicalQuery(%q) means something else (-before +after):\n%s", raw, diff)
		}
	})
}
