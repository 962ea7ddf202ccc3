package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

const eventsFolder = "../testdata/sap-events"

// sapEvent is a request as one of SAP's senders makes it, with the outcomes that the ingress owes it.
type sapEvent struct {
	Name    string
	Headers map[string]string
	Body    string
	Expect  []outcome
}

type outcome struct {
	Settings struct {
		Strict        bool
		DefaultSource string `json:"default_source"`
	}
	Result   string
	StatusIn []int `json:"status_in"`
	Events   []expected
}

// expected is an event as it must have been read.
type expected struct {
	Attributes map[string]string
	Extensions map[string]any
	Data       string
	DataJSON   json.RawMessage `json:"data_json"`
	DataBase64 string          `json:"data_base64"`
}

func sapEvents(t *testing.T) []sapEvent {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(eventsFolder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Format int
		Events []sapEvent
	}
	if err := json.Unmarshal(body, &index); err != nil || index.Format != 1 || len(index.Events) != 14 {
		t.Fatalf("the index has format %d and %d events (%v), want 1 and 14", index.Format, len(index.Events), err)
	}
	return index.Events
}

// TestSAPEventsArrive posts every fixture to the function under every combination of settings that it has an outcome for,
// with both payloads, and reads what arrives in the queue.
func TestSAPEventsArrive(t *testing.T) {
	all := sapEvents(t)
	seen := 0
	for _, strict := range []bool{false, true} {
		for _, source := range []string{"", "/default/sap.s4.beh/731904412"} {
			for _, payload := range []string{"event", "data"} {
				rows := rowsFor(all, strict, source)
				seen += len(rows)
				t.Run(fmt.Sprintf("strict=%t source=%t %s", strict, source != "", payload), func(t *testing.T) {
					t.Parallel()
					s := newStand(t, local.Config{})
					s.start(fmt.Sprintf("STRICT=%t", strict), "DEFAULT_SOURCE="+source, "SNS_PAYLOAD="+payload)
					for _, r := range rows {
						t.Run(r.event.Name, func(t *testing.T) { s.checkFixture(t, r, payload) })
					}
				})
			}
		}
	}
	total := 0
	for _, e := range all {
		total += len(e.Expect)
	}
	if seen != 2*total {
		t.Errorf("%d outcomes were checked, want each of the %d with both payloads", seen, total)
	}
}

type row struct {
	event   sapEvent
	outcome outcome
}

func rowsFor(all []sapEvent, strict bool, source string) []row {
	var rows []row
	for _, e := range all {
		for _, o := range e.Expect {
			if o.Settings.Strict == strict && o.Settings.DefaultSource == source {
				rows = append(rows, row{e, o})
			}
		}
	}
	return rows
}

func (s *system) checkFixture(t *testing.T, r row, payload string) {
	body, err := os.ReadFile(filepath.Join(eventsFolder, r.event.Body))
	if err != nil {
		t.Fatal(err)
	}
	before := s.stand.AWS.MessageCount(s.QueueARN)
	answer := s.post(r.event.Headers, body)
	if r.outcome.Result == "rejected" {
		if !slices.Contains(r.outcome.StatusIn, answer.status) {
			t.Errorf("answer = %d %s, want one of %v", answer.status, answer.body, r.outcome.StatusIn)
		}
		if n := s.stand.AWS.MessageCount(s.QueueARN); n != before {
			t.Errorf("%d messages arrived of what was refused", n-before)
		}
		return
	}
	want := r.outcome.Events
	if payload == "data" { // an event without data cannot be sent then; the others of its batch are
		want = slices.DeleteFunc(slices.Clone(want), func(e expected) bool { return e.Data == "none" })
	}
	wantStatus := 204
	if len(want) < len(r.outcome.Events) {
		wantStatus = 400
		if len(r.outcome.Events) == 1 {
			wantStatus = 422
		}
	}
	if answer.status != wantStatus {
		t.Fatalf("answer = %d %s, want %d", answer.status, answer.body, wantStatus)
	}
	messages, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, before+len(want))
	if err != nil {
		t.Fatal(err)
	}
	arrived := messages[before:]
	for _, e := range want {
		i := slices.IndexFunc(arrived, func(m aws.Message) bool {
			return m.Attributes["ce-id"].Value == e.Attributes["id"] && m.Attributes["ce-type"].Value == e.Attributes["type"]
		})
		if i < 0 {
			t.Errorf("event %s of type %s did not arrive", e.Attributes["id"], e.Attributes["type"])
			continue
		}
		m := arrived[i]
		checkAttributes(t, m, e.Attributes, e.Extensions, r.event.Headers["traceparent"])
		if payload == "data" {
			checkData(t, []byte(m.Body), e.Data, e.DataJSON, e.DataBase64, body, true)
			continue
		}
		checkEvent(t, m.Body, e.Attributes, e.Extensions, func(data []byte) {
			checkData(t, data, e.Data, e.DataJSON, e.DataBase64, body, false)
		})
	}
}

// checkAttributes compares the message's attributes with the event's: exactly those, and the trace context of the event or
// else of its request.
func checkAttributes(t *testing.T, m aws.Message, attributes map[string]string, extensions map[string]any, trace string) {
	t.Helper()
	want := map[string]string{}
	for name, value := range attributes {
		if name != "dataschema" {
			want["ce-"+name] = value
		}
	}
	if own, ok := extensions["traceparent"].(string); ok {
		trace = own
	}
	if trace != "" {
		want["traceparent"] = trace
	}
	got := map[string]string{}
	for name, a := range m.Attributes {
		got[name] = a.Value
		if a.Type != "String" {
			t.Errorf("attribute %s has type %s, want String", name, a.Type)
		}
	}
	if at, ok := want["ce-time"]; ok && sameInstant(at, got["ce-time"]) {
		want["ce-time"] = got["ce-time"]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("message attributes = %v, want %v", got, want)
	}
}

func sameInstant(a, b string) bool {
	at, errA := time.Parse(time.RFC3339Nano, a)
	bt, errB := time.Parse(time.RFC3339Nano, b)
	return errA == nil && errB == nil && at.Equal(bt)
}

// checkEvent reads a structured event and compares it member by member; data gets the bytes of its data, nil if none.
func checkEvent(t *testing.T, body string, attributes map[string]string, extensions map[string]any, data func([]byte)) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("the message is no JSON object: %v\n%s", err, body)
	}
	switch {
	case members["data_base64"] != nil:
		var text string
		_ = json.Unmarshal(members["data_base64"], &text)
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Errorf("data_base64: %v", err)
		}
		data(bytes)
	default:
		data(members["data"])
	}
	delete(members, "data")
	delete(members, "data_base64")
	for name, raw := range members {
		var got any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want, known := any(attributes[name]), attributes[name] != ""
		if !known {
			want, known = extensions[name]
		}
		text, wanted := fmt.Sprint(got), fmt.Sprint(want)
		equal := text == wanted || name == "time" && sameInstant(text, wanted)
		if !known || !equal {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if len(members) != len(attributes)+len(extensions) {
		t.Errorf("the message has members %v, want those of %v and %v", members, attributes, extensions)
	}
}

// checkData compares data. exact wants the bytes as they were sent; else JSON is compared as values, with all digits.
func checkData(t *testing.T, got []byte, how string, asJSON json.RawMessage, asBase64 string, request []byte, exact bool) {
	t.Helper()
	switch {
	case how == "none":
		if got != nil {
			t.Errorf("data = %s, want none", got)
		}
	case how == "body" && exact:
		if !bytes.Equal(got, request) {
			t.Errorf("data = %s, want the bytes of the body", got)
		}
	case how == "body":
		if !bytes.Equal(got, request) && !sameJSON(t, got, request) {
			t.Errorf("data = %s, want the value of the body %s", got, request)
		}
	case asJSON != nil:
		if exact && !bytes.Contains(request, got) {
			t.Errorf("data = %s, want bytes as they stand in the request", got)
		}
		if !sameJSON(t, got, asJSON) {
			t.Errorf("data = %s, want the value %s", got, asJSON)
		}
	case asBase64 != "":
		want, err := base64.StdEncoding.DecodeString(asBase64)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("data = %q (%v), want %q", got, err, want)
		}
	default:
		t.Errorf("the fixture says nothing of the data")
	}
}

// sameJSON compares two JSON values, numbers by their exact value.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(decode(t, a), decode(t, b))
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("%s is no JSON: %v", text, err)
	}
	return exactNumbers(v)
}

func exactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return v
		}
		return "number " + strings.TrimSuffix(n.String(), "/1")
	case map[string]any:
		for k := range v {
			v[k] = exactNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	}
	return v
}
