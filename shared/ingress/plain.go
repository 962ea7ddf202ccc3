package ingress

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// keyHeader names an event of a sender that knows no CloudEvents, so that a repetition is the same event. Headers of
// correlation and tracing are not used: they repeat across requests.
// Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
const keyHeader = "Idempotency-Key"

// plain is the event that a request becomes which has no mark of CloudEvents: the body is its data. It is only called if
// the runtime configured type and source for it.
func (d *decoder) plain(h http.Header, body []byte) arrival {
	dr := draft{decoder: d}
	dr.setAttribute(specVersion, "specversion", "1.0")
	dr.setAttribute(source, "source", d.plainSource)
	dr.setAttribute(eventType, "type", d.plainType)
	switch keys := h[keyHeader]; {
	case len(keys) > 1:
		dr.refuse(duplicateName("idempotency-key"))
	case len(keys) == 1 && keys[0] != "":
		dr.setAttribute(id, "id", keys[0])
	default:
		dr.setAttribute(id, "id", uuid.NewString())
	}
	if values := h["Content-Type"]; len(values) > 0 {
		dr.setAttribute(contentType, "datacontenttype", values[0])
	}
	if len(body) > 0 {
		dr.data = body
	}
	if int64(len(body)) > d.maxBytes {
		dr.refuse(eventTooLarge(d.maxBytes))
	}
	a := dr.arrival()
	a.plain = true
	return a
}

// marked reports whether a body says that it is a CloudEvent: a JSON object with a member specversion.
func marked(body []byte) bool {
	found := false
	err := rawjson.Object(body, func(name, _ []byte) error {
		if text, ok := rawjson.String(name); ok && text == "specversion" {
			found = true
		}
		return nil
	})
	return err == nil && found
}

// maybe is the event of a body whose type is JSON's or none: structured, if it has the attributes of one; else plain, if
// that is allowed and it does not say that it is a CloudEvent.
func (d *decoder) maybe(h http.Header, body []byte) (arrival, *refusal) {
	refused := notCloudEvent()
	if !d.strict {
		var a arrival
		if a, refused = d.structuredUnderJSON(body); refused == nil {
			return a, nil
		}
	}
	if d.plainType == "" || marked(body) {
		return arrival{}, refused
	}
	return d.plain(h, body), nil
}
