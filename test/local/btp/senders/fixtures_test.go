package senders

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestSendersSendWhatTheFixturesShow lets each sender send the event of a fixture, which was written from public material apart from
// this package, and compares headers and body.
func TestSendersSendWhatTheFixturesShow(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "testdata", "sap-events")
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Events []struct {
			Name, Body string
			Headers    map[string]string
		}
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	tenant := "5b7e1c02-8d34-4a6f-9e21-0c4d8f6a7b35"
	tested := 0
	for _, fixture := range index.Events {
		var sender string
		var o Options
		var event Event
		files := shipped(t)
		number, _, _ := strings.Cut(fixture.Name, "-")
		body, err := os.ReadFile(filepath.Join(folder, "bodies", filepath.Base(fixture.Body)))
		if err != nil {
			t.Fatal(err)
		}
		h := fixture.Headers
		switch number {
		case "02": // a subscription without a default content type
			sender = "event-mesh/subscription.json"
			files[sender].Data = []byte(strings.Replace(string(files[sender].Data), "application/cloudevents+json", "", 1))
			var e struct {
				ID, Source, Type string
				Time             time.Time
				Data             json.RawMessage
			}
			if err := json.Unmarshal(body, &e); err != nil {
				t.Fatal(err)
			}
			event = Event{ID: e.ID, Source: e.Source, Type: e.Type, Time: e.Time, Data: e.Data}
		case "05":
			sender = "kyma"
			files["kyma/subscription.yaml"].Data = []byte(strings.NewReplacer("<your source>", h["ce-source"], "<your event type>", h["ce-type"]).Replace(string(files["kyma/subscription.yaml"].Data)))
			at, err := time.Parse(time.RFC3339, h["ce-time"])
			if err != nil {
				t.Fatal(err)
			}
			event = Event{ID: h["ce-id"], Source: h["ce-source"], Type: h["ce-type"], Time: at, Data: body}
		case "07":
			sender, o.ConsumerTenant = "event-hub", tenant
			event = Event{ID: h["ce-id"], Source: h["ce-source"], Type: h["ce-type"], Data: body}
		case "08":
			sender, o.ConsumerTenant, o.Wrapped = "event-hub", tenant, true
			event = Event{ID: h["ce-id"], Source: h["ce-source"], Type: h["ce-type"], Extensions: make(map[string]any)}
			var all map[string]json.RawMessage
			if err := json.Unmarshal(body, &all); err != nil {
				t.Fatal(err)
			}
			for name, value := range all {
				event.Extensions[name] = value
			}
			event.Data = all["data"]
			delete(event.Extensions, "data")
		case "14": // CAP without the format
			sender = "cap/package.json"
			files[sender].Data = []byte(strings.Replace(strings.Replace(string(files[sender].Data), `"cloudevents"`, `""`, 1), "$namespace/ce/", "nordwind/orders/1/", 1))
			files["event-mesh/topics.txt"].Data = []byte("*")
			event = Event{ID: "x", Source: "x", Type: "StockChanged", Data: json.RawMessage(`{"ID":"511","stock":3}`), Extensions: map[string]any{"tenant": "t0"}}
		default:
			continue
		}
		tested++
		virtual.Run(t, func(t *testing.T) {
			target := newTarget(t, always(200))
			o.Client = target.client()
			s, err := fromFiles(sender, files, o)
			if err != nil {
				t.Fatal(err)
			}
			deliver(t, s, event)
			r := target.events()[0]
			got := make(map[string]string)
			for name, values := range r.Header {
				got[strings.ToLower(name)] = strings.Join(values, ",")
			}
			delete(got, "authorization") // fixtures carry none
			want := make(map[string]string)
			for name, value := range h {
				if name != "traceparent" && name != "user-agent" { // random, and the client's
					want[name] = value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: headers (-fixture +sent):\n%s", fixture.Name, diff)
			}
			var fixtureBody, sent any
			if err := json.Unmarshal(body, &fixtureBody); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(r.Body), &sent); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fixtureBody, sent); diff != "" {
				t.Errorf("%s: body (-fixture +sent):\n%s", fixture.Name, diff)
			}
		})
	}
	if tested != 5 {
		t.Errorf("%d fixtures were tested, want 5", tested)
	}
}
