package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// reasonOf is the reason that decoding gives, "" for an accepted event.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	f := &forward.Error{}
	r := &refusal{}
	if !asErrors(err, &f, &r) || f.Kind != forward.Invalid {
		t.Fatalf("%v is no refusal of kind Invalid", err)
	}
	if tooLarge := strings.HasPrefix(r.reason, "too-"); errors.Is(err, forward.ErrTooLarge) != (tooLarge && r.status == http.StatusRequestEntityTooLarge) {
		t.Errorf("%v is forward.ErrTooLarge: %v", err, !tooLarge)
	}
	return r.reason
}

func TestLimitsOfAnEvent(t *testing.T) {
	d := testDecoder()
	withExtensions := func(n int) http.Header {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
		for i := range n {
			h.Set(fmt.Sprintf("ce-x%d", i), "v")
		}
		return h
	}
	named := func(n int) http.Header {
		h := withExtensions(0)
		h.Set("ce-"+strings.Repeat("x", n), "v")
		return h
	}
	for _, row := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"256 extensions", withExtensions(256), ""},
		{"257 extensions", withExtensions(257), "too-many-attributes"},
		{"a name of 256 bytes", named(256), ""},
		{"a name of 257 bytes", named(257), `illegal-name:` + strings.Repeat("x", 48)},
	} {
		if got := reasonOf(t, d.binary(row.header, nil).err); got != row.want {
			t.Errorf("%s: reason %q, want %q", row.name, got, row.want)
		}
	}
	// Data may be nested as deep as the document that holds it may.
	document := func(depth int) []byte {
		return []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`)
	}
	if got := reasonOf(t, d.structured(document(9_999)).err); got != "" {
		t.Errorf("data nested 9,999 deep: reason %q, want none", got)
	}
	if got := reasonOf(t, d.structured(document(10_000)).err); got != "not-json" {
		t.Errorf("data nested 10,000 deep: reason %q, want not-json", got)
	}
}

// TestTheLimitIsExact: an event of as many bytes as the limit passes, one more does not, in each mode.
func TestTheLimitIsExact(t *testing.T) {
	header := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
	attributes := len("specversion1.0id1source/stypet")
	document := []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`)
	for _, over := range []int{0, 1} {
		want := map[int]string{0: "", 1: "too-large"}[over]
		d := &decoder{maxBytes: int64(attributes + 10)}
		if got := reasonOf(t, d.binary(header, make([]byte, 10+over)).err); got != want {
			t.Errorf("binary, %d over: reason %q, want %q", over, got, want)
		}
		d = &decoder{maxBytes: int64(len(document) - over)}
		if got := reasonOf(t, d.structured(document).err); got != want {
			t.Errorf("structured, %d over: reason %q, want %q", over, got, want)
		}
		if arrivals, refused := d.batch([]byte("["+string(document)+"]"), 1); refused != nil || reasonOf(t, arrivals[0].err) != want {
			t.Errorf("batch, %d over: %v, %v, want %q", over, arrivals, refused, want)
		}
	}
}

// TestTheVerdictDoesNotDependOnOrder: members of a document in every order, headers in the random order of a map.
func TestTheVerdictDoesNotDependOnOrder(t *testing.T) {
	for _, row := range []struct {
		members []string
		want    string
	}{
		{[]string{`"specversion":"1.0"`, `"id":"1"`, `"source":"/s"`, `"type":"t"`, `"data":"x"`, `"datacontenttype":"text/plain"`}, ""},
		{[]string{`"specversion":"1.0"`, `"id":"1"`, `"source":"/s"`, `"type":"t"`, `"a-b":"x"`, `"ab":"y"`}, "illegal-name:a-b"},
		{[]string{`"specversion":"1.0"`, `"id":"1"`, `"source":"/s"`, `"type":"t"`, `"b.b":"x"`, `"a.a":"y"`}, "illegal-name:a.a"},
		{[]string{`"specversion":"0.3"`, `"id":5`, `"a.a":"y"`}, "illegal-value:specversion"},
		{[]string{`"specversion":"1.0"`, `"id":null`, `"source":"/s"`, `"type":"t"`, `"x_":"y"`}, "missing-attribute:id"},
	} {
		permute(row.members, func(members []string) {
			document := "{" + strings.Join(members, ",") + "}"
			if got := reasonOf(t, testDecoder().structured([]byte(document)).err); got != row.want {
				t.Errorf("%s: reason %q, want %q", document, got, row.want)
			}
		})
	}
	header := http.Header{"Ce-Specversion": {"1.0"}, "Ce-B.b": {"x"}, "Ce-A.a": {"x"}, "Ce-X-Y": {"x"}, "Ce-Xy": {"x"}}
	for range 50 {
		if got := reasonOf(t, testDecoder().binary(header, nil).err); got != "illegal-name:a.a" {
			t.Fatalf("reason %q, want illegal-name:a.a", got)
		}
	}
}

// permute calls f with every order of the strings.
func permute(s []string, f func([]string)) {
	var from func(i int)
	from = func(i int) {
		if i == len(s) {
			f(s)
		}
		for j := i; j < len(s); j++ {
			s[i], s[j] = s[j], s[i]
			from(i + 1)
			s[i], s[j] = s[j], s[i]
		}
	}
	from(0)
}

// TestUnwrapKeepsWhatItCannotRead: bodies that look like a wrapping and are none are the data, byte for byte.
func TestUnwrapKeepsWhatItCannotRead(t *testing.T) {
	header := func(contentType string) http.Header {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Ce-Sapconsumertenant": {"t0"}}
		if contentType != "" {
			h.Set("content-type", contentType)
		}
		return h
	}
	for _, unwrap := range []Unwrap{UnwrapAuto, UnwrapAlways} {
		for _, body := range []string{`{"data":1`, `{"data":1} x`, `[{"data":1}]`, `"data"`, `{"data":1,"data":2}`, `{"Data":1}`, "{\"data\":\"\xff\"}", `{}`, `{"x":1}`} {
			d := &decoder{maxBytes: 1 << 20, unwrap: unwrap}
			a := d.binary(header("application/json"), []byte(body))
			if a.err != nil || string(a.event.Data()) != body || a.repairs != 0 {
				t.Errorf("%s, %q: data %q, repairs %b, %v, want the body whole", unwrap, body, a.event.Data(), a.repairs, a.err)
			}
		}
	}
	d := &decoder{maxBytes: 1 << 20}
	if a := d.binary(header("text/plain"), []byte(`{"data":1}`)); string(a.event.Data()) != `{"data":1}` {
		t.Errorf("under text/plain: data %q, want the body whole", a.event.Data())
	}
	if a := d.binary(header(""), []byte(`{"data": [1.10] ,"a":"b"}`)); string(a.event.Data()) != `[1.10]` || a.event.Extensions()["a"] != "b" {
		t.Errorf("without a type: data %q, extensions %v, want it unwrapped", a.event.Data(), a.event.Extensions())
	}
	for _, odd := range []string{`"a":1.5`, `"a":[]`, `"a-b":1`, `"a":"\u0000"`, `"a":"\ud83d"`, `"time":"x"`, `"data_base64":"x"`, `"A":1,"a":2`, `"":1`, `"sapconsumertenant":"x"`} {
		body := `{"data":1,` + odd + `}`
		if a := d.binary(header("application/json"), []byte(body)); string(a.event.Data()) != body {
			t.Errorf("%s: data %q, want the body whole", body, a.event.Data())
		}
	}
}

func TestShown(t *testing.T) {
	got := map[string]string{}
	for _, name := range []string{"x", "", "event-type", "a.b", "a b", "Zoë", "a:b", "\x00", `a"b`, strings.Repeat("x", 60), strings.Repeat("\x00", 60)} {
		got[name] = shown(name)
	}
	want := map[string]string{
		"x": "x", "": `""`, "event-type": "event-type", "a.b": "a.b", "a b": `"a b"`, "Zoë": `"Zo\u00eb"`, "a:b": `"a:b"`, "\x00": `"\x00"`, `a"b`: `"a\"b"`,
		strings.Repeat("x", 60): strings.Repeat("x", 48), strings.Repeat("\x00", 60): `"` + strings.Repeat(`\x00`, 23) + `\x0"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shown (-want +got): %s", diff)
	}
}
