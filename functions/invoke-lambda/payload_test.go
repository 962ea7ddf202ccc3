package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// mapper is a sink for Prepare alone.
func mapper(t testing.TB, change func(*settings)) *sink {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	out := &sink{settings: s, counters: &telemetry.Counters{}}
	out.function, _ = parseFunction(s.Lambda.Function)
	return out
}

func sendData(s *settings) { s.Lambda.Payload = "data" }

func prepared(t *testing.T, s *sink, e event.Event, trace string) *invocation {
	t.Helper()
	item, err := s.Prepare(&e, trace)
	if err != nil {
		t.Fatalf("Prepare() = %v", err)
	}
	v := item.Payload.(*invocation)
	if item.Size != len(v.payload) || item.Key != "" {
		t.Errorf("Prepare() = size %d, key %q, want the payload's %d and no key", item.Size, item.Key, len(v.payload))
	}
	return v
}

func TestPayloadIsTheEvent(t *testing.T) {
	e := order()
	e.SetExtension("tenant", "t1")
	e.SetExtension("attempt", 2)
	const want = `{"specversion":"1.0","id":"1","source":"/default/sap.s4.beh/1","type":"order.v1","subject":"7","datacontenttype":"application/json",` +
		`"time":"2026-10-05T08:20:00Z","attempt":2,"tenant":"t1","data":{"id":7,"exact":12345678901234567890.10}}`
	if v := prepared(t, mapper(t, nil), e, ""); string(v.payload) != want {
		t.Errorf("payload = %s, want %s", v.payload, want)
	}
}

func TestPayloadIsTheData(t *testing.T) {
	for _, data := range []string{`{"id":7,"exact":12345678901234567890.10}`, ` [1, "ä"] `, "null", `"text"`, "0"} {
		e := order()
		e.DataEncoded = []byte(data)
		if v := prepared(t, mapper(t, sendData), e, ""); string(v.payload) != data {
			t.Errorf("payload = %s, want the data byte for byte: %s", v.payload, data)
		}
	}
	for name, data := range map[string]string{"none": "", "cut off": `{"id":`, "text": "hello", "two values": "1 2", "not UTF-8": "\"a\xffb\""} {
		e := order()
		e.DataEncoded = []byte(data)
		_, err := mapper(t, sendData).Prepare(&e, "")
		if err == nil || forward.KindOf(err) != forward.Invalid || !errors.Is(err, forward.ErrContent) || !strings.Contains(forward.Detail(err), "LAMBDA_PAYLOAD=event") {
			t.Errorf("%s: Prepare() = %v, want invalid content, naming LAMBDA_PAYLOAD=event", name, err)
		}
	}
}

func TestDataThatIsNotJSONIsBase64AndCounted(t *testing.T) {
	s := mapper(t, nil)
	e := order()
	e.DataEncoded = []byte(`{"id":`)
	v := prepared(t, s, e, "")
	if !strings.Contains(string(v.payload), `"data_base64":"eyJpZCI6"`) || s.counters.Value("data_not_json") != 1 {
		t.Errorf("payload = %s, counted %d; want base64, counted once", v.payload, s.counters.Value("data_not_json"))
	}
}

// TestExactLimits: of both kinds of invocation, with both payloads, and of a configured limit.
func TestExactLimits(t *testing.T) {
	small := func(s *settings) { s.Lambda.MaxBytes = 1024 }
	for name, tc := range map[string]struct {
		change []func(*settings)
		limit  int
	}{
		"event": {nil, 1_048_576}, "event, data": {[]func(*settings){sendData}, 1_048_576},
		"request-response": {[]func(*settings){waiting}, 6_291_455}, "request-response, data": {[]func(*settings){waiting, sendData}, 6_291_455},
		"configured": {[]func(*settings){small}, 1024}, "configured, data": {[]func(*settings){waiting, sendData, small}, 1024},
	} {
		t.Run(name, func(t *testing.T) {
			s := mapper(t, func(s *settings) {
				for _, change := range tc.change {
					change(s)
				}
			})
			sized := func(n int) event.Event {
				e := order()
				e.DataEncoded = []byte(`""`)
				v := prepared(t, s, e, "")
				e.DataEncoded = []byte(`"` + strings.Repeat("x", n-len(v.payload)) + `"`)
				return e
			}
			if v := prepared(t, s, sized(tc.limit), ""); len(v.payload) != tc.limit {
				t.Errorf("the largest payload = %d bytes, want %d", len(v.payload), tc.limit)
			}
			e := sized(tc.limit + 1)
			_, err := s.Prepare(&e, "")
			if err == nil || forward.KindOf(err) != forward.Invalid || !errors.Is(err, forward.ErrTooLarge) || len(err.Error()) > 300 {
				t.Errorf("Prepare() of one byte more = %v, want invalid as too large", err)
			}
		})
	}
}

// TestDetailShowsNoValue: what a sender reads may be read by others.
func TestDetailShowsNoValue(t *testing.T) {
	const secret = "s3cret"
	for name, change := range map[string]func(*event.Event){
		"attribute that is not UTF-8": func(e *event.Event) { e.SetSubject(secret + "\xff") },
		"too large":                   func(e *event.Event) { e.DataEncoded = []byte(`"` + strings.Repeat(secret, 200_000) + `"`) },
		"no id":                       func(e *event.Event) { e.SetSubject(secret); e.Context.(*event.EventContextV1).ID = "" },
	} {
		for kind, payload := range map[string]string{"event": "event", "data": "data"} {
			if kind == "data" && name != "too large" {
				continue // attributes are not sent
			}
			e := order()
			change(&e)
			_, err := mapper(t, func(s *settings) { s.Lambda.Payload = payload }).Prepare(&e, "")
			if err == nil || forward.KindOf(err) != forward.Invalid || strings.Contains(err.Error()+forward.Detail(err), secret) {
				t.Errorf("%s: Prepare() = %v, detail %q; want invalid without the value", name, err, forward.Detail(err))
			}
		}
	}
}

// TestEventIsKeptForWrappingAlone: what waits in the queue is the payload, not the event beside it.
func TestEventIsKeptForWrappingAlone(t *testing.T) {
	if v := prepared(t, mapper(t, waiting), order(), ""); v.event != nil {
		t.Error("the event is kept though no answer will be wrapped")
	}
	if v := prepared(t, mapper(t, func(s *settings) { waiting(s); s.Lambda.WrapReply = "reply.v1" }), order(), ""); v.event == nil || v.event.ID() != "1" {
		t.Error("the event is not kept though answers are wrapped")
	}
}

func TestTraceID(t *testing.T) {
	const root = "Root=1-7c1f0a9b-e2d34455a6b7c8d9e0f1a2b3;Parent=1a2b3c4d5e6f7081;Sampled="
	const ids = "7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081"
	for traceparent, want := range map[string]string{
		"00-" + ids + "-01": root + "1", "00-" + ids + "-00": root + "0", "00-" + ids + "-02": root + "0", "00-" + ids + "-ff": root + "1",
		"01-" + ids + "-01": root + "1", "01-" + ids + "-01-more": root + "1", "fe-" + ids + "-01-": root + "1",
		"": "", "00": "", "00-" + ids: "", "00-" + ids + "-1": "", "00-" + ids + "-011": "", "00-" + ids + "-01-": "", "01-" + ids + "-01x": "",
		"ff-" + ids + "-01": "", "0x-" + ids + "-01": "", "00-" + ids + "-0g": "", "00-" + strings.ToUpper(ids) + "-01": "", "00_" + ids + "-01": "", "00-" + ids + "_01": "",
		"00-" + strings.Replace(ids, "-", "_", 1) + "-01":           "",
		"00-00000000000000000000000000000000-1a2b3c4d5e6f7081-01":   "",
		"00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-0000000000000000-01":   "",
		"00-7c1f0a9be2d34455a6b7c8d9e0f1a2bä-1a2b3c4d5e6f7081-01":   "",
		"00-7c1f0a9be2d34455a6b7c8d9e0f1a2b;-1a2b3c4d5e6f7081-01":   "",
		"00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f70\r\n-01": "",
	} {
		if got := traceID(traceparent); got != want {
			t.Errorf("traceID(%q) = %q, want %q", traceparent, got, want)
		}
	}
}

func TestTheEventsOwnTraceWins(t *testing.T) {
	e := order()
	e.SetExtension("traceparent", "00-00000000000000000000000000000001-0000000000000001-01")
	for name, v := range map[string]*invocation{"event": prepared(t, mapper(t, nil), e, trace), "data": prepared(t, mapper(t, sendData), e, trace)} {
		if v.trace != "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=1" {
			t.Errorf("%s: trace = %q, want the event's", name, v.trace)
		}
		if name == "event" && !json.Valid(v.payload) {
			t.Errorf("payload = %s, want JSON", v.payload)
		}
	}
}
