package dynamodb

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// read reads an item's JSON.
func read(text string) (Item, error) {
	tree, err := strictjson.Decode([]byte(text), 200)
	if err != nil {
		return nil, err
	}
	return ReadItem(tree)
}

// item is the item of JSON that is one.
func item(t *testing.T, text string) Item {
	t.Helper()
	i, err := read(text)
	if err != nil {
		t.Fatalf("item %s: %v", text, err)
	}
	return i
}

// checkText checks an error's code and a part of its text.
func checkText(t *testing.T, what string, err error, code, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Text, says) {
		t.Errorf("%s = %v, want %s: … %s", what, err, code, says)
	}
}

const everything = `{"s":{"S":"ü<&"},"e":{"S":""},"n":{"N":"1.50"},"b":{"B":"AAH/"},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},
	"l":{"L":[{"N":"2"},{"M":{}},{"L":[]}]},"m":{"M":{"a":{"S":"x"}}},"ss":{"SS":["b","a"]},"ns":{"NS":["10","9.0"]},"bs":{"BS":["AQ==","AA=="]}}`

func TestReadItem(t *testing.T) {
	got := item(t, everything)
	text := func(s string) Value { return Value{Type: String, Text: s} }
	num := func(s string) Value { return Value{Type: Number, Text: s} }
	bin := func(s string) Value { return Value{Type: Binary, Text: s} }
	want := Item{
		"s": text("ü<&"), "e": text(""), "n": num("1.5"), "b": bin("\x00\x01\xff"), "t": {Type: Boolean, Bool: true}, "f": {Type: Boolean}, "z": {Type: Null},
		"l": {Type: List, List: []Value{num("2"), {Type: Map, Map: Item{}}, {Type: List, List: []Value{}}}}, "m": {Type: Map, Map: Item{"a": text("x")}},
		"ss": {Type: StringSet, List: []Value{text("a"), text("b")}}, "ns": {Type: NumberSet, List: []Value{num("9"), num("10")}},
		"bs": {Type: BinarySet, List: []Value{bin("\x00"), bin("\x01")}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ReadItem (-want +got):\n%s", diff)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if again := item(t, string(b)); !again.Equal(got) {
		t.Errorf("written and read again = %v, want %v", again, got)
	}
	// By name and value: s 1+4, e 1+0, n 1+3, b 1+3, t 1+1, f 1+1, z 1+1, l 1+3+3+(2+3+3), m 1+3+1+2, ss 2+2, ns 2+4, bs 2+2.
	if size := got.Size(); size != 5+1+4+4+2+2+2+15+7+4+6+4 {
		t.Errorf("Size = %d, want 56", size)
	}
}

func TestReadItemRefuses(t *testing.T) {
	nested := func(levels int) string {
		return `{"a":` + strings.Repeat(`{"M":{"n":`, levels-1) + `{"S":"x"}` + strings.Repeat(`}}`, levels-1) + `}`
	}
	if _, err := read(nested(32)); err != nil {
		t.Errorf("32 levels = %v, want them taken", err)
	}
	for _, tt := range []struct{ text, code, says string }{
		{nested(33), CodeValidation, "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		{`{"a":{}}`, CodeValidation, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{`{"a":{"S":"x","N":"1"}}`, CodeValidation, "Supplied AttributeValue has more than one datatypes set"},
		{`{"a":{"NULL":false}}`, CodeValidation, "Null attribute value types must have the value of true"},
		{`{"a":{"SS":[]}}`, CodeValidation, "One or more parameter values were invalid: An string set  may not be empty"},
		{`{"a":{"NS":[]}}`, CodeValidation, "One or more parameter values were invalid: An number set  may not be empty"},
		{`{"a":{"BS":[]}}`, CodeValidation, "One or more parameter values were invalid: Binary sets should not be empty"},
		{`{"a":{"SS":["x",""]}}`, CodeValidation, "empty string"},
		{`{"a":{"BS":["AQ==",""]}}`, CodeValidation, "Binary sets may not contain null or empty values"},
		{`{"a":{"SS":["x","x"]}}`, CodeValidation, "duplicates"}, {`{"a":{"BS":["AQ==","AQ=="]}}`, CodeValidation, "duplicates"},
		{`{"a":{"NS":["1","1.0"]}}`, CodeValidation, "Input collection contains duplicates"},
		{`{"a":{"N":"x"}}`, CodeValidation, "numeric value: x"}, {`{"a":{"NS":["1","x"]}}`, CodeValidation, "numeric"},
		{`{"a":{"M":{"b":{"L":[{"N":""}]}}}}`, CodeValidation, "numeric"},
		{`{"a":{"N":1}}`, CodeSerialization, "stand-in"}, {`{"a":{"S":1}}`, CodeSerialization, "stand-in"}, {`{"a":"x"}`, CodeSerialization, "object"},
		{`{"a":{"B":"*"}}`, CodeSerialization, "base64"}, {`{"a":{"B":"AB=="}}`, CodeSerialization, "base64"}, {`{"a":{"X":"x"}}`, CodeSerialization, "none that there is"},
		{`{"a":{"BOOL":"true"}}`, CodeSerialization, "type"}, {`{"a":{"S":true}}`, CodeSerialization, "type"}, {`{"a":{"S":["x"]}}`, CodeSerialization, "type"},
		{`{"a":{"L":{}}}`, CodeSerialization, "type"}, {`{"a":{"M":[]}}`, CodeSerialization, "type"}, {`{"a":{"SS":[1]}}`, CodeSerialization, "type"}, {`[]`, CodeSerialization, "object"},
		{`{"a":{"S":null}}`, CodeSerialization, "type"},
	} {
		_, err := read(tt.text)
		checkText(t, "ReadItem("+tt.text+")", err, tt.code, tt.says)
	}
}

// FuzzReadItem: an item that is taken is the same once written and read again, and its size does not change by that.
func FuzzReadItem(f *testing.F) {
	f.Add(everything)
	f.Add(`{"a":{"NS":["1","1.0"]},"b":{"L":[{"NULL":true}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		i, err := read(text)
		if err != nil {
			return
		}
		b, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(string(b))
		if err != nil || !again.Equal(i) || again.Size() != i.Size() {
			t.Errorf("%s, written %s, read again: %v, sizes %d and %d", text, b, err, i.Size(), again.Size())
		}
	})
}

func TestItemSize(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{`{}`, 0}, {`{"ü":{"S":"ü"}}`, 4}, {`{"a":{"L":[]}}`, 4}, {`{"a":{"L":[{"S":"xyz"}]}}`, 8}, {`{"a":{"M":{"k":{"N":"7"}}}}`, 8}, {`{"a":{"NULL":true}}`, 2}, {`{"a":{"N":"-12.5"}}`, 5},
	} {
		if got := item(t, tt.text).Size(); got != tt.want {
			t.Errorf("Size(%s) = %d, want %d", tt.text, got, tt.want)
		}
	}
}
