package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// mapper is a sink for Prepare alone.
func mapper(t testing.TB, change func(*settings)) *sink {
	t.Helper()
	p, problems := newPlan(newSettings(change))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return &sink{plan: p, puts: newPutRequest(p), batches: newBatchRequest(p), counters: &telemetry.Counters{}}
}

func order1() event.Event {
	e := event.New()
	e.SetID("1")
	source, err := cloudevent.ParseSource("/default/sap.s4.beh/1")
	if err != nil {
		panic(err)
	}
	e.Context.(*event.EventContextV1).Source = source
	e.SetType("order.v1")
	e.SetSubject("7")
	e.SetTime(time.Date(2026, 10, 5, 10, 20, 0, 500, time.FixedZone("", 7200)))
	_ = e.SetData("application/json", json.RawMessage(`{"id":7,"exact":12345678901234567890.10}`))
	return e
}

func withData(contentType, data string) event.Event {
	e := order1()
	e.SetDataContentType(contentType)
	e.DataEncoded = []byte(data)
	return e
}

func prepared(t testing.TB, s *sink, e event.Event, trace string) (*row, forward.Item) {
	t.Helper()
	item, err := s.Prepare(&e, trace)
	if err != nil {
		t.Fatalf("Prepare() = %v", err)
	}
	return item.Payload.(*row), item
}

// attributes is an item as DynamoDB's JSON has it.
func attributes(t testing.TB, r *row) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.json, &out); err != nil {
		t.Fatalf("%v in %s", err, r.json)
	}
	return out
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

type m = map[string]any

func str(s string) m { return m{"S": s} }
func num(s string) m { return m{"N": s} }

func TestAttributes(t *testing.T) {
	e := order1()
	e.SetExtension("sapconsumertenant", "5b7e1c02")
	e.SetExtension("sequence", int32(-42))
	e.SetExtension("urgent", true)
	e.SetExtension("bytes", []byte{0, 255})
	e.SetExtension("due", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	r, item := prepared(t, mapper(t, nil), e, "00-request")
	want := m{
		"pk": str("/default/sap.s4.beh/1 1 order.v1"), "id": str("1"), "source": str("/default/sap.s4.beh/1"), "type": str("order.v1"),
		"specversion": str("1.0"), "subject": str("7"), "time": str("2026-10-05T08:20:00.000000500Z"), "datacontenttype": str("application/json"),
		"sapconsumertenant": str("5b7e1c02"), "sequence": num("-42"), "urgent": m{"BOOL": true}, "bytes": m{"B": base64.StdEncoding.EncodeToString([]byte{0, 255})},
		"due": str("2026-01-02T03:04:05.000000000Z"), "data": m{"M": m{"id": num("7"), "exact": num("12345678901234567890.10")}},
	}
	if diff := cmp.Diff(want, attributes(t, r)); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if item.Key != "/default/sap.s4.beh/1 1 order.v1" || r.conditional {
		t.Errorf("key = %q, conditional = %t, want the same event's name, without a condition", item.Key, r.conditional)
	}
}

// TestWhatADeliveryAdds: a repeat in a batch writes the same item, whatever it came with; what is put under a condition keeps
// all of its first delivery.
func TestWhatADeliveryAdds(t *testing.T) {
	e := order1()
	for _, name := range []string{"traceparent", "tracestate", "baggage", "kafkaoffset", "kafkatopic", "knativearrivaltime"} {
		e.SetExtension(name, "x"+name)
	}
	bare, _ := prepared(t, mapper(t, nil), order1(), "")
	again, _ := prepared(t, mapper(t, nil), e, "00-request")
	if string(bare.json) != string(again.json) {
		t.Errorf("item of a repeat = %s, want %s", again.json, bare.json)
	}
	first, _ := prepared(t, mapper(t, with("log", "WRITE", "first")), e, "00-request")
	got := attributes(t, first)
	if len(got) != len(attributes(t, bare))+6 || !cmp.Equal(got["traceparent"], str("xtraceparent")) {
		t.Errorf("item of a first delivery = %s, want all that it came with, and its own trace", first.json)
	}
	traced, _ := prepared(t, mapper(t, with("log", "WRITE", "first")), order1(), "00-request")
	if got := attributes(t, traced)["traceparent"]; !cmp.Equal(got, str("00-request")) {
		t.Errorf("traceparent = %v, want the request's", got)
	}
}

func TestData(t *testing.T) {
	deep := strings.Repeat("[", 40) + "1" + strings.Repeat("]", 40)
	nested := any(str(deep[31 : len(deep)-31]))
	for range 31 {
		nested = m{"L": []any{nested}}
	}
	level32 := any(m{"L": []any{}})
	for range 31 {
		level32 = m{"L": []any{level32}}
	}
	long := strings.Repeat("9", 39)
	for name, tc := range map[string]struct {
		contentType, data string
		want              any
		counter           string
	}{
		"object":              {"", `{"a":[1,"x",true,false,null,{}]}`, m{"M": m{"a": m{"L": []any{num("1"), str("x"), m{"BOOL": true}, m{"BOOL": false}, m{"NULL": true}, m{"M": m{}}}}}}, ""},
		"spaces":              {"application/json", " \n{ \"a\" : [ 1 , 2 ] }\t", m{"M": m{"a": m{"L": []any{num("1"), num("2")}}}}, ""},
		"null":                {"application/json", "null", m{"NULL": true}, ""},
		"escapes":             {"x/y+json", `"\u00fc\n\ud83d\ude00<\/"`, str("ü\n😀</"), ""},
		"38 digits":           {"", long[1:], num(long[1:]), ""},
		"39 digits":           {"", `{"n":` + long + `}`, m{"M": m{"n": str(long)}}, "numbers"},
		"zeros are no digits": {"", long[1:] + "000", num("9." + long[2:] + "E40"), ""},
		"many zeros":          {"", "1" + strings.Repeat("0", 125), num("1E125"), ""},
		"largest":             {"", "9.9E125", num("9.9E125"), ""},
		"too large":           {"", "1E126", str("1E126"), "numbers"},
		"smallest":            {"", "-1e-130", num("-1e-130"), ""},
		"too small":           {"", "1E-131", str("1E-131"), "numbers"},
		"zero, large":         {"", "-0.0e99999999999999999999", num("0"), ""},
		"power, large":        {"", "1e99999999999999999999", str("1e99999999999999999999"), "numbers"},
		"as written":          {"", "-1.50", num("-1.50"), ""},
		"too deep":            {"", deep, nested, "nesting"},
		"empty at the last":   {"", strings.Repeat("[", 32) + strings.Repeat("]", 32), level32, ""},
		"a name twice":        {"", `{"x":{"a":1,"\u0061": 2}}`, m{"M": m{"x": str(`{"a":1,"\u0061": 2}`)}}, "members"},
		"an empty name":       {"", `[{"":1}]`, m{"L": []any{str(`{"":1}`)}}, "members"},
		"half a surrogate":    {"", `["\ud800"]`, m{"L": []any{str(`"\ud800"`)}}, "strings"},
		"half, as a name":     {"", `{"\ud800":1}`, str(`{"\ud800":1}`), "members"},
		"not JSON":            {"application/json", "{", m{"B": "ew=="}, "data_not_json"},
		"no UTF-8":            {"application/json", "\"\xff\"", m{"B": "Iv8i"}, "data_not_json"},
		"text":                {"text/plain; charset=utf-8", "hé", str("hé"), ""},
		"XML":                 {"application/xml", "<a/>", str("<a/>"), ""},
		"text, no UTF-8":      {"text/plain", "\xff", m{"B": "/w=="}, ""},
		"binary":              {"application/octet-stream", "\x00\x01", m{"B": "AAE="}, ""},
		"none":                {"application/json", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := mapper(t, nil)
			r, _ := prepared(t, s, withData(tc.contentType, tc.data), "")
			// As text: cmp takes time in the power of the depth.
			if want, got := marshal(t, tc.want), marshal(t, attributes(t, r)["data"]); got != want {
				t.Errorf("data = %s, want %s", got, want)
			}
			for _, counter := range []string{"data_not_json", "kept_as_text_numbers", "kept_as_text_nesting", "kept_as_text_members", "kept_as_text_strings"} {
				want := int64(0)
				if tc.counter != "" && strings.HasSuffix(counter, tc.counter) {
					want = 1
				}
				if got := s.counters.Value(counter); got != want {
					t.Errorf("%s = %d, want %d", counter, got, want)
				}
			}
		})
	}
}

// TestWhatBecomesTextIsCountedOnce: what is inside of an object that becomes text as a whole is not counted for itself.
func TestWhatBecomesTextIsCountedOnce(t *testing.T) {
	s := mapper(t, nil)
	prepared(t, s, withData("", `{"n":1e999,"x":{"y":1e999,"z":{"a":1,"a":2},"z":3}}`), "")
	if n, o := s.counters.Value("kept_as_text_numbers"), s.counters.Value("kept_as_text_members"); n != 1 || o != 1 {
		t.Errorf("%d numbers and %d objects are counted, want 1 and 1", n, o)
	}
}

// TestManyNames: the last of many names is found to be repeated, and it takes no time in the square of their number.
func TestManyNames(t *testing.T) {
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, `"%x":0,`, i)
	}
	s := mapper(t, nil)
	r, _ := prepared(t, s, withData("", "{"+b.String()+`"last":1}`), "")
	if members, isMap := attributes(t, r)["data"].(m)["M"].(m); !isMap || len(members) != 30_001 || s.counters.Value("kept_as_text_members") != 0 {
		t.Errorf("an object of many names has %d members, is a map: %t", len(members), isMap)
	}
	r, _ = prepared(t, s, withData("", "{"+b.String()+`"1f":2}`), "")
	if _, isText := attributes(t, r)["data"].(m)["S"]; !isText || s.counters.Value("kept_as_text_members") != 1 {
		t.Error("an object of many names, one repeated, is not text")
	}
}

func TestRefusedEvents(t *testing.T) {
	long := func(n int) func(*event.Event) {
		return func(e *event.Event) { e.SetSubject(strings.Repeat("x", n)) }
	}
	set := func(name string, value any) func(*event.Event) {
		return func(e *event.Event) { e.SetExtension(name, value) }
	}
	data := func(text string) func(*event.Event) { return func(e *event.Event) { e.DataEncoded = []byte(text) } }
	noTime := func(e *event.Event) { e.Context.(*event.EventContextV1).Time = nil }
	for name, tc := range map[string]struct {
		change func(*settings)
		event  func(*event.Event)
		want   forward.Kind // 0: none
		says   string
	}{
		"longest key":           {with("latest", "KEY", "pk={subject}"), long(2048), 0, ""},
		"longer key":            {with("latest", "KEY", "pk={subject}"), long(2049), forward.Invalid, "the key pk would have 2049 bytes"},
		"longest sort key":      {with("latest", "SORT_KEY", "sk={subject}"), long(1024), 0, ""},
		"longer sort key":       {with("latest", "SORT_KEY", "sk={subject}"), long(1025), forward.Invalid, "the key sk would have 1025 bytes"},
		"empty key":             {with("log", "KEY", "pk={data}"), data(`""`), forward.Invalid, "the key pk would be empty"},
		"no subject":            {with("latest", "KEY", ""), func(e *event.Event) { e.Context.(*event.EventContextV1).Subject = nil }, forward.Denied, "DYNAMODB_KEY: the key pk cannot be filled: {subject} is absent"},
		"no time":               {with("latest", "KEY", ""), noTime, forward.Denied, "DYNAMODB_ORDER: the event has no order: {time} is absent"},
		"no time, no need":      {with("latest", "ORDER", "arrival"), noTime, 0, ""},
		"no order":              {with("latest", "ORDER", "seq={data/seq}"), nil, forward.Denied, "DYNAMODB_ORDER: the event has no order: {data/seq} is absent"},
		"a boolean as order":    {with("latest", "ORDER", "seq={data}"), data("true"), forward.Denied, "{data} is neither a number"},
		"a flag as order":       {with("latest", "ORDER", "seq={flag}"), set("flag", true), forward.Denied, "{flag} is neither a number"},
		"a huge order":          {with("latest", "ORDER", "seq={data}"), data("1e200"), forward.Denied, "{data} is neither a number that DynamoDB can hold"},
		"no TTL":                {with("log", "TTL", "ttl={data/until}"), nil, forward.Denied, "DYNAMODB_TTL: the attribute ttl cannot be filled: {data/until} is absent"},
		"TTL in words":          {with("log", "TTL", "ttl={data}"), data(`"soon"`), forward.Denied, "neither epoch seconds nor an RFC 3339 time"},
		"TTL in milliseconds":   {with("log", "TTL", "ttl={data}"), data("1790000000000"), forward.Denied, "neither epoch seconds"},
		"TTL before 1970":       {with("log", "TTL", "ttl={data}"), data("-1"), forward.Denied, "neither epoch seconds"},
		"the table's name":      {nil, set("pk", "x"), forward.Denied, `DYNAMODB_KEY: the event has an extension "pk"`},
		"the order's name":      {with("latest", "ORDER", "seq={data}"), func(e *event.Event) { data("1")(e); set("seq", "x")(e) }, forward.Denied, `DYNAMODB_ORDER: the event has an extension "seq"`},
		"its own name":          {with("latest", "ORDER", "seq={seq}"), set("seq", int32(1)), 0, ""},
		"a year of five digits": {nil, func(e *event.Event) { e.SetTime(time.Date(9999, 12, 31, 23, 59, 0, 0, time.FixedZone("", -3600))) }, forward.Invalid, "outside of the years 0000 to 9999"},
	} {
		t.Run(name, func(t *testing.T) {
			e := order1()
			if tc.event != nil {
				tc.event(&e)
			}
			_, err := mapper(t, tc.change).Prepare(&e, "")
			switch {
			case tc.want == 0 && err != nil:
				t.Errorf("Prepare() = %v, want no error", err)
			case tc.want != 0 && (err == nil || forward.KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) || errors.Is(err, forward.ErrTooLarge)):
				t.Errorf("Prepare() = %v, want %v that says %q", err, tc.want, tc.says)
			case tc.want == forward.Denied && !strings.Contains(forward.Detail(err), "the setting "+strings.SplitN(tc.says, ":", 2)[0]) && strings.HasPrefix(tc.says, "DYNAMODB"):
				t.Errorf("Detail() = %q, want it to name the setting", forward.Detail(err))
			}
		})
	}
}
