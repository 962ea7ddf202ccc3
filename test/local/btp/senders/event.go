package senders

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// Event is a CloudEvent that a publisher has to say.
type Event struct {
	// ID, Source and Type must be set; of CAP's events the source is replaced by what its configuration says.
	ID, Source, Type string
	// Subject is left out if empty, Time if zero.
	Subject string
	Time    time.Time
	// Extensions are further attributes: strings, numbers and booleans. Names are in lower case, but for bodies of Event Hub, which take
	// them as they are.
	Extensions map[string]any
	// Data is a JSON value; nil means no data.
	Data json.RawMessage
}

// attributes are all but the data.
func (e Event) attributes() map[string]any {
	out := map[string]any{"specversion": "1.0", "id": e.ID, "source": e.Source, "type": e.Type}
	maps.Copy(out, e.Extensions)
	if e.Subject != "" {
		out["subject"] = e.Subject
	}
	if !e.Time.IsZero() {
		out["time"] = e.Time.UTC().Format(time.RFC3339Nano)
	}
	return out
}

// structured is the event in the JSON format of CloudEvents.
func (e Event) structured() []byte {
	all := e.attributes()
	if e.Data != nil {
		all["datacontenttype"], all["data"] = "application/json", e.Data
	}
	return encode(all)
}

// topic is where SAP's publishers put the event: <source>/ce/<type>, with slashes.
// Source: https://github.com/SAP-docs/btp-integration-suite (topics of CloudEvents in Event Mesh).
func (e Event) topic() string {
	return strings.TrimPrefix(e.Source, "/") + "/ce/" + strings.ReplaceAll(e.Type, ".", "/")
}

// wrapped is a body that has the data beside the extensions, as CAP writes them.
func (e Event) wrapped() []byte {
	all := maps.Clone(e.Extensions)
	if all == nil {
		all = make(map[string]any)
	}
	all["data"] = e.Data
	return encode(all)
}

// binary puts the attributes into headers.
func binary(h http.Header, attributes map[string]any) {
	for name, value := range attributes {
		h.Set("Ce-"+name, fmt.Sprint(value))
	}
}

func encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps, strings, and JSON that a caller gave: see checked
	}
	return out
}

// message is an event as a publisher put it on a broker.
type message struct {
	topic       string
	contentType string // "" if the publisher gave none
	body        []byte
}

// matches tells whether a topic is one of a filter: one stands for exactly one segment, rest, at the end, for one or more.
func matches(topic, filter, one, rest string) bool {
	segments := strings.Split(topic, "/")
	for i, want := range strings.Split(filter, "/") {
		switch {
		case i >= len(segments):
			return false
		case want == rest:
			return true
		case want != one && want != segments[i]:
			return false
		}
	}
	return len(segments) == strings.Count(filter, "/")+1
}
