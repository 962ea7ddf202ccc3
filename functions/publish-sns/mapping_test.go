package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// mapper is a sink for Prepare alone.
func mapper(t *testing.T, change func(*settings)) *sink {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	return &sink{settings: s, counters: &telemetry.Counters{}}
}

func order() event.Event {
	e := event.New()
	e.SetID("1")
	e.SetSource("/default/sap.s4.beh/1")
	e.SetType("order.v1")
	e.SetSubject("7")
	e.SetTime(time.Date(2026, 10, 5, 8, 20, 0, 0, time.UTC))
	_ = e.SetData("application/json", json.RawMessage(`{"id":7,"exact":12345678901234567890.10}`))
	return e
}

func prepared(t *testing.T, s *sink, e event.Event, trace string) (*message, map[string]string, int) {
	t.Helper()
	item, err := s.Prepare(&e, trace)
	if err != nil {
		t.Fatalf("Prepare() = %v", err)
	}
	m := item.Payload.(*message)
	attributes := map[string]string{}
	for _, a := range m.attributes {
		attributes[a.name] = a.value
	}
	return m, attributes, item.Size
}

func TestAttributes(t *testing.T) {
	m, attributes, size := prepared(t, mapper(t, nil), order(), "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01")
	if diff := cmp.Diff(map[string]string{
		"ce-id": "1", "ce-source": "/default/sap.s4.beh/1", "ce-type": "order.v1", "ce-specversion": "1.0", "ce-subject": "7",
		"ce-time": "2026-10-05T08:20:00Z", "ce-datacontenttype": "application/json",
		"traceparent": "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01",
	}, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	want := len(m.body)
	for name, value := range attributes {
		want += len(name) + len("String") + len(value)
	}
	if size != want {
		t.Errorf("size = %d, want %d: body, names, types and values", size, want)
	}
	if !strings.HasSuffix(string(m.body), `"data":{"id":7,"exact":12345678901234567890.10}}`) {
		t.Errorf("body = %s, want the data as it was sent", m.body)
	}
}

func TestTheEventsOwnTraceWins(t *testing.T) {
	e := order()
	e.SetExtension("traceparent", "00-own")
	if _, attributes, _ := prepared(t, mapper(t, nil), e, "00-request"); attributes["traceparent"] != "00-own" {
		t.Errorf("traceparent = %q, want the event's", attributes["traceparent"])
	}
}

func TestAnEmptyTraceIsNone(t *testing.T) {
	e := order()
	e.SetExtension("traceparent", "")
	if _, attributes, _ := prepared(t, mapper(t, nil), e, "00-request"); attributes["traceparent"] != "00-request" {
		t.Errorf("traceparent = %q, want the request's", attributes["traceparent"])
	}
}

// TestLimits: ten entries, and together not more than one message may have.
func TestLimits(t *testing.T) {
	got := mapper(t, func(s *settings) { s.SNS.MaxBytes = 1 << 20 }).Limits()
	if got.Items != 10 || got.Bytes != 1<<20 {
		t.Errorf("Limits() = %+v, want 10 items of SNS_MAX_BYTES together", got)
	}
}

func TestAbsentAttributesAreLeftOut(t *testing.T) {
	e := event.New()
	e.SetID("1")
	e.SetSource("/x")
	e.SetType("t")
	_, attributes, _ := prepared(t, mapper(t, nil), e, "")
	if diff := cmp.Diff(map[string]string{"ce-id": "1", "ce-source": "/x", "ce-type": "t", "ce-specversion": "1.0"}, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestConfiguredAttributes(t *testing.T) {
	s := mapper(t, func(s *settings) { s.SNS.Attributes = "tenant,order=o-{data/id}" })
	e := order()
	_, attributes, _ := prepared(t, s, e, "")
	if _, found := attributes["tenant"]; found || attributes["order"] != "o-7" {
		t.Errorf("attributes = %v, want the template's and no absent extension", attributes)
	}
	e.SetExtension("tenant", 42)
	if _, attributes, _ := prepared(t, s, e, ""); attributes["tenant"] != "42" {
		t.Errorf("attributes = %v, want the extension", attributes)
	}
	_ = e.SetData("application/json", json.RawMessage(`{}`))
	_, err := s.Prepare(&e, "")
	if err == nil || forward.KindOf(err) != forward.Denied || !strings.Contains(err.Error(), "SNS_ATTRIBUTES") || !strings.Contains(forward.Detail(err), "SNS_ATTRIBUTES") {
		t.Errorf("Prepare() of an event that a template cannot be filled from = %v, want denied, naming SNS_ATTRIBUTES", err)
	}
}

func TestDataThatIsNotJSONIsBase64AndCounted(t *testing.T) {
	s := mapper(t, nil)
	e := order()
	e.DataEncoded = []byte(`{"id":`)
	m, _, _ := prepared(t, s, e, "")
	if !strings.Contains(string(m.body), `"data_base64":"eyJpZCI6"`) || s.counters.Value("data_not_json") != 1 {
		t.Errorf("body = %s, counted %d; want base64, counted once", m.body, s.counters.Value("data_not_json"))
	}
}

func TestPayloadData(t *testing.T) {
	s := mapper(t, func(s *settings) { s.SNS.Payload = "data" })
	if m, _, _ := prepared(t, s, order(), ""); string(m.body) != `{"id":7,"exact":12345678901234567890.10}` {
		t.Errorf("body = %s, want the data byte for byte", m.body)
	}
	for name, data := range map[string]string{"none": "", "NUL": "a\x00b", "not UTF-8": "a\xffb", "a noncharacter": "a\uffffb"} {
		e := order()
		e.DataEncoded = []byte(data)
		_, err := s.Prepare(&e, "")
		if err == nil || forward.KindOf(err) != forward.Invalid || !errors.Is(err, forward.ErrContent) || !strings.Contains(forward.Detail(err), "SNS_PAYLOAD=event") {
			t.Errorf("%s: Prepare() = %v, want invalid content, naming SNS_PAYLOAD=event", name, err)
		}
	}
	for _, data := range []string{"\t\n\r ", "ä€😀", "\ufffd", "\ue000", "\ud7ff"} {
		e := order()
		e.DataEncoded = []byte(data)
		if m, _, _ := prepared(t, s, e, ""); string(m.body) != data {
			t.Errorf("body = %q, want %q", m.body, data)
		}
	}
}

// TestBodyHoldsWhatAMessageCan: JSON allows two characters that a message cannot hold; as escapes they are the same value.
func TestBodyHoldsWhatAMessageCan(t *testing.T) {
	for _, data := range []string{"\"a\uffffb\"", "{\"\ufffe\":[\"\uffff\uffff\"]}", "\"\ufffd\ue000\ud7ff𐀀\u007f\""} {
		e := order()
		e.DataEncoded = []byte(data)
		m, _, size := prepared(t, mapper(t, nil), e, "")
		if bad := illegal(string(m.body)); bad >= 0 {
			t.Errorf("the body of data %+q holds %U: %s", data, bad, m.body)
		}
		var want any
		var got struct{ Data any }
		if err := errors.Join(json.Unmarshal([]byte(data), &want), json.Unmarshal(m.body, &got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("data (-want +got):\n%s", diff)
		}
		if size != m.size || size <= len(m.body) {
			t.Errorf("size = %d, the message's %d and the body's %d; want the escapes counted", size, m.size, len(m.body))
		}
	}
}

func TestExtensionThatNoMessageCanHold(t *testing.T) {
	e := order()
	e.SetExtension("tenant", "a\uffffb")
	s := mapper(t, func(s *settings) { s.SNS.Payload, s.SNS.Attributes = "data", "tenant" })
	if _, err := s.Prepare(&e, ""); err == nil || forward.KindOf(err) != forward.Invalid || !strings.Contains(forward.Detail(err), "tenant") {
		t.Errorf("Prepare() = %v, want invalid, naming the attribute", err)
	}
}

// TestDetailShowsNoValue: what a sender reads may be read by others.
func TestDetailShowsNoValue(t *testing.T) {
	const secret = "s3cret"
	for name, change := range map[string]func(*event.Event){
		"attribute that no message can hold": func(e *event.Event) { e.SetSubject(secret + "\x01") },
		"attribute that is not UTF-8":        func(e *event.Event) { e.SetSubject(secret + "\xff") },
		"too large":                          func(e *event.Event) { e.DataEncoded = []byte(`"` + strings.Repeat(secret, 50_000) + `"`) },
		"no id":                              func(e *event.Event) { e.SetID(""); e.SetSubject(secret) },
	} {
		e := order()
		change(&e)
		if name == "no id" {
			e.Context.(*event.EventContextV1).ID = ""
		}
		_, err := mapper(t, nil).Prepare(&e, "")
		if err == nil || forward.KindOf(err) != forward.Invalid || strings.Contains(err.Error()+forward.Detail(err), secret) {
			t.Errorf("%s: Prepare() = %v, detail %q; want invalid without the value", name, err, forward.Detail(err))
		}
	}
}

func TestAttributeThatNoMessageCanHold(t *testing.T) {
	e := order()
	e.SetSubject("a\u0001b")
	_, err := mapper(t, nil).Prepare(&e, "")
	if err == nil || forward.KindOf(err) != forward.Invalid || !strings.Contains(forward.Detail(err), "ce-subject") {
		t.Errorf("Prepare() = %v, want invalid, naming the attribute", err)
	}
}

func TestLimitIsTheConfiguredOne(t *testing.T) {
	s := mapper(t, func(s *settings) { s.SNS.MaxBytes = 1 << 10 })
	e := order()
	_, _, size := prepared(t, s, e, "")
	e.SetExtension("pad", "")
	_, _, empty := prepared(t, s, e, "")
	for extra, fits := range map[int]bool{0: true, 1: false} {
		e.SetExtension("pad", strings.Repeat("x", 1<<10-empty+extra))
		_, err := s.Prepare(&e, "")
		if fits != (err == nil) || err != nil && !errors.Is(err, forward.ErrTooLarge) {
			t.Errorf("Prepare() of %d bytes above the limit = %v, want it to fit: %t", extra, err, fits)
		}
	}
	if size >= empty {
		t.Errorf("sizes %d and %d: an extension costs nothing", size, empty)
	}
}

// A setting that cannot work is found at start, with what is wrong with it.
func Example() {
	var s settings
	s.SNS.TopicARN, s.SNS.AttributesMax = "orders", 10
	for _, p := range s.Check() {
		fmt.Println(p.Error())
	}
	// Output: SNS_TOPIC_ARN is "orders", which is not the ARN of a topic: arn:aws:sns:region:account:name is needed
}
