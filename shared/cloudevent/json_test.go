package cloudevent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

func TestAppendJSON(t *testing.T) {
	subject, xml, schema := "<Zoë> & \"Co\"\\ \u2028", "application/xml", "https://Example.com/s"
	png := "image/png"
	js, vnd := "Application/JSON; charset=utf-8", "application/vnd.sap.order+json"
	uri, err := ParseSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		change  func(e *event.Event, c *event.EventContextV1)
		want    string
		notJSON bool
	}{
		{"nothing optional", func(*event.Event, *event.EventContextV1) {}, ``, false},
		{"all attributes", func(_ *event.Event, c *event.EventContextV1) {
			c.Subject, c.DataContentType, c.DataSchema = &subject, &xml, &uri
			c.Time = &types.Timestamp{Time: time.Date(2026, 10, 5, 10, 2, 11, 500_000_000, time.FixedZone("", 7200))}
		}, `,"subject":"<Zoë> & \"Co\"\\ ` + "\u2028" + `","datacontenttype":"application/xml","dataschema":"https://Example.com/s","time":"2026-10-05T08:02:11.5Z"`, false},
		{"extensions of every type, sorted", func(_ *event.Event, c *event.EventContextV1) {
			c.Extensions = map[string]any{"z": "s", "a": int32(math.MinInt32), "b": true, "c": []byte{0xff}, "d": types.Timestamp{Time: time.Unix(0, 0)},
				"e": types.URIRef{URL: url.URL{Path: "/x"}}, "f": 7, "g": nil, "h": "", "i": false}
		}, `,"a":-2147483648,"b":true,"c":"/w==","d":"1970-01-01T00:00:00Z","e":"/x","f":7,"h":"","i":false,"z":"s"`, false},
		{"data without a type, digits kept", func(e *event.Event, _ *event.EventContextV1) {
			e.DataEncoded = []byte(` {"total": 90071992547409931.250, "n":1.10} `)
		}, `,"data": {"total": 90071992547409931.250, "n":1.10} `, false},
		{"JSON type in any case with parameters", func(e *event.Event, c *event.EventContextV1) {
			c.DataContentType, e.DataEncoded = &js, []byte(`null`)
		}, `,"datacontenttype":"Application/JSON; charset=utf-8","data":null`, false},
		{"suffix +json", func(e *event.Event, c *event.EventContextV1) {
			c.DataContentType, e.DataEncoded = &vnd, []byte(`"a"`)
		}, `,"datacontenttype":"application/vnd.sap.order+json","data":"a"`, false},
		{"JSON that came as base64", func(e *event.Event, _ *event.EventContextV1) {
			e.DataEncoded, e.DataBase64 = []byte(`{}`), true
		}, `,"data":{}`, false},
		{"two values are not one", func(e *event.Event, _ *event.EventContextV1) { e.DataEncoded = []byte(`{} {}`) }, `,"data_base64":"e30ge30="`, true},
		{"a JSON string that is not UTF-8", func(e *event.Event, _ *event.EventContextV1) { e.DataEncoded = []byte("\"\xff\"") }, `,"data_base64":"Iv8i"`, true},
		{"empty data under a JSON type", func(e *event.Event, _ *event.EventContextV1) { e.DataEncoded = []byte{} }, `,"data_base64":""`, true},
		{"XML is text", func(e *event.Event, c *event.EventContextV1) {
			c.DataContentType, e.DataEncoded = &xml, []byte(`<a b="ä"/>`)
		}, `,"datacontenttype":"application/xml","data":"<a b=\"ä\"/>"`, false},
		{"text that is not UTF-8", func(e *event.Event, c *event.EventContextV1) {
			c.DataContentType, e.DataEncoded = &xml, []byte("\xff")
		}, `,"datacontenttype":"application/xml","data_base64":"/w=="`, false},
		{"data of another type", func(e *event.Event, c *event.EventContextV1) {
			c.DataContentType, e.DataEncoded = &png, []byte(`{}`)
		}, `,"datacontenttype":"image/png","data_base64":"e30="`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := make1(t, "/s", "1", "t")
			row.change(e, e.Context.(*event.EventContextV1))
			want := `before{"specversion":"1.0","id":"1","source":"/s","type":"t"` + row.want + `}`
			got, notJSON, err := AppendJSON([]byte("before"), e)
			if err != nil || string(got) != want || notJSON != row.notJSON {
				t.Errorf("AppendJSON = %s, %v, %v, want %s, %v", got, notJSON, err, want, row.notJSON)
			}
		})
	}
}

func TestAppendJSONIsNeverTooDeep(t *testing.T) {
	for _, depth := range []int{9_999, 10_000, 10_001} {
		e := make1(t, "/s", "1", "t")
		e.DataEncoded = []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		out, notJSON, err := AppendJSON(nil, e)
		if err != nil || !json.Valid(out) || notJSON != (depth > 9_999) {
			t.Errorf("AppendJSON of %d arrays: notJSON = %v, %v; valid = %v", depth, notJSON, err, json.Valid(out))
		}
	}
}

func TestAppendJSONRefuses(t *testing.T) {
	bad := "\xff"
	for want, change := range map[string]func(c *event.EventContextV1){
		"attribute id is empty":          func(c *event.EventContextV1) { c.ID = "" },
		"attribute source is empty":      func(c *event.EventContextV1) { c.Source = types.URIRef{} },
		"attribute type is empty":        func(c *event.EventContextV1) { c.Type = "" },
		"attribute id is not UTF-8":      func(c *event.EventContextV1) { c.ID = bad },
		"attribute subject is not UTF-8": func(c *event.EventContextV1) { c.Subject = &bad },
		"attribute x is not UTF-8":       func(c *event.EventContextV1) { c.Extensions = map[string]any{"x": bad} },
		`"data" is no name of`:           func(c *event.EventContextV1) { c.Extensions = map[string]any{"data": "evil"} },
		`"data_base64" is no name of`:    func(c *event.EventContextV1) { c.Extensions = map[string]any{"data_base64": "evil"} },
		`"id" is no name of`:             func(c *event.EventContextV1) { c.Extensions = map[string]any{"id": "evil"} },
		`"a\":1,\"b" is no name of`:      func(c *event.EventContextV1) { c.Extensions = map[string]any{`a":1,"b`: "evil"} },
		"extension x is of a type":       func(c *event.EventContextV1) { c.Extensions = map[string]any{"x": struct{}{}} },
		"attribute time has a year": func(c *event.EventContextV1) {
			c.Time = &types.Timestamp{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
		},
	} {
		e := make1(t, "/s", "1", "t")
		change(e.Context.(*event.EventContextV1))
		got, _, err := AppendJSON([]byte("before"), e)
		if err == nil || !strings.Contains(err.Error(), want) || string(got) != "before" {
			t.Errorf("AppendJSON = %s, %v, want an error with %q", got, err, want)
		}
	}
	old := event.New(event.CloudEventsVersionV03)
	if got, _, err := AppendJSON(nil, &old); err == nil {
		t.Errorf("AppendJSON of version 0.3 = %s, want an error", got)
	}
}

// FuzzAppendJSON: what is written is one JSON value in UTF-8 that the CloudEvents SDK reads as the same event.
func FuzzAppendJSON(f *testing.F) {
	f.Add("1", "/s", "t", "sub", "application/json", "ext", "v", int32(5), []byte(`{"a":1.10}`))
	f.Add("1", "/ä%", "<t>", "", "", "x", "\u2028", int32(0), []byte("\xff\x00"))
	f.Add("\xff", "s", "t\n", "", "text/plain", "x", "", int32(-1), []byte(``))
	f.Add("1", "http://h/p?q#f", "t", "", "application/x+json", "data", "v", int32(-1), []byte(`"s"`))
	f.Fuzz(func(t *testing.T, id, source, typ, subject, contentType, name, value string, number int32, data []byte) {
		ref, err := ParseSource(source)
		if err != nil {
			return
		}
		c := &event.EventContextV1{ID: id, Source: ref, Type: typ, Extensions: map[string]any{name: value, "number": number, "flag": number > 0}}
		if subject != "" {
			c.Subject = &subject
		}
		if contentType != "" {
			c.DataContentType = &contentType
		}
		e := &event.Event{Context: c, DataEncoded: data}
		out, notJSON, err := AppendJSON(nil, e)
		if err != nil {
			return
		}
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("AppendJSON = %q, which is not JSON in UTF-8", out)
		}
		if asJSON := IsJSON(contentType); notJSON != (data != nil && asJSON && (!json.Valid(data) || !utf8.Valid(data))) {
			t.Errorf("AppendJSON of %q: notJSON = %v", data, notJSON)
		}
		var back event.Event
		if err := json.Unmarshal(out, &back); err != nil {
			if sdkReadsNoSuffix(contentType) {
				return
			}
			t.Fatalf("the SDK refuses %s: %v", out, err)
		}
		if sdkReadsNoSuffix(contentType) {
			return
		}
		parsed, err := url.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{back.ID(), back.Source(), back.Type(), back.Subject(), back.DataContentType(), back.Extensions()}
		want := []any{id, parsed.String(), typ, subject, contentType, e.Extensions()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("through the SDK (-want +got): %s", diff)
		}
		if !bytes.Equal(bytes.TrimSpace(back.Data()), bytes.TrimSpace(data)) {
			t.Errorf("data through the SDK = %q, want %q", back.Data(), data)
		}
	})
}

// sdkReadsNoSuffix is the one difference: version 2.16.2 of the SDK knows JSON types only by their exact names, so it
// takes data under application/vnd.x+json, or under a name in capitals, for text.
// Source: spec/peers.md 5.4, point 8.
func sdkReadsNoSuffix(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.TrimSpace(mediaType)
	switch mediaType {
	case event.ApplicationJSON, event.TextJSON, event.ApplicationCloudEventsJSON, event.ApplicationCloudEventsBatchJSON, "":
		return false
	}
	return IsJSON(contentType)
}

func TestSDKReadsNoSuffix(t *testing.T) {
	vnd := "application/vnd.x+json"
	e := make1(t, "/s", "1", "t")
	e.Context.(*event.EventContextV1).DataContentType = &vnd
	e.DataEncoded = []byte(`{"a":1}`)
	out, _, err := AppendJSON(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	var back event.Event
	if err := json.Unmarshal(out, &back); err == nil {
		t.Errorf("the SDK reads %s; the difference is gone, remove it", out)
	}
}

// sample is an event of about 1 KB as the benchmarks and the budgets of architecture.md have it.
func sample(t testing.TB) *event.Event {
	e := make1(t, "/default/sap.s4.beh/731904412", "3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d7", "sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1")
	js := "application/json"
	c := e.Context.(*event.EventContextV1)
	c.DataContentType = &js
	c.Time = &types.Timestamp{Time: time.Date(2026, 10, 5, 6, 41, 17, 0, time.UTC)}
	c.Extensions = map[string]any{"originaltype": "order.received.v1", "eventtypeversion": "v1"}
	e.DataEncoded = []byte(`{"lines":[` + strings.TrimSuffix(strings.Repeat(`{"product":"F-0815","quantity":7,"unit":"piece"},`, 20), ",") + `]}`)
	return e
}

func TestAppendJSONAllocations(t *testing.T) {
	e := sample(t)
	room := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := AppendJSON(room, e); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("AppendJSON into room allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := AppendJSON(nil, e); err != nil {
			t.Error(err)
		}
	}); n > 1 {
		t.Errorf("AppendJSON into nothing allocates %v times, want 1", n)
	}
	if n := testing.AllocsPerRun(100, func() { Short(e) }); n > 1 {
		t.Errorf("Short allocates %v times, want 1", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := AppendJSON(nil, e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkShort(b *testing.B) {
	e := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		Short(e)
	}
}

func ExampleAppendJSON() {
	ref, _ := ParseSource("/nordwind")
	e := &event.Event{Context: &event.EventContextV1{ID: "1", Source: ref, Type: "order.created.v1"}, DataEncoded: []byte(`{"total":1203.50}`)}
	out, notJSON, err := AppendJSON(nil, e)
	fmt.Println(string(out), notJSON, err)
	// Output:
	// {"specversion":"1.0","id":"1","source":"/nordwind","type":"order.created.v1","data":{"total":1203.50}} false <nil>
}
