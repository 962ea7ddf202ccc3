package ingress

import (
	"net/http"
	"strings"
)

// mode is how a request carries its event.
type mode int

const (
	// binaryMode: attributes in ce- headers, the body is the data.
	binaryMode mode = iota + 1
	// structuredMode: the body is the event.
	structuredMode
	// batchMode: the body is an array of events.
	batchMode
	// maybeMode: a body of JSON under application/json or no type, which is the event if it has the attributes of one.
	maybeMode
	// plainMode: no mark of CloudEvents, and the runtime lets such requests in; the body is the data.
	plainMode
)

// decoder makes events of requests. It is immutable.
type decoder struct {
	strict        bool
	defaultSource string
	unwrap        Unwrap
	maxBytes      int64

	plainType, plainSource string // of the events that plain requests become; "" lets none in
}

// mode judges a request by its headers alone, so that what can never be an event is refused before its body is read. The
// content type decides first, then ce-specversion.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3-http-message-mapping
func (d *decoder) mode(r *http.Request) (mode, *refusal) {
	if r.Method != http.MethodPost {
		return 0, methodNotAllowed()
	}
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return 0, unsupportedEncoding()
		}
	}
	types := r.Header["Content-Type"]
	if len(types) > 1 {
		return 0, duplicateName("content-type")
	}
	mediaType := ""
	if len(types) == 1 {
		mediaType, _, _ = strings.Cut(types[0], ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	switch {
	case mediaType == "application/cloudevents+json":
		return structuredMode, nil
	case mediaType == "application/cloudevents-batch+json":
		return batchMode, nil
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return 0, unsupportedFormat()
	case r.Header["Ce-Specversion"] != nil:
		return binaryMode, nil
	case hasAttributeHeader(r.Header):
		return 0, noSpecVersion()
	case mediaType != "" && mediaType != "application/json" && d.plainType != "":
		return plainMode, nil
	case d.strict && d.plainType == "" || mediaType != "" && mediaType != "application/json":
		return 0, notCloudEvent()
	}
	return maybeMode, nil
}

// headerPrefix begins the headers that carry attributes, in the form that net/http gives header names.
const headerPrefix = "Ce-"

func hasAttributeHeader(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, headerPrefix) {
			return true
		}
	}
	return false
}
