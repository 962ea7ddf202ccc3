package dynamodb

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// names and values that expressions of these tests use.
var (
	testNames = map[string]string{
		"#s": "s", "#n": "n", "#b": "b", "#l": "l", "#m": "m", "#a": "a", "#ss": "ss", "#t": "t", "#z": "z", "#none": "none", "#e": "e",
	}
	testValues = map[string]string{
		":s": `{"S":"ü<&"}`, ":prefix": `{"S":"ü"}`, ":big": `{"S":"zzz"}`, ":one": `{"N":"1"}`, ":n": `{"N":"1.500"}`, ":two": `{"N":"2"}`, ":three": `{"N":"3"}`,
		":b": `{"B":"AAH/"}`, ":b0": `{"B":"AA=="}`, ":t": `{"BOOL":true}`, ":ss": `{"SS":["a","b"]}`, ":S": `{"S":"S"}`, ":BOOL": `{"S":"BOOL"}`, ":x": `{"S":"x"}`,
		":empty": `{"M":{}}`, ":X": `{"S":"X"}`,
	}
)

// condition parses an expression with those of the names and values that stand in it.
func condition(text string) (*Condition, error) {
	names, values := map[string]string{}, map[string]Value{}
	words := strings.FieldsFunc(text, func(r rune) bool { return !wordByte(byte(r)) && r != '#' && r != ':' })
	for _, w := range words {
		if n, there := testNames[w]; there {
			names[w] = n
		}
		if v, there := testValues[w]; there {
			i, err := read(`{"v":` + v + `}`)
			if err != nil {
				return nil, err
			}
			values[w] = i["v"]
		}
	}
	if len(names) == 0 {
		names = nil
	}
	if len(values) == 0 {
		values = nil
	}
	subs, err := NewSubstitutions(names, values)
	if err != nil {
		return nil, err
	}
	c, err := ParseCondition("ConditionExpression", text, subs)
	if err != nil {
		return nil, err
	}
	return c, subs.CheckUsed(true)
}

func TestConditions(t *testing.T) {
	i := item(t, everything)
	for text, want := range map[string]bool{
		"attribute_exists(#s)": true, "attribute_exists(#none)": false, "attribute_not_exists(#none)": true, "attribute_not_exists(#s)": false,
		"attribute_exists(#m.#a)": true, "attribute_exists(#m.#s)": false, "attribute_exists(#l[0])": true, "attribute_exists(#l[3])": false,
		"attribute_exists(#l[1].#a)": false, "attribute_exists(#s.#a)": false, "attribute_exists(#s[0])": false, "attribute_exists( #l [ 0 ] )": true,
		"#s = :s": true, "#s = :big": false, ":s = #s": true, "#n = :n": true, "#n=:one": false, "#n <> :one": true, "#n <> :n": false,
		"#none = :s": false, "#none <> :s": true, "#s = #none": false, "#ss = :ss": true, "#t = :t": true, "#m.#a = :x": true, "#l[1] = :empty": true,
		"#n > :one": true, "#n < :two": true, "#n >= :n": true, "#n <= :n": true, "#n > :n": false, "#n < :n": false, "#none < :two": false, "#none >= :two": false,
		"#s < :big": false, "#s > :big": true, "#b > :b0": true, "#s < :one": false, "#s >= :one": false, "#t < :two": false,
		"#n BETWEEN :one AND :two": true, "#n BETWEEN :two AND :three": false, "#n between :one and :two AND #s = :s": true, "NOT #n BETWEEN :one AND :two": false,
		"#none BETWEEN :one AND :two": false, "#n IN (:one, :n)": true, "#n IN (:one)": false, "#n in (:one,:two)": false,
		"begins_with(#s, :prefix)": true, "begins_with(#s,:x)": false, "begins_with(#b, :b0)": true, "begins_with(#s, :b0)": false, "begins_with(#none, :x)": false,
		"attribute_type(#s, :S)": true, "attribute_type(#t, :BOOL)": true, "attribute_type(#n, :S)": false, "attribute_type(#none, :S)": false,
		"size(#s) = :three": false, "size(#b) = :three": true, "size(#l) >= :three": true, "size(#ss) = :two": true, "size(#m) = :one": true,
		"size(#n) = :one": false, "size(#none) = :one": false, ":two > size(#m)": true, "size(#b) BETWEEN :two AND :three": true,
		"NOT #n = :one": true, "NOT NOT #n = :n": true, "not (#n = :one)": true,
		"#n = :n OR #n = :one AND #s = :big": true, "(#n = :n OR #n = :one) AND #s = :big": false, "NOT #n = :one AND #s = :s": true,
		"#n = :one OR #s = :big OR attribute_exists(#z)": true, "(#n = :n) AND (#s = :s)": true, "((#n = :n) AND (#s = :s)) OR #t = :t": true,
		"attribute_not_exists(#none) OR #n < :two OR (#n = :two AND NOT (#s = :s AND #b = :b))": true,
		"#n\t=\r\n:n": true, "#e = :s": false,
	} {
		c, err := condition(text)
		if err != nil {
			t.Errorf("ParseCondition(%s) = %v", text, err)
			continue
		}
		if got := c.Matches(i); got != want {
			t.Errorf("%s = %v, want %v", text, got, want)
		}
		if missing := c.Matches(nil); missing && strings.HasPrefix(text, "attribute_exists") {
			t.Errorf("%s of no item = true, want false", text)
		}
	}
}

func TestConditionsThatAreRefused(t *testing.T) {
	for _, tt := range []struct{ text, says string }{
		{"", "Invalid ConditionExpression: The expression can not be empty;"}, {"  ", "can not be empty"},
		{strings.Repeat(" ", 4096) + "#n = :n", "Expression size has exceeded the maximum allowed size; expression size: 4103"},
		{"#n", `Syntax error; token: "<EOF>", near: "#n"`}, {"#n =", `Syntax error; token: "<EOF>", near: "="`}, {"= :n", `Syntax error; token: "=", near: "= :n"`},
		{"#n = = :n", `Syntax error; token: "=", near: "= = :n"`}, {"#n = :n :n", `Syntax error; token: ":n", near: ":n :n"`}, {"(#n = :n", "Syntax error"}, {"#n = :n)", "Syntax error"},
		{"#n & :n", `token: "&"`}, {"#n BETWEEN :one OR :two", "Syntax error"}, {"#n IN :one", "Syntax error"}, {"#n IN ()", "Syntax error"}, {"#l[x] = :n", "Syntax error"},
		{"#l[01] = :n", "Syntax error"}, {"#l[-1] = :n", "Syntax error"}, {"NOT", "Syntax error"}, {"#n = :n AND", "Syntax error"}, {"# = :n", "Syntax error"}, {"#n = :", "Syntax error"},
		{"size(#s)", "Syntax error"}, {"ü = :n", "Syntax error"},
		{"((#n = :n))", "The expression has redundant parentheses;"}, {"(((#n = :n) OR #t = :t))", "redundant parentheses"},
		{"name = :n", "stand-in: attribute name name must be written as #name"}, {"#m.a = :x", "stand-in: attribute name a must be"},
		{"#nope = :n", "An expression attribute name used in the document path is not defined; attribute name: #nope"},
		{"#n = :nope", "An expression attribute value used in expression is not defined; attribute value: :nope"},
		{"contains(#s, :x)", "contains is not here"}, {"exists(#s)", "Invalid function name; function: exists"}, {"Begins_With(#s, :x)", "Invalid function name"},
		{"begins_with(#s)", "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"},
		{"attribute_exists(#s, #n)", "number of operands: 2"}, {"attribute_exists(:x)", "requires a document path; operator or function: attribute_exists"},
		{"begins_with(#s, :one)", "operator or function: begins_with, operand type: N"}, {"begins_with(#s, #s)", "must be distinct"},
		{"attribute_type(#s, :one)", "attribute_type, operand type: N"}, {"attribute_type(#s, #n)", "attribute_type"}, {"attribute_type(#s, :X)", "Invalid attribute type name found; type: X"},
		{"#n < :t", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"}, {"#n BETWEEN :t AND :t", "BETWEEN, operand type: BOOL"},
		{"#n BETWEEN :two AND :one", "upper bound to be greater"}, {"#n BETWEEN :one AND :x", "same data type"},
		{"#n = #n", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]"}, {"#n IN (:one, #n)", "operator: IN"},
		{"#n = :n" + strings.Repeat(" OR #n = :n", 160), "more than 300 operators"}, {"#n IN (:n" + strings.Repeat(",:n", 100) + ")", "more than 100 operands"},
	} {
		_, err := condition(tt.text)
		checkText(t, "ParseCondition("+tt.text[:min(len(tt.text), 60)]+")", err, CodeValidation, tt.says)
	}
}

func TestSubstitutions(t *testing.T) {
	v := Value{Type: String, Text: "x"}
	for _, tt := range []struct {
		names  map[string]string
		values map[string]Value
		says   string
	}{
		{map[string]string{}, nil, "ExpressionAttributeNames must not be empty"}, {nil, map[string]Value{}, "ExpressionAttributeValues must not be empty"},
		{map[string]string{"a": "a"}, nil, `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`}, {map[string]string{"#a-b": "a"}, nil, "invalid key"},
		{map[string]string{"#a": ""}, nil, "empty attribute name"},
		{nil, map[string]Value{"x": v}, `ExpressionAttributeValues contains invalid key: Syntax error; key: "x"`}, {nil, map[string]Value{":": v}, "invalid key"},
	} {
		_, err := NewSubstitutions(tt.names, tt.values)
		checkText(t, "NewSubstitutions", err, CodeValidation, tt.says)
	}
	subs, err := NewSubstitutions(map[string]string{"#a": "a", "#b": "b"}, map[string]Value{":x": v, ":y": v, ":z": v})
	if err != nil {
		t.Fatal(err)
	}
	checkText(t, "CheckUsed without expressions", subs.CheckUsed(false), CodeValidation, "ExpressionAttributeNames can only be specified when using expressions")
	if _, err := ParseCondition("FilterExpression", "#a = :y AND #b = :y", subs); err != nil {
		t.Fatal(err)
	}
	checkText(t, "CheckUsed", subs.CheckUsed(true), CodeValidation, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x, :z}")
}

func TestUpdates(t *testing.T) {
	v := Value{Type: String, Text: "new"}
	parse := func(text string) (*Update, error) {
		subs, err := NewSubstitutions(map[string]string{"#s": "s", "#n": "n", "#pk": "pk"}, map[string]Value{":v": v})
		if err != nil {
			t.Fatal(err)
		}
		return ParseUpdate(text, subs)
	}
	u, err := parse("SET #s = :v, #n=:v remove #pk")
	if err != nil {
		t.Fatal(err)
	}
	old := Item{"pk": v, "s": {Type: Number, Text: "1"}, "z": {Type: Null}}
	got := u.apply(old)
	if want := (Item{"s": v, "n": v, "z": {Type: Null}}); !got.Equal(want) || len(old) != 3 {
		t.Errorf("apply = %v, want %v", got, want)
	}
	if err := u.checkKeys(Schema{Hash: Key{"pk", String}}); err == nil || !strings.Contains(err.Text, "Cannot update attribute pk. This attribute is part of the key") {
		t.Errorf("checkKeys = %v", err)
	}
	for _, tt := range []struct{ text, says string }{
		{"SET #s = #n", "SET takes a value"}, {"SET #n = #n + :v", "SET takes a value"}, {"SET #s.#n = :v", "paths into documents"}, {"SET #s = :v SET #n = :v", "can only be used once"},
		{"SET #s = :v, #s = :v", "Two document paths overlap"}, {"SET #s = :v REMOVE #s", "Two document paths overlap"}, {"ADD #n :v", "ADD is not here"}, {"DELETE #n :v", "DELETE is not here"},
		{"PUT #n = :v", "Syntax error"}, {"SET #n", "Syntax error"}, {"SET", "Syntax error"}, {"", "can not be empty"}, {"SET #n = if_not_exists(#n, :v)", "SET takes a value"},
	} {
		_, err := parse(tt.text)
		checkText(t, "ParseUpdate("+tt.text+")", err, CodeValidation, tt.says)
	}
}

// FuzzParseCondition: a condition that is taken holds of an item or its negation does, never both or neither.
func FuzzParseCondition(f *testing.F) {
	for _, seed := range []string{"attribute_not_exists(#s) OR #n < :two", "NOT (#n IN (:one, :n))", "size(#l[0].#a) BETWEEN :one AND :two", "((#n = :n))", "#n = :n AND"} {
		f.Add(seed)
	}
	values := map[string]Value{}
	for _, name := range slices.Sorted(maps.Keys(testValues)) {
		i, err := read(`{"v":` + testValues[name] + `}`)
		if err != nil {
			f.Fatal(err)
		}
		values[name] = i["v"]
	}
	full, err := read(everything)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parse := func(text string) *Condition {
			subs, err := NewSubstitutions(testNames, values)
			if err != nil {
				t.Fatal(err)
			}
			c, err := ParseCondition("x", text, subs)
			if err != nil {
				return nil
			}
			return c
		}
		c := parse(text)
		if c == nil {
			return
		}
		negated := parse("NOT (" + text + ")")
		if negated == nil {
			return // longer than allowed, or its parentheses are redundant now
		}
		for _, i := range []Item{full, nil} {
			if c.Matches(i) == negated.Matches(i) {
				t.Errorf("%q and its negation are both %v", text, c.Matches(i))
			}
		}
	})
}
