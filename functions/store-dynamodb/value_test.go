package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// FuzzDocument: what DynamoDB gets of a JSON document is the document: the same structure, numbers of equal value, and where
// it is text instead, the original text.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"x",true,false,null,{}],"b":-1.50e3}`, `"\ud83d\ude00"`, `"\ud800"`, `{"a":1,"\u0061":2}`, `{"":1}`, `[1e126,1E-131,-0,0.0e9]`,
		strings.Repeat("9", 39), "1" + strings.Repeat("0", 60), strings.Repeat("[", 34) + strings.Repeat("]", 34), ` [ ] `, `{"a":{"b":[[],{}]}}`, `"a\nb<\/"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !rawjson.Valid(doc) || len(doc) > 10_000 {
			return
		}
		raw, _ := rawjson.Pointer(doc, nil)
		i := &item{}
		i.document("d", raw)
		var out map[string]json.RawMessage
		if err := json.Unmarshal(i.close(), &out); err != nil {
			t.Fatalf("%s became %s: %v", doc, i.b, err)
		}
		if err := sameValue(raw, out["d"], 1); err != nil {
			t.Errorf("%s became %s: %v", doc, out["d"], err)
		}
		if want := len("d") + sizeOf(t, out["d"]); i.size != want {
			t.Errorf("size of %s = %d, want %d", out["d"], i.size, want)
		}
	})
}

// sameValue tells how a value of DynamoDB differs from the JSON that it was made of.
func sameValue(raw, value []byte, level int) error {
	if level > nestingMax {
		return errors.New("it is nested too deep")
	}
	var v struct {
		S, N *string
		BOOL *bool
		NULL *bool
		L    []json.RawMessage
		M    map[string]json.RawMessage
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	kept := v.S != nil && *v.S == string(raw) // as the text that it was
	switch raw[0] {
	case '"':
		text, ok := rawjson.String(raw)
		if ok && (v.S == nil || *v.S != text) || !ok && !kept {
			return fmt.Errorf("text %s", raw)
		}
	case 't', 'f':
		if v.BOOL == nil || *v.BOOL != (raw[0] == 't') {
			return fmt.Errorf("boolean %s", raw)
		}
	case 'n':
		if v.NULL == nil || !*v.NULL {
			return errors.New("null")
		}
	case '[':
		at, empty := 0, true
		err := rawjson.Array(raw, func(element []byte) error {
			empty = false
			if kept {
				return nil
			}
			if at >= len(v.L) {
				return errors.New("a list is too short")
			}
			at++
			return sameValue(element, v.L[at-1], level+1)
		})
		if err == nil && !kept && (at != len(v.L) || v.L == nil) || kept && (empty || level < nestingMax) {
			return fmt.Errorf("list %s", raw)
		}
		return err
	case '{':
		return sameObject(raw, v.M, kept, level)
	default:
		return sameNumber(raw, v.N, kept)
	}
	return nil
}

func sameObject(raw []byte, members map[string]json.RawMessage, kept bool, level int) error {
	names, bad, n := map[string]bool{}, level >= nestingMax, 0
	err := rawjson.Object(raw, func(token, value []byte) error {
		n++
		name, ok := rawjson.String(token)
		bad = bad || !ok || name == "" || names[name]
		names[name] = true
		if kept {
			return nil
		}
		return sameValue(value, members[name], level+1)
	})
	bad = bad && n > 0
	if err == nil && (kept != bad || !kept && (members == nil || len(members) != n)) {
		return fmt.Errorf("object %s", raw)
	}
	return err
}

func sameNumber(raw []byte, got *string, kept bool) error {
	n, fits := parseNumber(raw)
	if kept {
		if fits {
			return fmt.Errorf("number %s is text without need", raw)
		}
		return nil
	}
	if got == nil || len(n.digits) > digitsMax {
		return fmt.Errorf("number %s", raw)
	}
	if len(n.digits) == 0 {
		if *got != "0" {
			return fmt.Errorf("zero %s is %s", raw, *got)
		}
		return nil
	}
	want, ok1 := new(big.Rat).SetString(string(raw))
	have, ok2 := new(big.Rat).SetString(*got)
	if !ok1 || !ok2 || want.Cmp(have) != 0 {
		return fmt.Errorf("number %s is %s", raw, *got)
	}
	return nil
}

// sizeOf is the size of a value by the rules of the documentation, read from what is sent.
func sizeOf(t testing.TB, value []byte) int {
	t.Helper()
	var v map[string]json.RawMessage
	if err := json.Unmarshal(value, &v); err != nil {
		t.Fatal(err)
	}
	for kind, content := range v {
		var text string
		_ = json.Unmarshal(content, &text) // of the kinds that are text
		switch kind {
		case "S":
			return len(text)
		case "N":
			n, _ := parseNumber([]byte(text))
			return n.size()
		case "L":
			var list []json.RawMessage
			_ = json.Unmarshal(content, &list)
			size := 3
			for _, e := range list {
				size += 1 + sizeOf(t, e)
			}
			return size
		case "M":
			var members map[string]json.RawMessage
			_ = json.Unmarshal(content, &members)
			size := 3
			for name, e := range members {
				size += 1 + len(name) + sizeOf(t, e)
			}
			return size
		}
	}
	return 1
}

// TestSizeIsTheServices: the stand-in counts what it stored as we did before, and takes it.
func TestSizeIsTheServices(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, nil)
		for n, data := range []string{
			`{"a":[1,"x",true,false,null,{}],"b":-1.50e3}`, `[0,-0,1,12,123,1.2,12.3,0.01,-0.012,1e10,1e11,12345678901234567890.1e-100]`,
			`"\u00fc\ud83d\ude00"`, `[[],{},[[]]]`, `{"ü":"ü"}`, `[` + strings.Repeat("9", 40) + `]`, `{"a":1,"a":2}`, `"plain"`, `-7`,
		} {
			e := g.Event(fmt.Sprint(n))
			e.DataEncoded = []byte(data)
			e.SetExtension("flag", true)
			e.SetExtension("count", int32(-120))
			e.SetExtension("raw", []byte("bytes"))
			r, item := prepared(t, g.sink, e, "")
			if errs := g.sink.Send(t.Context(), []forward.Item{item}); errs[0] != nil {
				t.Fatalf("%s: %v", data, errs[0])
			}
			for _, stored := range g.Stand.AWS.Items("orders") {
				if stored["pk"].Text == r.hash && stored.Size() != item.Size {
					t.Errorf("%s: size = %d, want %d", data, item.Size, stored.Size())
				}
			}
		}
	})
}

// TestTheLargestItem: of numbers, lists and maps too 409,600 bytes pass, and one more does not.
func TestTheLargestItem(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, nil)
		e := g.Event("e")
		e.DataEncoded = []byte(`{"list":[` + strings.Repeat(`{"n":1.25},"ü",`, 20_000) + `null]}`)
		_, item := prepared(t, g.sink, e, "")
		e.SetExtension("pad", strings.Repeat("x", itemMax-item.Size-len("pad")))
		if errs := g.send(e); errs[0] != nil {
			t.Fatal(errs[0])
		}
		if size := g.Stand.AWS.Items("orders")[0].Size(); size != itemMax {
			t.Errorf("the item has %d bytes, want %d", size, itemMax)
		}
		e.SetExtension("pad", e.Extensions()["pad"].(string)+"x")
		if _, err := g.sink.Prepare(&e, ""); !errors.Is(err, forward.ErrTooLarge) || forward.KindOf(err) != forward.Invalid {
			t.Errorf("Prepare() of one byte more = %v, want invalid with ErrTooLarge", err)
		}
	})
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-1": true, "1.5": true, "1e5": true, "1E+5": true, "1e-5": true, strings.Repeat("9", 38): true,
		strings.Repeat("9", 39): false, "1e125": true, "1e126": false, "0.1e127": false, "1e-130": true, "0.1e-130": false, "9.9e125": true,
		"": false, "-": false, "x": false, "1.": false, ".5": false, "1e": false, "1e+": false, "1x": false, "1ex": false, "--1": false, "+1": false,
	} {
		if _, fits := parseNumber([]byte(text)); fits != want {
			t.Errorf("parseNumber(%q) = %t, want %t", text, fits, want)
		}
	}
	sorted := []string{"-1e100", "-10", "-9.5", "-9", "-0.1", "-1e-130", "0", "1e-130", "0.09", "0.1", "0.11", "1", "9.99", "10", "1e1", "11", "1e125"}
	for i, a := range sorted {
		for j, b := range sorted {
			x, _ := parseNumber([]byte(a))
			y, _ := parseNumber([]byte(b))
			want := mustRat(t, a).Cmp(mustRat(t, b))
			if got := x.compare(y); got != want {
				t.Errorf("compare(%s, %s) = %d, want %d (%d, %d)", a, b, got, want, i, j)
			}
		}
	}
}

func mustRat(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatal(s)
	}
	return r
}

func TestTemplatesWriteTimesAsTheyAreStored(t *testing.T) {
	e := order1()
	for text, want := range map[string]string{
		"{time}": "2026-10-05T08:20:00.000000500Z", "a{time}b{id}{{{time}": "a2026-10-05T08:20:00.000000500Zb1{2026-10-05T08:20:00.000000500Z",
		"{{time}": "{time}", "{id}/{data/id}": "1/7", "{event}": "/default/sap.s4.beh/1 1 order.v1", "}": "}", "ü": "ü",
	} {
		tmpl, err := parseTemplate(text)
		if err != nil {
			t.Fatalf("parseTemplate(%q) = %v", text, err)
		}
		if got, err := tmpl.eval(&e); err != nil || got != want {
			t.Errorf("%q = %q, %v, want %q", text, got, err, want)
		}
	}
	e.Context.(*event.EventContextV1).Time = nil
	tmpl, _ := parseTemplate("a{time}")
	if _, err := tmpl.eval(&e); err == nil || !strings.Contains(err.Error(), "{time} is absent") {
		t.Errorf("without a time = %v, want an error that names it", err)
	}
}

func TestLife(t *testing.T) {
	e := order1() // at 08:20:00 UTC
	base := time.Date(2026, 10, 5, 8, 20, 0, 0, time.UTC).Unix()
	for _, tc := range []struct {
		setting, data string
		want          int64
	}{
		{"ttl=30d", "1", base + 30*86400}, {"ttl=1h30m", "1", base + 5400}, {"ttl=1s", "1", base + 1}, {"ttl={time}", "1", base},
		{"ttl={data}", "1790000000", 1790000000}, {"ttl={data}", "1.79e9", 1790000000}, {"ttl={data}", "1790000000.9", 1790000000},
		{"ttl={data}", `"1790000000"`, 1790000000}, {"ttl={data}", `"2026-10-05T10:20:00+02:00"`, base}, {"ttl={data/a/1}", `{"a":[0,5]}`, 5}, {"ttl={data}", "0", 0},
		{"ttl={data}", "253402300799", secondsMax},
	} {
		e.DataEncoded = []byte(tc.data)
		r, _ := prepared(t, mapper(t, with("log", "TTL", tc.setting)), e, "")
		got := attributes(t, r)["ttl"]
		if want := num(fmt.Sprint(tc.want)); fmt.Sprint(got) != fmt.Sprint(want) || r.conditional {
			t.Errorf("%s with %s = %v, conditional: %t; want %v", tc.setting, tc.data, got, r.conditional, want)
		}
	}
	if !bytes.Equal(e.DataEncoded, []byte("253402300799")) {
		t.Error("the data was changed")
	}
}
