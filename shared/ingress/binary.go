package ingress

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// binary is the event of a request in binary mode: headers are attributes, the body is the data.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
func (d *decoder) binary(h http.Header, body []byte) arrival {
	dr := draft{decoder: d}
	size := int64(len(body))
	for header, values := range h {
		if !strings.HasPrefix(header, headerPrefix) {
			continue
		}
		name := attributeName(header)
		for _, value := range values {
			size += int64(len(name) + len(value))
		}
		dr.header(name, values)
	}
	if values := h["Content-Type"]; len(values) > 0 {
		dr.setAttribute(contentType, "datacontenttype", values[0])
	}
	if len(body) > 0 {
		dr.data = body
	}
	if size > d.maxBytes {
		dr.refuse(eventTooLarge(d.maxBytes))
	}
	dr.repairNames()
	dr.unwrapData()
	return dr.arrival()
}

// attributeName is the attribute's name that a header carries. The names every event has cost no allocation.
func attributeName(header string) string {
	switch header {
	case "Ce-Specversion":
		return "specversion"
	case "Ce-Id":
		return "id"
	case "Ce-Source":
		return "source"
	case "Ce-Type":
		return "type"
	case "Ce-Time":
		return "time"
	case "Ce-Subject":
		return "subject"
	}
	return strings.ToLower(header[len(headerPrefix):])
}

// header takes one ce- header. datacontenttype has no such header: in binary mode Content-Type carries it.
func (d *draft) header(name string, values []string) {
	a, isAttribute := attributeOf(name)
	switch {
	case len(values) == 0:
	case len(values) > 1:
		d.refuse(duplicateName(name))
	case isAttribute && a == contentType:
		d.refuse(illegalName(name))
	case isAttribute:
		d.setAttribute(a, name, headerValue(values[0]))
	default:
		d.setExtension(name, headerValue(values[0]))
	}
}

// unwrapData takes the data out of a body in which SAP's Event Hub wrapped it beside headers of the application. Whatever
// does not look exactly like that stays the data, for nothing may be lost by a guess.
func (d *draft) unwrapData() {
	if d.decoder.strict || d.decoder.unwrap == UnwrapNever || len(d.data) == 0 || !cloudevent.IsJSON(d.text[contentType]) {
		return
	}
	if _, marked := d.extensions["sapconsumertenant"]; !marked || !utf8.Valid(d.data) {
		return
	}
	w := wrapped{used: d.extensions, extensions: make(map[string]any)}
	if rawjson.Object(d.data, w.member) != nil || w.datas != 1 || w.odd > 0 && d.decoder.unwrap != UnwrapAlways {
		return
	}
	for name, value := range w.extensions {
		if value != nil {
			d.addExtension(name, value)
		}
	}
	d.data, d.dropped = w.data, w.odd
	d.repairs |= unwrapped
}

// wrapped is a body looked at as a wrapping.
type wrapped struct {
	used       map[string]any // the event's extensions without the body
	extensions map[string]any // :: legal, free name → value, nil for null
	data       []byte
	datas      int // members named data
	odd        int // members that cannot become extensions
}

func (w *wrapped) member(name, value []byte) error {
	text, ok := rawjson.String(name)
	if text == "data" {
		w.data = value
		w.datas++
		return nil
	}
	text = strings.ToLower(text)
	_, used := w.used[text]
	_, twice := w.extensions[text]
	scalar, isScalar := jsonScalar(value)
	if s, isText := scalar.(string); isText && !cloudevent.ValidText(s) {
		isScalar = false
	}
	if !ok || used || twice || !isScalar || !freeName(text) || len(text) > maxNameBytes || len(w.extensions) >= maxExtensions/2 {
		w.odd++
		return nil
	}
	w.extensions[text] = scalar
	return nil
}
