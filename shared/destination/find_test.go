package destination

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

type findRow struct {
	File, Result, Error, Alias string
	Retryable                  bool
	LocalKey                   string `json:"local_key"`
	Identity                   struct {
		Leaf   string   `json:"leaf_sha256"`
		Serial string   `json:"serial_hex"`
		Chain  []string `json:"chain_sha256"`
	}
}

func findRows(tb testing.TB) []findRow {
	tb.Helper()
	var index struct{ Find []findRow }
	if err := json.Unmarshal(fixture(tb, "index.json"), &index); err != nil {
		tb.Fatal(err)
	}
	return index.Find
}

// expected is the error kind that this version owes a row, "" for an identity. It reads PEM without a password: rows about
// anything else get an error that says so, and those that need a local key the error they have without one.
func (r findRow) expected() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.File, "find/"), "-")
	switch name {
	case "02", "14":
		return keystore.EncryptedKey.String()
	case "03", "04", "05", "06", "10", "15", "16", "18":
		return keystore.NotAKeyStore.String()
	case "11":
		return keystore.NoPrivateKey.String()
	}
	return r.Error
}

// kindName is the kind of the key store's error if it is about one, else that of ours.
func kindName(err error) string {
	if k, found := errors.AsType[*keystore.Error](err); found {
		return k.Kind.String()
	}
	if e, found := errors.AsType[*Error](err); found {
		return e.Kind.String()
	}
	return ""
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func TestEveryFindFixture(t *testing.T) {
	mustSay := map[string]string{
		"no-private-key": "private key", "expired": "2025", "key-mismatch": "no certificate fits", "password-missing": "KeyStorePassword",
		"encrypted-key": "without a password", "key-store-not-listed": `"order.pem"; key stores in the answer: "orders.pem"`,
		"client-provided": "ClientProvided", "authentication-type": "ClientCertificateAuthentication", "cut-off": "cut-off", "not-a-key-store": ".pem",
	}
	rows := findRows(t)
	for _, r := range rows {
		t.Run(strings.TrimPrefix(r.File, "find/")+" "+r.Result, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				s.btp.change(func(b *btp) { b.answer = fixture(t, r.File) })
				id, err := s.Identity(t.Context())
				want := r.expected()
				if got := kindName(err); got != want {
					t.Fatalf("Identity = %v, want %q", err, want)
				}
				if want == "" {
					got := []string{digest(id.Leaf.Raw), strings.ToUpper(id.Leaf.SerialNumber.Text(16))}
					for _, c := range id.Chain {
						got = append(got, digest(c.Raw))
					}
					if d := cmp.Diff(append([]string{r.Identity.Leaf, r.Identity.Serial}, r.Identity.Chain...), got); d != "" {
						t.Errorf("the identity differs (-want +got):\n%s", d)
					}
					return
				}
				e, _ := errors.AsType[*Error](err)
				if !strings.Contains(err.Error(), mustSay[want]) || strings.Contains(err.Error(), "Wald-7-Hafen") || strings.Contains(err.Error(), "not-this-one") {
					t.Errorf("the error %q, want it to say %q and no password", err, mustSay[want])
				}
				if want != r.Error { // what this version does not read: never worth a retry
					r.Retryable = false
				}
				if finds := s.btp.count("find"); (finds > 1) != r.Retryable || e.Outage() != r.Retryable || e.RetryableError() {
					t.Errorf("%d finds, outage %v; want retried %v", finds, e.Outage(), r.Retryable)
				}
				if d := e.Detail(); d == "" || strings.Contains(d, "orders") || strings.Contains(d, "127.0.0.1") {
					t.Errorf("the detail %q, want a sentence without names", d)
				}
			})
		})
	}
	if len(rows) != 27 {
		t.Errorf("%d rows of find, want 27", len(rows))
	}
}

func TestEveryErrorAnswer(t *testing.T) {
	var rows []struct {
		Status        int
		Call, Meaning string
		Headers       map[string]string
		Body          string
	}
	if err := json.Unmarshal(fixture(t, "errors.json"), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Meaning == "unchanged" {
			continue // TestUnchanged
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.btp.change(func(b *btp) {
				b.onFind = func(int) reaction { return reaction{status: r.Status, header: r.Headers, body: r.Body} }
			})
			_, err := s.Identity(t.Context())
			e, _ := errors.AsType[*Error](err)
			if e == nil {
				t.Fatalf("%d %q: Identity = %v, want an error of ours", r.Status, r.Body, err)
			}
			finds, tokens := s.btp.count("find"), s.btp.count("token")
			var ok bool
			switch r.Meaning {
			case "configuration", "exists", "changed":
				ok = (e.Kind == Refused || r.Meaning == "exists" && e.Kind == Exists) && !e.Outage() && finds == 1
			case "token":
				ok = e.Kind == ClientRefused && !e.Outage() && finds == 2 && tokens == 2 && s.bindingReads() == 2
			case "not-found":
				ok = e.Kind == NotFound && !e.Outage() && finds == 1
			case "retry":
				wait := r.Headers["retry-after"] != "" // longer than is spent inside a look
				ok = e.Outage() && (e.Kind == Throttled || e.Kind == ServiceFault) && (finds == attemptsMax || wait && finds == 1 && e.RetryAfter > 0)
			case "not-the-service":
				ok = e.Kind == NotTheService && finds == attemptsMax
			}
			if !ok || !strings.Contains(err.Error(), "vcap-") || !strings.Contains(err.Error(), "aws-orders") || strings.Contains(err.Error(), "<html>") {
				t.Errorf("%d %q (%s): %d finds, %d tokens, %v", r.Status, r.Body, r.Meaning, finds, tokens, err)
			}
		})
	}
}

func TestEveryTokenAnswer(t *testing.T) {
	var rows []struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
		Meaning string
	}
	if err := json.Unmarshal(fixture(t, "tokens.json"), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		body := string(r.Body)
		if body == "null" {
			body = ""
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.btp.change(func(b *btp) {
				for _, issued := range []string{"eyJhbGciOiJub25lIn0.e30.throwaway", "eyJhbGciOiJub25lIn0.e30.short"} {
					b.tokens[issued] = time.Now().Add(day)
				}
				b.onToken = func(int) reaction { return reaction{status: r.Status, header: r.Headers, body: body} }
			})
			_, err := s.Identity(t.Context())
			tokens := s.btp.count("token")
			kind := kindName(err)
			var ok bool
			switch {
			case strings.HasPrefix(r.Meaning, "token for"):
				time.Sleep(time.Hour) // twelve intervals without a look: nothing renews a token by itself
				ok = err == nil && tokens == 1 && s.btp.count("token") == 1
			case r.Meaning == "error: no access_token":
				ok = kind == BadAnswer.String() && tokens == 1
			case strings.HasPrefix(r.Meaning, "binding"):
				ok = kind == ClientRefused.String() && tokens == 2 && s.bindingReads() == 2
			case r.Meaning == "configuration":
				ok = kind == Refused.String() && tokens == 1
			case r.Meaning == "retry":
				e, _ := errors.AsType[*Error](err)
				ok = e != nil && e.Outage() && tokens == attemptsMax
			}
			if !ok || err != nil && (strings.Contains(err.Error(), clientSecret) || s.btp.count("find") != 0) {
				t.Errorf("%d %s (%s): %d tokens, %v", r.Status, body, r.Meaning, tokens, err)
			}
		})
	}
}

func TestReadToken(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		body        string
		ends, renew time.Duration
	}{
		{`{"access_token":"t","expires_in":43199}`, 43199 * time.Second, 43199*time.Second - tokenEarly},
		{`{"access_token":"t","expires_in":59}`, 59 * time.Second, 29500 * time.Millisecond},
		{`{"access_token":"t","expires_in":"600"}`, 10 * time.Minute, 5 * time.Minute},
		{`{"access_token":"t","expires_in":1e300}`, tokenLifetime, tokenLifetime - tokenEarly},
		{`{"access_token":"t","expires_in":-5}`, 0, 0},
		{`{"access_token":"t"}`, 0, 0},
	} {
		got, e := readToken(&reply{status: 200, body: []byte(row.body)}, now)
		if e != nil || got.ends.Sub(now) != row.ends || got.renew.Sub(now) != row.renew {
			t.Errorf("readToken(%s) ends after %v, is renewed after %v, %v; want %v and %v", row.body, got.ends.Sub(now), got.renew.Sub(now), e, row.ends, row.renew)
		}
	}
	for _, body := range []string{`{"access_token":"a\nb","expires_in":1}`, `{"access_token":7}`, `[]`, `{}`, ``, `{"access_token":"hunter2"`, `{"access_token":"hunter2"}x`} {
		if got, e := readToken(&reply{status: 200, header: http.Header{}, body: []byte(body)}, now); e == nil || !got.value.IsZero() || strings.Contains(e.Error(), "hunter2") {
			t.Errorf("readToken(%s) = %v, %v, want an error that shows nothing", body, got, e)
		}
	}
}

func TestNamesAreEncoded(t *testing.T) {
	for name, want := range map[string]string{"aws-orders": "aws-orders", "a@b": "a%40b", "a/b?c": "a%2Fb%3Fc", "Ärger 1": "%C3%84rger%201"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, func(c *Config) { c.Name = name })
			if _, err := s.Identity(t.Context()); err != nil || s.btp.path != findPath+want {
				t.Errorf("destination %q: asked for %s, %v; want %s", name, s.btp.path, err, findPath+want)
			}
		})
	}
}

func TestMemberNamesInAnyCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.btp.change(func(b *btp) {
			text := string(b.answer)
			for _, name := range []string{"destinationConfiguration", "certificates", "Name", "Content", "KeyStoreLocation", "Authentication"} {
				text = strings.ReplaceAll(text, `"`+name+`"`, `"`+strings.ToUpper(name)+`"`)
			}
			b.answer = []byte(text)
		})
		if _, err := s.Identity(t.Context()); err != nil {
			t.Errorf("Identity = %v, want member names taken in any case", err)
		}
	})
}

func FuzzReadFound(f *testing.F) {
	for _, r := range findRows(f) {
		if name := strings.TrimPrefix(r.File, "find/"); name > "11" && r.Error != "expired" && r.Error != "key-mismatch" { // RSA 4096 is slow to fuzz
			f.Add(fixture(f, r.File))
		}
	}
	f.Add(generated(f, "x", day))
	f.Add([]byte(`{"destinationConfiguration":{"KeyStoreLocation":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, e := readFound(&reply{status: 200, header: http.Header{"Etag": {"e"}}, body: body}, nil, time.Now())
		if e != nil {
			if got != (answer{}) || e.Kind == 0 || e.Detail() == "" {
				t.Errorf("readFound = %+v beside %v", got, e)
			}
			return
		}
		if got.found == nil || got.keyStore == "" || got.etag != "e" || !got.found.identity.Leaf.PublicKey.(interface {
			Equal(crypto.PublicKey) bool
		}).Equal(got.found.identity.Signer.Public()) {
			t.Errorf("readFound accepted %+v, want leaf and key that belong together", got)
		}
	})
}
