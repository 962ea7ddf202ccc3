package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func seeds() []string {
	return []string{
		``, ` `, `null`, ` true `, `falsy`, `nul`, `0`, `-0`, `-`, `01`, `1.10`, `1.`, `.5`, `1e5`, `1E+05`, `1e`, `-1.5e-3x`,
		`90071992547409931.250`, `""`, `"a`, `"a\"b\\c\/\b\f\n\r\t"`, `"\u00e9\ud83d\udce6"`, `"\ud83d"`, `"\udce6\ud83d"`, `"\ud83dx"`,
		`"\ud83d\u0041"`, `"\u12g4"`, `"\u12"`, `"\x"`, "\"a\nb\"", "\"\x00\"", "\"\x7f\"", "\"\xff\"", "\xef\xbb\xbf1", `[]`, `[ ]`, `[1,]`,
		`[,1]`, `[1 2]`, `[1`, `{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{"a":}`, `{1:2}`, `{"a":{"b":[1,{"c":null}]},"a":2}`, `{"a":1}x`,
		`{"":1}`, `{"a~/b":1,"longer than eight":"and a \"quote\" far from the start"}`, nested(200), `{"a":` + nested(100) + `}`,
	}
}

func TestValidAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range seeds() {
		want := json.Valid([]byte(s))
		if got := Syntax([]byte(s)); got != want {
			t.Errorf("Syntax(%q) = %v, want %v", s, got, want)
		}
		if got := Valid([]byte(s)); got != (want && utf8.ValidString(s)) {
			t.Errorf("Valid(%q) = %v, want %v", s, got, want && utf8.ValidString(s))
		}
	}
	for _, depth := range []int{MaxDepth, MaxDepth + 1} {
		s := []byte(nested(depth))
		if got, want := Syntax(s), json.Valid(s); got != want {
			t.Errorf("Syntax(%d arrays) = %v, want %v", depth, got, want)
		}
		inside := s[1 : len(s)-1]
		if got, want := ValidInside(inside), json.Valid(s); got != want {
			t.Errorf("ValidInside(%d arrays) = %v, want %v", depth-1, got, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := Syntax(b), json.Valid(b); got != want {
			t.Errorf("Syntax(%q) = %v, want %v", b, got, want)
		}
	})
}

// walk rebuilds a document from what Object and Array yield, without white space.
func walk(dst, b []byte) ([]byte, error) {
	b = bytes.Trim(b, " \n\t\r")
	switch {
	case len(b) > 0 && b[0] == '{':
		dst = append(dst, '{')
		first := true
		err := Object(b, func(name, value []byte) (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, name...), ':')
			dst, err = walk(dst, value)
			return err
		})
		return append(dst, '}'), err
	case len(b) > 0 && b[0] == '[':
		dst = append(dst, '[')
		first := true
		err := Array(b, func(value []byte) (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst, err = walk(dst, value)
			return err
		})
		return append(dst, ']'), err
	case Syntax(b):
		return append(dst, b...), nil
	}
	return dst, ErrSyntax
}

// FuzzWalk: what the walkers yield puts the document together again, and they accept exactly what encoding/json does.
func FuzzWalk(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2000 {
			return // walk looks at each level again
		}
		got, err := walk(nil, b)
		var want bytes.Buffer
		wantErr := json.Compact(&want, b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("walk(%q) = %v, want %v", b, err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want.Bytes()) {
			t.Errorf("walk(%q) = %q, want %q", b, got, want.Bytes())
		}
	})
}

func TestWalkersReturnTheCallersError(t *testing.T) {
	stop := errors.New("stop")
	if err := Object([]byte(`{"a":1,"b":2}`), func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Object = %v, want %v", err, stop)
	}
	if err := Array([]byte(`[1,2]`), func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Array = %v, want %v", err, stop)
	}
	for _, b := range []string{`[]`, `1`, ``, `{}x`, `{"a":1`} {
		if err := Object([]byte(b), func(_, _ []byte) error { return nil }); !errors.Is(err, ErrSyntax) {
			t.Errorf("Object(%s) = %v, want %v", b, err, ErrSyntax)
		}
	}
}

// FuzzString: a string token decodes as encoding/json decodes it, and an encoded text comes back.
func FuzzString(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Add("<&>\u2028 Zoë 📦 \x00\x1f\x7f")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		encoded := AppendString(nil, s)
		if err := json.Unmarshal(encoded, &back); err != nil {
			t.Fatalf("AppendString(%q) = %s: %v", s, encoded, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && back != want {
			t.Errorf("AppendString(%q) reads back as %q", s, back)
		}
		if !utf8.Valid(encoded) {
			t.Errorf("AppendString(%q) = %q, which is not UTF-8", s, encoded)
		}
		if got, ok := String(encoded); !ok || got != back {
			t.Errorf("String(%s) = %q, %v, want %q", encoded, got, ok, back)
		}
		token := []byte(s)
		if !IsString(token) || !Valid(token) || bytes.TrimSpace(token)[len(bytes.TrimSpace(token))-1] != '"' {
			return
		}
		token = bytes.TrimSpace(token)
		if err := json.Unmarshal(token, &back); err != nil {
			t.Fatalf("Unmarshal(%s): %v", token, err)
		}
		got, ok := String(token)
		if ok && got != back {
			t.Errorf("String(%s) = %q, want %q", token, got, back)
		}
		if !ok && !strings.Contains(back, "\uFFFD") {
			t.Errorf("String(%s) is refused, want %q", token, back)
		}
	})
}

func TestStringRefusesHalfAPair(t *testing.T) {
	for _, token := range []string{`"\ud83d"`, `"\udce6"`, `"\ud83d\u0041"`, `"\ud83dabcdef"`, `"\ud83d\ud83d"`, `5`, ``, `"`} {
		if got, ok := String([]byte(token)); ok {
			t.Errorf("String(%s) = %q, want a refusal", token, got)
		}
	}
	if got, ok := String([]byte(`"a\ud83d\udce6\ufffdz"`)); !ok || got != "a📦\uFFFDz" {
		t.Errorf("String = %q, %v", got, ok)
	}
}

func TestPointer(t *testing.T) {
	// The document and the first rows are those of RFC 6901, section 5.
	doc := `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"big":90071992547409931.250,"twice":1,"twice":2}`
	for pointer, want := range map[string]string{
		"": doc, "/foo": `["bar","baz"]`, "/foo/0": `"bar"`, "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3", "/g|h": "4", `/i\j`: "5",
		`/k"l`: "6", "/ ": "7", "/m~0n": "8", "/big": "90071992547409931.250", "/twice": "2", "/foo/1": `"baz"`,
		"/foo/2": "", "/foo/-": "", "/foo/00": "", "/foo/01": "", "/foo/+1": "", "/foo/x": "", "/none": "", "/foo/0/x": "", "/big/x": "",
		"/foo/99999999999999999999": "",
	} {
		tokens, err := ParsePointer(pointer)
		if err != nil {
			t.Errorf("ParsePointer(%q) = %v", pointer, err)
		}
		got, ok := Pointer([]byte(" "+doc+"\n"), tokens)
		if string(got) != want || ok != (want != "") {
			t.Errorf("Pointer(%q) = %s, %v, want %s", pointer, got, ok, want)
		}
	}
	for _, bad := range []string{"a", "a/b", "/~", "/~2", "/a~", "/~01~"} {
		if tokens, err := ParsePointer(bad); err == nil {
			t.Errorf("ParsePointer(%q) = %q, want an error", bad, tokens)
		}
	}
	for _, bad := range []string{"", "{", `{"a":1}x`} {
		if got, ok := Pointer([]byte(bad), nil); ok {
			t.Errorf("Pointer(%q) = %s, want none", bad, got)
		}
	}
}

// FuzzPointer: for a member of the top level, Pointer finds what encoding/json decodes.
func FuzzPointer(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,2],"a":{"c":"d"}}`), "a")
	f.Add([]byte(`{"a~/":1}`), "a~/")
	f.Fuzz(func(t *testing.T, doc []byte, name string) {
		var want map[string]json.RawMessage
		if !Valid(doc) || json.Unmarshal(doc, &want) != nil || want == nil || bytes.Contains(doc, []byte(`\u`)) {
			return
		}
		tokens, err := ParsePointer("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
		if err != nil {
			t.Fatalf("ParsePointer of %q = %v", name, err)
		}
		got, ok := Pointer(doc, tokens)
		if value, found := want[name]; found != ok || !bytes.Equal(got, value) {
			t.Errorf("Pointer(%q, %q) = %s, %v, want %s, %v", doc, name, got, ok, value, found)
		}
	})
}

func TestValidAllocatesNothing(t *testing.T) {
	doc := []byte(kilobyte())
	if !Valid(doc) {
		t.Fatalf("Valid(%s) = false", doc)
	}
	if n := testing.AllocsPerRun(100, func() { Valid(doc) }); n != 0 {
		t.Errorf("Valid allocates %v times, want 0", n)
	}
}

// kilobyte is 1 KB of data as a sender writes it: short strings and numbers.
func kilobyte() string {
	var b strings.Builder
	b.WriteString(`{"lines":[`)
	for i := 0; b.Len() < 960; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"product":"F-%04d","quantity":%d,"unit":"piece"}`, i, i*7)
	}
	b.WriteString(`],"total":1203.50,"rush":false}`)
	return b.String()
}

func BenchmarkValid(b *testing.B) {
	doc := []byte(kilobyte())
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		Valid(doc)
	}
}

func BenchmarkValidEncodingJSON(b *testing.B) {
	doc := []byte(kilobyte())
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		json.Valid(doc)
	}
}

func Example() {
	err := Object([]byte(`{"id": "4711", "total": 90071992547409931.250}`), func(name, value []byte) error {
		fmt.Printf("%s is %s\n", name, value)
		return nil
	})
	fmt.Println(err)
	// Output:
	// "id" is "4711"
	// "total" is 90071992547409931.250
	// <nil>
}
