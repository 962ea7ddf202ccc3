package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func text(value string) map[string]Attribute {
	return map[string]Attribute{"ce-type": {Type: "String", Value: value}}
}

func typed(dataType, value string) map[string]Attribute {
	return map[string]Attribute{"a": {Type: dataType, Value: value}}
}

func TestMatchAttributes(t *testing.T) {
	for _, tt := range []struct {
		policy     string
		attributes map[string]Attribute
		want       bool
	}{
		{`{}`, nil, true},
		{`{"ce-type":["order.created"]}`, text("order.created"), true},
		{`{"ce-type":["order.created"]}`, text("Order.created"), false},
		{`{"ce-type":["order.created"]}`, nil, false},
		{`{"ce-type":["order.created","order.changed"]}`, text("order.changed"), true},
		{`{"ce-type":[{"prefix":"order."}]}`, text("order.created"), true},
		{`{"ce-type":[{"prefix":"order."}]}`, text("an order."), false},
		{`{"ce-type":[{"suffix":".created"}]}`, text("order.created"), true},
		{`{"ce-type":[{"suffix":".created"}]}`, text("order.created.v1"), false},
		{`{"ce-type":[{"equals-ignore-case":"ORDER.created"}]}`, text("order.CREATED"), true},
		{`{"ce-type":[{"equals-ignore-case":"order"}]}`, text("orders"), false},
		{`{"ce-type":[{"anything-but":"order.created"}]}`, text("order.created"), false},
		{`{"ce-type":[{"anything-but":["order.created","b"]}]}`, text("c"), true},
		{`{"ce-type":[{"anything-but":["order.created","b"]}]}`, nil, false},
		{`{"ce-type":[{"anything-but":{"prefix":"order."}}]}`, text("order.created"), false},
		{`{"ce-type":[{"anything-but":{"prefix":"order."}}]}`, text("partner.created"), true},
		{`{"ce-type":[{"exists":true}]}`, text("x"), true},
		{`{"ce-type":[{"exists":true}]}`, nil, false},
		{`{"ce-type":[{"exists":false}]}`, text("x"), false},
		{`{"ce-type":[{"exists":false}]}`, nil, true},
		{`{"ce-type":["x"],"other":["y"]}`, text("x"), false},
		{`{"a":[{"numeric":["=",5]}]}`, typed("Number", "5.0"), true},
		{`{"a":[{"numeric":[">",0,"<=",100]}]}`, typed("Number", "100"), true},
		{`{"a":[{"numeric":[">",0,"<=",100]}]}`, typed("Number", "0"), false},
		{`{"a":[{"numeric":[">=",1.5]}]}`, typed("Number", "15e-1"), true},
		{`{"a":[{"numeric":["<",3]}]}`, typed("Number", "2.99999"), true},
		{`{"a":[{"numeric":["<",3]}]}`, typed("String", "2"), false},
		{`{"a":[5]}`, typed("Number", "5.00"), true},
		{`{"a":[5]}`, typed("String", "5"), false},
		{`{"a":[{"anything-but":[5,6]}]}`, typed("Number", "6.0"), false},
		{`{"a":[{"anything-but":[5,6]}]}`, typed("Number", "7"), true},
		{`{"a":["x"]}`, typed("String.Array", `["w","x"]`), true},
		{`{"a":["z"]}`, typed("String.Array", `["w","x"]`), false},
		{`{"a":[true]}`, typed("String.Array", `["true",true]`), true},
		{`{"a":[true]}`, typed("String", `true`), false},
		{`{"a":[null]}`, typed("String.Array", `[null]`), true},
		{`{"a":[{"numeric":["=",3]}]}`, typed("String.Array", `[3]`), true},
		{`{"a":[{"anything-but":["rugby"]}]}`, typed("String.Array", `["rugby","tennis"]`), true},
		{`{"a":[{"anything-but":["rugby"]}]}`, typed("String.Array", `["rugby"]`), false},
		{`{"a":["x"]}`, typed("String.Array", `not JSON`), false},
		{`{"a":["x"]}`, typed("String.custom", "x"), true},
		{`{"a":["x"]}`, typed("Binary", "x"), false},
		{`{"a":[{"exists":true}]}`, typed("Binary", "x"), false},
		{`{"$or":[{"ce-type":["x"]},{"b":["y"]}]}`, text("x"), true},
		{`{"$or":[{"ce-type":["x"]},{"b":["y"]}]}`, text("z"), false},
		{`{"ce-type":["x"],"$or":[{"c":["x"]},{"b":["y"]}]}`, text("x"), false},
	} {
		p, err := Parse(tt.policy, MessageAttributes)
		if err != nil {
			t.Errorf("Parse(%s) = %v", tt.policy, err)
			continue
		}
		if got := p.MatchAttributes(tt.attributes); got != tt.want {
			t.Errorf("%s matches %v = %v, want %v", tt.policy, tt.attributes, got, tt.want)
		}
	}
}

func TestMatchBody(t *testing.T) {
	for _, tt := range []struct {
		policy, body string
		want         bool
	}{
		{`{"type":["x"]}`, `{"type":"x","other":1}`, true},
		{`{"type":["x"]}`, `{"type":"y"}`, false},
		{`{"type":["x"]}`, `["x"]`, false},
		{`{"type":["x"]}`, `x`, false},
		{`{"type":["x"]}`, `{"type":"x"} {}`, false},
		{`{"data":{"plant":["1010"]}}`, `{"data":{"plant":"1010"}}`, true},
		{`{"data":{"plant":["1010"]}}`, `{"data":"1010"}`, false},
		{`{"data":{"plant":["1010"]}}`, `{"plant":"1010"}`, false},
		{`{"data":{"n":[{"numeric":[">",1]}]}}`, `{"data":{"n":1.0000000000000000001}}`, true},
		{`{"data":{"open":[true]}}`, `{"data":{"open":true}}`, true},
		{`{"data":{"open":[true]}}`, `{"data":{"open":"true"}}`, false},
		{`{"data":{"closed":[null]}}`, `{"data":{"closed":null}}`, true},
		{`{"data":{"closed":[null]}}`, `{"data":{}}`, false},
		{`{"data":{"closed":[{"exists":false}]}}`, `{}`, true},
		{`{"data":[{"exists":true}]}`, `{"data":{"a":1}}`, false},
		{`{"tags":["b"]}`, `{"tags":["a",["b"]]}`, true},
		{`{"tags":[{"exists":false}]}`, `{"tags":[]}`, true},
		{`{"items":{"id":[1],"n":[2]}}`, `{"items":[{"id":1,"n":2}]}`, true},
		{`{"items":{"id":[1],"n":[2]}}`, `{"items":[{"id":1,"n":3},{"id":4,"n":2}]}`, false},
		{`{"items":{"id":[{"exists":false}]}}`, `{"items":[]}`, true},
		{`{"data":{"$or":[{"a":[1]},{"b":[2]}]}}`, `{"data":{"b":2}}`, true},
		{`{"data":{"a":[{"anything-but":[1]}]}}`, `{"data":{"a":null}}`, false},
	} {
		p, err := Parse(tt.policy, MessageBody)
		if err != nil {
			t.Errorf("Parse(%s) = %v", tt.policy, err)
			continue
		}
		if got := p.MatchBody(tt.body); got != tt.want {
			t.Errorf("%s matches %s = %v, want %v", tt.policy, tt.body, got, tt.want)
		}
	}
}

// values is an array of n numbers.
func values(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		policy   string
		scope    Scope
		text     string
		recorded bool
	}{
		{``, MessageBody, "FilterPolicy: it must be a JSON object", false},
		{`null`, MessageBody, "FilterPolicy: it must be a JSON object", false},
		{`[]`, MessageBody, "FilterPolicy: it must be a JSON object", false},
		{`{} {}`, MessageBody, "FilterPolicy: it must be a JSON object", false},
		{"{\"a\":[\"\xff\"]}", MessageBody, "FilterPolicy: it must be UTF-8 of at most 262144 bytes", false},
		{`{}`, "Message", "FilterPolicy: its scope must be MessageAttributes or MessageBody", false},
		{`{"a":{"b":["x"]}}`, MessageAttributes, "Filter policy scope MessageAttributes does not support nested filter policy", true},
		{`{"a":"x"}`, MessageBody, `FilterPolicy: "a" must be an object or an array`, true},
		{`{"a":[]}`, MessageBody, "FilterPolicy: Empty arrays are not allowed", true},
		{`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`, MessageAttributes, "FilterPolicy: Filter policy can not have more than 5 keys", true},
		{`{"a":` + values(151) + `}`, MessageAttributes, "FilterPolicy: Filter policy is too complex", true},
		{`{"a":` + values(13) + `,"b":` + values(12) + `}`, MessageAttributes, "FilterPolicy: Filter policy is too complex", true},
		{`{"a":{"b":{"c":` + values(51) + `}}}`, MessageBody, "FilterPolicy: Filter policy is too complex", true},
		{`{"$or":[{"a":` + values(76) + `},{"b":` + values(75) + `}]}`, MessageBody, "FilterPolicy: Filter policy is too complex", true},
		{`{"a":[["x"]]}`, MessageBody, "FilterPolicy: Match value must be String, number, true, false, or null", true},
		{`{"a":[{}]}`, MessageBody, "FilterPolicy: Only one key allowed in match expression", true},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, MessageBody, "FilterPolicy: Only one key allowed in match expression", true},
		{`{"a":[{"wildcard":"x*"}]}`, MessageBody, "FilterPolicy: Unrecognized match type wildcard", true},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, MessageBody, "FilterPolicy: Unrecognized match type cidr", true},
		{`{"a":[{"prefix":1}]}`, MessageBody, "FilterPolicy: prefix match pattern must be a string", true},
		{`{"a":[{"suffix":""}]}`, MessageBody, "FilterPolicy: suffix match pattern must not be empty", false},
		{`{"a":[{"exists":"true"}]}`, MessageBody, "FilterPolicy: exists match pattern must be either true or false.", true},
		{`{"a":[{"anything-but":{"suffix":"x"}}]}`, MessageBody, "FilterPolicy: Unsupported anything-but pattern: suffix", true},
		{`{"a":[{"anything-but":{"prefix":1}}]}`, MessageBody, "FilterPolicy: prefix match pattern must be a string", true},
		{`{"a":[{"anything-but":[]}]}`, MessageBody, "FilterPolicy: Empty arrays are not allowed", true},
		{`{"a":[{"anything-but":true}]}`, MessageBody, "FilterPolicy: anything-but takes strings, numbers or a prefix", false},
		{`{"a":[{"anything-but":["x",1]}]}`, MessageBody, "FilterPolicy: anything-but takes either strings or numbers", false},
		{`{"a":[{"anything-but":[2e9]}]}`, MessageBody, "FilterPolicy: a number must be from -1000000000 to 1000000000", false},
		{`{"a":[{"numeric":[]}]}`, MessageBody, "FilterPolicy: Invalid member in numeric match: ]", true},
		{`{"a":[{"numeric":[1]}]}`, MessageBody, "FilterPolicy: Invalid member in numeric match: 1", true},
		{`{"a":[{"numeric":["!=",1]}]}`, MessageBody, "FilterPolicy: Unrecognized numeric range operator: !=", true},
		{`{"a":[{"numeric":["=","1"]}]}`, MessageBody, "FilterPolicy: Value of equals must be numeric", true},
		{`{"a":[{"numeric":["<",1,">",0]}]}`, MessageBody, "FilterPolicy: Too many elements in numeric expression", true},
		{`{"a":[{"numeric":[">",1,2]}]}`, MessageBody, "FilterPolicy: Bad value in numeric range: 2", true},
		{`{"a":[{"numeric":[">",1,">",2]}]}`, MessageBody, "FilterPolicy: Bad numeric range operator: >", true},
		{`{"a":[{"numeric":[">",1,"<"]}]}`, MessageBody, "FilterPolicy: Value of < must be numeric", true},
		{`{"a":[{"numeric":[">",1,"<",1]}]}`, MessageBody, "FilterPolicy: Bottom must be less than top", true},
		{`{"a":[{"numeric":[">",1,"<",2,"<"]}]}`, MessageBody, "FilterPolicy: Too many terms in numeric range expression", true},
		{`{"a":[1000000001]}`, MessageBody, "FilterPolicy: a number must be from -1000000000 to 1000000000", false},
		{`{"a":[1e999999999999]}`, MessageBody, "FilterPolicy: a number must be from -1000000000 to 1000000000", false},
		{`{"$or":[{"a":[1]}]}`, MessageBody, "FilterPolicy: $or must be an array of two or more objects with keys", false},
		{`{"a.b":[1]}`, MessageBody, "FilterPolicy: a key with a dot is not here", false},
	} {
		_, err := Parse(tt.policy, tt.scope)
		var r *Refusal
		if !errors.As(err, &r) || r.Text != tt.text || r.Recorded != tt.recorded {
			t.Errorf("Parse(%.60s) = %v, want %q, recorded %v", tt.policy, err, tt.text, tt.recorded)
		}
	}
}

func TestParseAtTheLimit(t *testing.T) {
	for _, policy := range []string{
		`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1]}`,
		`{"a":` + values(150) + `}`,
		`{"a":` + values(75) + `,"b":[1,2]}`,
		`{"$or":[{"a":` + values(75) + `},{"b":` + values(75) + `}]}`,
		`{"a":[1000000000,-1e9]}`,
	} {
		if _, err := Parse(policy, MessageAttributes); err != nil {
			t.Errorf("Parse(%.60s) = %v, want it taken", policy, err)
		}
	}
}

// FuzzParse: a policy that is taken is kept as given; without "exists" it asks for something, so it lets no message without
// attributes through; and both scopes agree about attributes that are written as a body.
func FuzzParse(f *testing.F) {
	for _, policy := range []string{
		`{"k":["v",{"prefix":"p"},{"suffix":"s"},{"equals-ignore-case":"E"},{"anything-but":["a"]},{"exists":false}]}`,
		`{"k":[1,true,null,{"numeric":[">",0,"<=",1.5]},{"anything-but":{"prefix":"x"}}]}`,
		`{"$or":[{"k":["v"]},{"l":[{"exists":true}]}]}`, `{"$or":[{}],"k":{"l":["v"]}}`, `{}`, `[`, `{"k":[{"numeric":["=",1e400]}]}`,
	} {
		f.Add(policy, "v", "1.5")
	}
	f.Fuzz(func(t *testing.T, policy, value, number string) {
		p, err := Parse(policy, MessageAttributes)
		if err != nil {
			return
		}
		if p.String() != policy {
			t.Errorf("Parse(%q) keeps %q", policy, p.String())
		}
		if !strings.Contains(policy, "exists") && !strings.Contains(policy, `\u`) && p.MatchAttributes(nil) && strings.Contains(policy, "[") {
			t.Errorf("Parse(%q) lets a message without attributes through", policy)
		}
		body, err := Parse(policy, MessageBody)
		if err != nil {
			return
		}
		attributes := map[string]Attribute{"k": {Type: "String", Value: value}}
		members := map[string]any{"k": value}
		if json.Valid([]byte(number)) && strings.Trim(number, "0123456789.-+eE") == "" {
			attributes["l"], members["l"] = Attribute{Type: "Number", Value: number}, json.RawMessage(number)
		}
		b, err := json.Marshal(members)
		if err != nil || strings.ToValidUTF8(value, "") != value {
			return
		}
		if in, out := p.MatchAttributes(attributes), body.MatchBody(string(b)); in != out {
			t.Errorf("%q: attributes %v match = %v, body %s matches = %v", policy, attributes, in, b, out)
		}
	})
}

func Example() {
	p, err := Parse(`{"ce-type":[{"prefix":"sap.s4."}],"ce-source":[{"exists":true}]}`, MessageAttributes)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.MatchAttributes(map[string]Attribute{
		"ce-type": {Type: "String", Value: "sap.s4.order.created"}, "ce-source": {Type: "String", Value: "/s4"},
	}))
	fmt.Println(p.MatchAttributes(text("sap.s4.order.created")))
	// Output:
	// true
	// false
}
