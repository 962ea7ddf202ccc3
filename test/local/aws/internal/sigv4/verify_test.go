package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mutations are changes to a valid request that a thief or an accident could make; each must be refused.
var mutations = []struct {
	name   string
	kind   Kind
	change func(*wire)
}{
	{"method", Mismatch, func(w *wire) { w.method = http.MethodGet }},
	{"path", Mismatch, func(w *wire) { w.target = "/x" }},
	{"query added", Mismatch, func(w *wire) { w.target += "?a=1" }},
	{"query that the signer cannot see", Mismatch, func(w *wire) { w.target += "?a;b" }},
	{"query with a broken escape", Mismatch, func(w *wire) { w.target += "?a=%zz" }},
	{"body changed", Mismatch, func(w *wire) { w.body = append(w.body, '&'); w.length++ }},
	{"body changed at equal length", Mismatch, func(w *wire) { w.body = append([]byte(nil), w.body...); w.body[3] ^= 1 }},
	{"body emptied", Mismatch, func(w *wire) { w.body, w.length = nil, 0 }},
	{"form field added", Mismatch, func(w *wire) { w.body = append(w.body, "&Subject=x"...); w.length += 10 }},
	{"content length that is not the body's", Mismatch, func(w *wire) { w.length-- }},
	{"host", Mismatch, func(w *wire) { w.host = "sqs.eu-central-1.amazonaws.com" }},
	{"content type", Mismatch, func(w *wire) { w.header.Set("Content-Type", "text/plain") }},
	{"content type removed", Mismatch, func(w *wire) { w.header.Del("Content-Type") }},
	{"unsigned x-amz- header added", Incomplete, func(w *wire) { w.header.Set("X-Amz-Target", "AmazonSQS.PurgeQueue") }},
	{"date changed within the day", Mismatch, func(w *wire) { w.moveDate(time.Second) }},
	{"date changed to another day", Incomplete, func(w *wire) { w.moveDate(24 * time.Hour) }},
	{"date malformed", Incomplete, func(w *wire) { w.header.Set("X-Amz-Date", "2027-01-15T10:20:30Z") }},
	{"date removed", Incomplete, func(w *wire) { w.header.Del("X-Amz-Date") }},
	{"date doubled", Incomplete, func(w *wire) { w.header.Add("X-Amz-Date", w.header.Get("X-Amz-Date")) }},
	{"token changed", UnknownKey, func(w *wire) { w.header.Set("X-Amz-Security-Token", "other") }},
	{"token removed", UnknownKey, func(w *wire) { w.header.Del("X-Amz-Security-Token") }},
	{"token unsigned", Incomplete, func(w *wire) { w.editAuthorization(";x-amz-security-token", "") }},
	{"token doubled, false one first", Incomplete, func(w *wire) {
		w.header["X-Amz-Security-Token"] = []string{"other", w.header.Get("X-Amz-Security-Token")}
	}},
	{"token doubled, false one last", Incomplete, func(w *wire) { w.header.Add("X-Amz-Security-Token", "other") }},
	{"hash of another body, signed", Mismatch, func(w *wire) { w.signHash(hexHash([]byte("other"))) }},
	{"UNSIGNED-PAYLOAD", Mismatch, func(w *wire) { w.signHash("UNSIGNED-PAYLOAD") }},
	{"hash unsigned", Incomplete, func(w *wire) { w.header.Set("X-Amz-Content-Sha256", hexHash(w.body)) }},
	{"signature one digit off", Mismatch, func(w *wire) { w.flipSignature() }},
	{"signature shortened", Mismatch, func(w *wire) { v := w.header.Get("Authorization"); w.header.Set("Authorization", v[:len(v)-1]) }},
	{"signature empty", Incomplete, func(w *wire) {
		v, _, _ := strings.Cut(w.header.Get("Authorization"), "Signature=")
		w.header.Set("Authorization", v+"Signature=")
	}},
	{"scope region", Mismatch, func(w *wire) { w.editAuthorization("/eu-central-1/", "/us-east-1/") }},
	{"scope service", Mismatch, func(w *wire) { w.editAuthorization("/s", "/x") }},
	{"scope date", Incomplete, func(w *wire) { w.editAuthorization("/20", "/19") }},
	{"scope terminator", Incomplete, func(w *wire) { w.editAuthorization("/aws4_request", "/aws4_other") }},
	{"scope with a part too many", Incomplete, func(w *wire) { w.editAuthorization("/aws4_request", "/aws4_request/more") }},
	{"signed header dropped", Mismatch, func(w *wire) { w.editAuthorization("content-type;", "") }},
	{"host not signed", Incomplete, func(w *wire) { w.editAuthorization(";host", "") }},
	{"x-amz-date not signed", Incomplete, func(w *wire) { w.editAuthorization(";x-amz-date", "") }},
	{"absent header named", Mismatch, func(w *wire) { w.editAuthorization("host;", "host;range;") }},
	{"signed headers unsorted", Incomplete, func(w *wire) { w.editAuthorization("content-type;host", "host;content-type") }},
	{"signed headers in upper case", Incomplete, func(w *wire) { w.editAuthorization("host;", "Host;") }},
	{"signed header twice", Incomplete, func(w *wire) { w.editAuthorization("host;", "host;host;") }},
	{"other algorithm", Incomplete, func(w *wire) { w.editAuthorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512") }},
	{"the algorithm of Roles Anywhere", Incomplete, func(w *wire) { w.editAuthorization("AWS4-HMAC-SHA256", "AWS4-X509-RSA-SHA256") }},
	{"Authorization absent", NothingSigned, func(w *wire) { w.header.Del("Authorization") }},
	{"Authorization doubled", Incomplete, func(w *wire) { w.header.Add("Authorization", w.header.Get("Authorization")) }},
	{"field doubled", Incomplete, func(w *wire) { w.header.Set("Authorization", w.header.Get("Authorization")+", Signature=00") }},
	{"bearer token", Incomplete, func(w *wire) { w.header.Set("Authorization", "Bearer abc") }},
	{"presigned", Incomplete, func(w *wire) {
		w.header.Del("Authorization")
		w.target += "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
	}},
	{"unknown key", UnknownKey, func(w *wire) { w.editAuthorization(testKey.ID, "ASIAOTHEROTHEROTHER0") }},
	{"key without a token, token sent", UnknownKey, func(w *wire) { w.editAuthorization(testKey.ID, "AKIASEEDSEEDSEEDSEED") }},
	{"other secret", Mismatch, func(w *wire) {
		w.sign(Key{ID: testKey.ID, Secret: "other"}, "sns", "content-type", "host", "x-amz-date", "x-amz-security-token")
	}},
}

func (w *wire) moveDate(d time.Duration) {
	date, err := time.Parse(DateFormat, w.header.Get("X-Amz-Date"))
	if err != nil {
		panic(err)
	}
	// Towards noon, so that a small step stays in the day.
	if date.Hour() >= 12 {
		d = -d
	}
	w.header.Set("X-Amz-Date", date.Add(d).Format(DateFormat))
}

// signHash signs again, with a claim about the body's hash.
func (w *wire) signHash(hash string) {
	w.header.Set("X-Amz-Content-Sha256", hash)
	w.sign(testKey, "sns", "content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
}

func (w *wire) flipSignature() {
	v := []byte(w.header.Get("Authorization"))
	last := len(v) - 1
	if v[last] == '0' {
		v[last] = '1'
	} else {
		v[last] = '0'
	}
	w.header.Set("Authorization", string(v))
}

func TestMutations(t *testing.T) {
	for _, source := range []struct {
		name string
		make func(*testing.T) (wire, time.Time)
	}{
		{"plain", func(*testing.T) (wire, time.Time) { return plain("/"), testTime }},
		{"sdk", func(t *testing.T) (wire, time.Time) {
			w := fromSDK(t, testKey)
			date, err := time.Parse(DateFormat, w.header.Get("X-Amz-Date"))
			if err != nil {
				t.Fatal(err)
			}
			return w, date
		}},
	} {
		for _, m := range mutations {
			t.Run(source.name+"/"+m.name, func(t *testing.T) {
				w, now := source.make(t)
				key := testKey
				key.Expires = now.Add(time.Hour)
				v := testVerifier()
				lookup := v.Lookup
				v.Lookup = func(id string) (Key, bool) {
					if id == key.ID {
						return key, true
					}
					return lookup(id)
				}
				if _, err := v.Verify(w.request(t), w.body, now); err != nil {
					t.Fatalf("Verify(valid) = %v, want it accepted", err)
				}
				m.change(&w)
				_, err := v.Verify(w.request(t), w.body, now)
				var refusal *Refusal
				if !errors.As(err, &refusal) {
					t.Fatalf("Verify(changed) = %v, want a refusal", err)
				}
				if refusal.Kind != m.kind {
					t.Errorf("Verify(changed): kind %d (%s), want %d", refusal.Kind, refusal.Rule, m.kind)
				}
			})
		}
	}
}

// TestMutationsOfQueries are those that need a signed query or path.
func TestMutationsOfQueries(t *testing.T) {
	const target = "/a%3Ab?b=2&a=1%20x"
	for _, tt := range []struct {
		name, target string
		accepted     bool
	}{
		{"as signed", target, true},
		{"query in another order", "/a%3Ab?a=1%20x&b=2", true},
		{"space as plus", "/a%3Ab?a=1+x&b=2", true},
		{"path escape undone", "/a:b?b=2&a=1%20x", false},
		{"query changed", "/a%3Ab?b=3&a=1%20x", false},
		{"query removed", "/a%3Ab", false},
		{"query part removed", "/a%3Ab?b=2", false},
		{"query part doubled", "/a%3Ab?b=2&b=2&a=1%20x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := plain(target)
			w.target = tt.target
			_, err := w.verify(t, testTime)
			if (err == nil) != tt.accepted {
				t.Errorf("Verify(%s) = %v, want accepted = %v", tt.target, err, tt.accepted)
			}
		})
	}
}

func TestSignedTargetAndLength(t *testing.T) {
	valid := fromSDKQueue(t, testKey)
	date, err := time.Parse(DateFormat, valid.header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	v := testVerifier()
	v.Lookup = func(string) (Key, bool) { k := testKey; k.Expires = time.Time{}; return k, true }
	a, err := v.Verify(valid.request(t), valid.body, date)
	if err != nil || a.Service != "sqs" {
		t.Fatalf("Verify(SendMessage) = %+v, %v, want it accepted for sqs", a, err)
	}
	if !strings.Contains(valid.header.Get("Authorization"), "content-length") {
		t.Fatal("the SDK no longer signs content-length, so this test does not test it")
	}
	for name, change := range map[string]func(*wire){
		"target changed":                func(w *wire) { w.header.Set("X-Amz-Target", "AmazonSQS.PurgeQueue") },
		"target removed":                func(w *wire) { w.header.Del("X-Amz-Target") },
		"target doubled":                func(w *wire) { w.header.Add("X-Amz-Target", w.header.Get("X-Amz-Target")) },
		"length unknown":                func(w *wire) { w.length = -1 },
		"signed for another service":    func(w *wire) { w.editAuthorization("/sqs/", "/sns/") },
		"signed amz-sdk header changed": func(w *wire) { w.header.Set("Amz-Sdk-Request", "attempt=9") },
	} {
		t.Run(name, func(t *testing.T) {
			w := valid
			w.header = valid.header.Clone()
			change(&w)
			if _, err := v.Verify(w.request(t), w.body, date); err == nil {
				t.Error("Verify(changed) = nil, want a refusal")
			}
		})
	}
}

// TestMutationsOfTables: a call of DynamoDB is accepted as it is signed, and refused after each mutation. Why is not compared:
// its target is signed too, which those of the mutations that sign again leave out.
func TestMutationsOfTables(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			w := fromSDKTable(t, testKey)
			date, err := time.Parse(DateFormat, w.header.Get("X-Amz-Date"))
			if err != nil {
				t.Fatal(err)
			}
			v := testVerifier()
			v.Lookup = func(id string) (Key, bool) {
				k := testKey
				k.Expires = time.Time{}
				return k, id == k.ID
			}
			if a, err := v.Verify(w.request(t), w.body, date); err != nil || a.Service != "dynamodb" {
				t.Fatalf("Verify(valid) = %+v, %v, want it accepted for dynamodb", a, err)
			}
			if m.name == "scope service" {
				w.editAuthorization("/dynamodb/", "/sqs/")
			} else {
				m.change(&w)
			}
			if _, err := v.Verify(w.request(t), w.body, date); err == nil {
				t.Error("Verify(changed) = nil, want a refusal")
			}
		})
	}
}

func TestStillAccepted(t *testing.T) {
	for name, change := range map[string]func(*wire){
		"unsigned ordinary header": func(w *wire) { w.header.Set("X-Forwarded-For", "10.0.0.1") },
		"spaces around a value":    func(w *wire) { w.header.Set("Content-Type", "  "+w.header.Get("Content-Type")+" ") },
		"spaces inside a value": func(w *wire) {
			w.header.Set("Content-Type", strings.Replace(w.header.Get("Content-Type"), "; ", ";   ", 1))
		},
		"Authorization without spaces": func(w *wire) {
			w.header.Set("Authorization", strings.ReplaceAll(w.header.Get("Authorization"), ", ", ","))
		},
		"body's hash signed":             func(w *wire) { w.signHash(hexHash(w.body)) },
		"trace header that nobody signs": func(w *wire) { w.header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") },
	} {
		t.Run(name, func(t *testing.T) {
			w := plain("/")
			change(&w)
			if _, err := w.verify(t, testTime); err != nil {
				t.Errorf("Verify = %v, want it accepted", err)
			}
		})
	}
}

func TestKeyWithoutToken(t *testing.T) {
	seed := Key{ID: "AKIASEEDSEEDSEEDSEED", Secret: testKey.Secret}
	w := plain("/")
	w.header.Del("X-Amz-Security-Token")
	w.sign(seed, "sns", "content-type", "host", "x-amz-date")
	if _, err := w.verify(t, testTime); err != nil {
		t.Errorf("Verify = %v, want it accepted", err)
	}
}

func TestClockAndExpiry(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  time.Time
		want string
	}{
		{"4 minutes late", testTime.Add(4 * time.Minute), ""},
		{"4 minutes early", testTime.Add(-4 * time.Minute), ""},
		{"6 minutes late", testTime.Add(6 * time.Minute),
			"Signature expired: 20270115T102030Z is now earlier than 20270115T102130Z (20270115T102630Z - 5 min.)"},
		{"6 minutes early", testTime.Add(-6 * time.Minute),
			"Signature not yet current: 20270115T102030Z is still later than 20270115T101930Z (20270115T101430Z + 5 min.)"},
		{"a day early", testTime.Add(-24 * time.Hour),
			"Signature not yet current: 20270115T102030Z is still later than 20270114T102530Z (20270114T102030Z + 5 min.)"},
		{"session over", testKey.Expires, "The security token included in the request is expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plain("/").verify(t, tt.now)
			got := ""
			if refusal, ok := errors.AsType[*Refusal](err); ok {
				got = refusal.Text
			}
			if got != tt.want {
				t.Errorf("Verify at %v: text %q, want %q", tt.now, got, tt.want)
			}
		})
	}
}

func TestVerifyLeavesTheRequestAlone(t *testing.T) {
	w := plain("/?b=2&a=1")
	r := w.request(t)
	if _, err := testVerifier().Verify(r, w.body, testTime); err != nil {
		t.Fatal(err)
	}
	if got := r.URL.RawQuery; got != "b=2&a=1" {
		t.Errorf("query after Verify = %q, want it unchanged", got)
	}
	if got := r.Header.Get("Authorization"); got != w.header.Get("Authorization") {
		t.Errorf("Authorization after Verify = %q, want it unchanged", got)
	}
}
