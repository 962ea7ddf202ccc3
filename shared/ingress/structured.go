package ingress

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// structured is the event that a JSON document is.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
func (d *decoder) structured(document []byte) arrival {
	j := jsonDraft{draft: draft{decoder: d}}
	if r := d.readJSON(document, &j); r != nil {
		return arrival{id: j.text[id], source: j.text[source], typ: j.text[eventType], err: r.invalid()}
	}
	return j.arrival()
}

// structuredUnderJSON is [decoder.structured] for a document that nothing but its content says to be an event. A refusal
// means that the content does not say it: one of the four required attributes is no string member.
func (d *decoder) structuredUnderJSON(document []byte) (arrival, *refusal) {
	j := jsonDraft{draft: draft{decoder: d, repairs: structuredUnderJSON}}
	if d.readJSON(document, &j) != nil || !j.present[specVersion] || !j.present[id] || !j.present[source] || !j.present[eventType] {
		return arrival{}, notCloudEvent()
	}
	return j.arrival(), nil
}

// batch is the events that a JSON array holds. A refusal means that the body is no such array, or holds too many; an
// element that is no event is its own arrival's error.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format
func (d *decoder) batch(body []byte, limit int) ([]arrival, *refusal) {
	var elements [][]byte
	full := errors.New("too many events")
	err := rawjson.Array(body, func(value []byte) error {
		if len(elements) == limit {
			return full
		}
		elements = append(elements, value)
		return nil
	})
	switch {
	case errors.Is(err, full):
		return nil, tooManyEvents(limit)
	case err != nil:
		return nil, notJSON("array of events")
	}
	arrivals := make([]arrival, len(elements))
	for i, element := range elements {
		arrivals[i] = d.structured(element)
	}
	return arrivals, nil
}

// readJSON fills the draft from a document. What is wrong with a member is kept in the draft; the result is what is wrong
// with the document.
func (d *decoder) readJSON(document []byte, j *jsonDraft) *refusal {
	switch {
	case int64(len(document)) > d.maxBytes:
		return eventTooLarge(d.maxBytes)
	case !utf8.Valid(document):
		return notUTF8()
	case rawjson.Object(document, j.member) != nil:
		return notJSON("object")
	}
	return nil
}

// jsonDraft is a draft that a JSON document fills. Data is kept as it stands until the content type is known.
type jsonDraft struct {
	draft
	rawData, rawBase64 []byte // nil if there was no such member
}

// arrival judges the draft with its data.
func (j *jsonDraft) arrival() arrival {
	j.takeData()
	j.repairNames()
	return j.draft.arrival()
}

func (j *jsonDraft) member(nameToken, value []byte) error {
	name := nameToken[1 : len(nameToken)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		text, ok := rawjson.String(nameToken)
		if !ok {
			j.refuse(illegalName(string(name)))
			return nil
		}
		name = []byte(text)
	}
	switch string(name) {
	case "data":
		j.keep(&j.rawData, "data", value)
		return nil
	case "data_base64":
		j.keep(&j.rawBase64, "data_base64", value)
		return nil
	}
	if a, ok := attributeOf(string(name)); ok {
		j.attributeMember(a, string(name), value)
		return nil
	}
	scalar, ok := jsonScalar(value)
	if !ok {
		j.refuse(illegalValue(string(name), ruleScalar))
		return nil
	}
	j.setExtension(string(name), scalar)
	return nil
}

func (j *jsonDraft) keep(raw *[]byte, name string, value []byte) {
	if *raw != nil {
		j.refuse(duplicateName(name))
		return
	}
	*raw = value
}

// attributeMember takes a member that is one of CloudEvents' attributes: a string, or null for absent.
func (j *jsonDraft) attributeMember(a attribute, name string, value []byte) {
	if !rawjson.IsString(value) {
		if j.seen[a] {
			j.refuse(duplicateName(name))
		}
		j.seen[a] = true
		if value[0] != 'n' {
			j.refuse(illegalValue(name, ruleString))
		}
		return
	}
	text, ok := attributeText(value)
	if !ok {
		j.refuse(illegalValue(name, ruleText))
		text = ""
	}
	j.setAttribute(a, name, text)
}

// attributeText is rawjson.String without an allocation for what nearly every event says.
func attributeText(value []byte) (string, bool) {
	switch string(value) {
	case `"1.0"`:
		return event.CloudEventsVersionV1, true
	case `"application/json"`:
		return event.ApplicationJSON, true
	}
	return rawjson.String(value)
}

// takeData makes the event's data of the members data and data_base64. JSON data is the member's own bytes; data of
// another content type is the text that a string holds.
func (j *jsonDraft) takeData() {
	base64Given := j.rawBase64 != nil && j.rawBase64[0] != 'n'
	switch {
	case base64Given && j.rawData != nil:
		j.refuse(illegalValue("data_base64", ruleOneData))
	case base64Given:
		text, ok := rawjson.String(j.rawBase64)
		data, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			j.refuse(illegalValue("data_base64", ruleBase64))
			return
		}
		j.data, j.dataBase64 = data, true
	case j.rawData == nil:
	case cloudevent.IsJSON(j.text[contentType]):
		j.data = j.rawData
	case rawjson.IsString(j.rawData):
		text, ok := rawjson.String(j.rawData)
		if !ok {
			j.refuse(illegalValue("data", ruleText))
			return
		}
		j.data = []byte(text)
	case j.rawData[0] != 'n':
		j.refuse(illegalValue("data", ruleContent))
	}
}
