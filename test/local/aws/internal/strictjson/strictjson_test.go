package strictjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

func ExampleDecode() {
	_, err := strictjson.Decode([]byte(`{"Effect": "Allow", "Effect": "Deny"}`), 8)
	fmt.Println(err)
	// Output: member "Effect" is there twice
}

func TestDecode(t *testing.T) {
	got, err := strictjson.Decode([]byte(` {"a":[1.50,"x",true,null,{}],"b":[]} `), 3)
	want := strictjson.Object{"a": []any{json.Number("1.50"), "x", true, nil, strictjson.Object{}}, "b": []any{}}
	if diff := cmp.Diff(any(want), got); err != nil || diff != "" {
		t.Errorf("Decode = %v (-want +got):\n%s", err, diff)
	}
	for _, tt := range []struct{ text, says string }{
		{``, "not JSON"}, {`{`, "not JSON"}, {`{"a":1`, "not JSON"}, {`[1`, "not JSON"}, {`{1:2}`, "not JSON"}, {`[1,]`, "not JSON"}, {`{"a"}`, "not JSON"},
		{`{"a":1,"\u0061":2}`, `"a" is there twice`}, {`{"x":{"a":1,"a":1}}`, "twice"}, {`1 2`, "follows"}, {`{}{}`, "follows"},
		{"\"\xff\"", "UTF-8"}, {strings.Repeat("[", 5) + strings.Repeat("]", 5), "deep"},
	} {
		if v, err := strictjson.Decode([]byte(tt.text), 3); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Decode(%q) = %v, %v, want an error that says %q", tt.text, v, err, tt.says)
		}
	}
}

// FuzzDecode: what is taken is JSON to encoding/json too, and means the same once written and read again.
func FuzzDecode(f *testing.F) {
	f.Add(`{"a":[1.50,"x",true,null,{}],"b":"\u00fc\ud83d\ude00"}`)
	f.Add(`{"a":1,"a":2}`)
	f.Add(`[[[[[[[[[[]]]]]]]]]]`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := strictjson.Decode([]byte(text), 8)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("Decode(%q) took what is not JSON", text)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := strictjson.Decode(b, 8)
		if diff := cmp.Diff(v, again); err != nil || diff != "" {
			t.Errorf("Decode(%q), written and read again: %v (-first +second):\n%s", text, err, diff)
		}
	})
}
