package ingress

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// writeReply answers with what the target answered, in the form in which the sender asked; false if there is nothing of
// that form. A CloudEvent is never answered by a plain body: Knative would take that for a failure and send again.
func writeReply(w http.ResponseWriter, a *arrival) bool {
	switch {
	case a.plain && a.reply.Body != nil:
		w.Header().Set("Content-Type", a.reply.ContentType)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(a.reply.Body) // a sender that hung up has no use for it
		return true
	case !a.plain && a.reply.Event != nil:
		return writeEvent(w, a.reply.Event)
	}
	return false
}

// writeEvent writes an event in binary mode; false, with nothing written, if it cannot be written as one.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
func writeEvent(w http.ResponseWriter, e *event.Event) bool {
	headers := map[string]string{
		"Ce-Specversion": e.SpecVersion(), "Ce-Id": e.ID(), "Ce-Source": e.Source(), "Ce-Type": e.Type(),
		"Ce-Subject": e.Subject(), "Ce-Dataschema": e.DataSchema(),
	}
	if t := e.Time(); !t.IsZero() {
		headers["Ce-Time"] = types.FormatTime(t)
	}
	for name, value := range e.Extensions() {
		text, err := types.Format(value)
		if err != nil || !cloudevent.ValidName(name) || cloudevent.IsReserved(name) {
			return false
		}
		headers[headerPrefix+name] = text
	}
	for name, value := range headers {
		if value != "" {
			w.Header().Set(name, encodeHeader(value))
		}
	}
	data := e.Data()
	if len(data) > 0 {
		contentType := e.DataContentType()
		if contentType == "" {
			contentType = "application/json" // what absent means in the form in which it came
		}
		w.Header().Set("Content-Type", contentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(data) // a sender that hung up has no use for it
	return true
}

// encodeHeader percent-encodes what a header value cannot hold: everything outside printable ASCII, space, double quote
// and percent, byte by byte of its UTF-8.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
func encodeHeader(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c > ' ' && c <= '~' && c != '"' && c != '%' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
