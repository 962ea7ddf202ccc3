package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// asEvent is a function's answer as the CloudEvent 1.0 in the JSON format that it is, nil if it is none; claims tells
// whether it says that it is one. Every attribute of the event can be written as an HTTP header, and the source is byte for
// byte the function's. The SDK's own decoder is not used: it takes no JSON under +json types, rounds numbers, and lets an
// event have data twice.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
func asEvent(payload []byte) (e *event.Event, claims bool) {
	members, once := readObject(payload)
	if _, claims = members["specversion"]; !claims || !once {
		return nil, claims
	}
	d := &document{members: members}
	e = d.event()
	if d.broken || e.Validate() != nil {
		return nil, true
	}
	return e, true
}

// readObject is the members of the JSON object that the text is, nil if it is none; once tells whether each name is there
// once.
func readObject(text []byte) (members map[string]json.RawMessage, once bool) {
	if !json.Valid(text) || !utf8.Valid(text) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	members, once = make(map[string]json.RawMessage), true
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return nil, false
		}
		_, found := members[name]
		once = once && !found
		members[name] = value
	}
	return members, once
}

// document is an event on its way out of JSON: what was read is no longer among the members.
type document struct {
	members map[string]json.RawMessage
	broken  bool // something is not as CloudEvents says
}

// take is a member that is there no longer; nil if there was none, or null.
func (d *document) take(name string) json.RawMessage {
	raw := d.members[name]
	delete(d.members, name)
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// text is a string member that CloudEvents allows as an attribute, "" if it is absent.
func (d *document) text(name string) string {
	raw := d.take(name)
	if raw == nil {
		return ""
	}
	s, ok := decodeText(raw)
	if !ok || !cloudevent.ValidText(s) {
		d.broken = true
	}
	return s
}

// optional is nil for an attribute that is absent or empty.
func (d *document) optional(name string) *string {
	if s := d.text(name); s != "" {
		return &s
	}
	return nil
}

func (d *document) event() *event.Event {
	d.broken = d.text("specversion") != event.CloudEventsVersionV1
	c := &event.EventContextV1{ID: d.text("id"), Type: d.text("type"), Subject: d.optional("subject"), DataContentType: d.optional("datacontenttype")}
	source, err := cloudevent.ParseSource(d.text("source"))
	d.check(err)
	c.Source = source
	if text := d.text("dataschema"); text != "" {
		schema, err := cloudevent.ParseSchema(text)
		d.check(err)
		c.DataSchema = &schema
	}
	if text := d.text("time"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		d.check(err)
		c.Time = &types.Timestamp{Time: t.UTC()}
	}
	contentType := ""
	if c.DataContentType != nil {
		contentType = *c.DataContentType
		_, _, err := mime.ParseMediaType(contentType)
		d.check(err)
	}
	e := &event.Event{Context: c}
	d.data(e, contentType)
	c.Extensions = d.extensions()
	return e
}

func (d *document) check(err error) { d.broken = d.broken || err != nil }

// data gives the event its data: JSON as it stands, or the text of a string, or bytes.
func (d *document) data(e *event.Event, contentType string) {
	embedded, found := d.members["data"]
	delete(d.members, "data")
	if encoded := d.take("data_base64"); encoded != nil {
		text, ok := decodeText(encoded)
		data, err := base64.StdEncoding.DecodeString(text)
		d.broken = d.broken || !ok || found || err != nil
		e.DataEncoded, e.DataBase64 = data, true
		return
	}
	switch text, ok := decodeText(embedded); {
	case !found:
	case cloudevent.IsJSON(contentType):
		e.DataEncoded = embedded
	case ok:
		e.DataEncoded = []byte(text)
	case string(embedded) != "null":
		d.broken = true
	}
}

// extensions is what is left: strings, booleans and whole numbers of 32 bits.
func (d *document) extensions() map[string]any {
	extensions := make(map[string]any, len(d.members))
	for name, raw := range d.members {
		if !cloudevent.ValidName(name) {
			d.broken = true
			continue
		}
		switch raw[0] {
		case 'n':
		case 't', 'f':
			extensions[name] = raw[0] == 't'
		case '"':
			text, ok := decodeText(raw)
			d.broken = d.broken || !ok || !cloudevent.ValidText(text)
			extensions[name] = text
		default:
			n, err := strconv.ParseInt(string(raw), 10, 32)
			d.check(err)
			extensions[name] = int32(n)
		}
	}
	if len(extensions) == 0 {
		return nil
	}
	return extensions
}

// decodeText is the text of a JSON string, false if the value is none.
func decodeText(raw json.RawMessage) (text string, ok bool) {
	return text, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil
}
