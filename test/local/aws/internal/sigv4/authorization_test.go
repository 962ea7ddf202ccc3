package sigv4

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAuthorization(t *testing.T) {
	want := Authorization{
		Algorithm: "AWS4-HMAC-SHA256", Key: "AKIA", Date: "20270115", Region: "eu-central-1", Service: "sns", Terminator: "aws4_request",
		SignedHeaders: []string{"host", "x-amz-date"}, Signature: "00ff",
	}
	for _, value := range []string{
		want.String(),
		"AWS4-HMAC-SHA256 Credential=AKIA/20270115/eu-central-1/sns/aws4_request,SignedHeaders=host;x-amz-date,Signature=00ff",
		"AWS4-HMAC-SHA256 Signature=00ff,  SignedHeaders=host;x-amz-date , Credential=AKIA/20270115/eu-central-1/sns/aws4_request",
	} {
		got, err := ParseAuthorization(value)
		if err != nil {
			t.Errorf("ParseAuthorization(%q) = %v, want it read", value, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseAuthorization(%q) (-want +got):\n%s", value, diff)
		}
	}
	for _, value := range []string{
		"", "AWS4-HMAC-SHA256", " Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
		"A Credential=a/b/c/d/e, SignedHeaders=host",
		"A Credential=a/b/c/d/e, SignedHeaders=host, Signature=0, Signature=0",
		"A Credential=a/b/c/d/e, SignedHeaders=host, Signature=0, Other=1",
		"A Credential=a/b/c/d, SignedHeaders=host, Signature=0",
		"A Credential=a/b/c/d/, SignedHeaders=host, Signature=0",
		"A Credential=a/b/c/d/e, SignedHeaders=, Signature=0",
		"A Credential=a/b/c/d/e SignedHeaders=host Signature=0",
		"A credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
	} {
		if got, err := ParseAuthorization(value); err == nil {
			t.Errorf("ParseAuthorization(%q) = %+v, want an error", value, got)
		}
	}
}

// FuzzParseAuthorization: what is accepted is written again as the same fields, and nothing of it was left unread.
func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20270115/eu-central-1/sns/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff")
	f.Add("AWS4-X509-RSA-SHA256 Signature=0,Credential=4660/20270115/r/rolesanywhere/aws4_request,SignedHeaders=host")
	f.Add("A Credential=a/b/c/d/e, SignedHeaders==;, Signature==")
	f.Fuzz(func(t *testing.T, value string) {
		a, err := ParseAuthorization(value)
		if err != nil {
			return
		}
		again, err := ParseAuthorization(a.String())
		if err != nil {
			t.Fatalf("ParseAuthorization(%q) = %v, though %q was accepted", a.String(), err, value)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Errorf("ParseAuthorization(%q) changes when written and read (-first +second):\n%s", value, diff)
		}
		spaces := func(s string) int { return len(strings.ReplaceAll(s, " ", "")) }
		if got, want := spaces(a.String()), spaces(value); got != want {
			t.Errorf("ParseAuthorization(%q) keeps %d characters besides spaces, want %d", value, got, want)
		}
	})
}
