package cloudevent

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// AppendJSON appends the event to dst in the JSON format of CloudEvents 1.0: attributes, extensions sorted by name, then
// the data. Data under a JSON content type, or under none, that is exactly one JSON value in UTF-8 is embedded byte for
// byte as data. Text (see [IsText]) in UTF-8 becomes a JSON string as data. Any other data, or JSON nested deeper than
// 9,999, goes out as data_base64. notJSON reports that this was because data that should be JSON is not; the caller
// counts it.
//
// Integer and Boolean extensions become JSON numbers and booleans, all other values strings; nothing beyond what JSON
// requires is escaped. It allocates nothing but room in dst, for events whose source came from [ParseSource].
//
// An error means that the event cannot be written as one, and names the attribute: its version is not 1.0, a required
// attribute is empty, a value is not UTF-8 or of no CloudEvents type, a name is not allowed, or the time's year does not
// have four digits. dst is then returned as it was.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
func AppendJSON(dst []byte, e *event.Event) (out []byte, notJSON bool, err error) {
	c, ok := e.Context.(*event.EventContextV1)
	if !ok {
		return dst, false, fmt.Errorf("write event as JSON: only specversion 1.0 can be written")
	}
	w := jsonWriter{buf: withRoom(dst, sizeHint(c, e.DataEncoded))}
	w.buf = append(w.buf, `{"specversion":"1.0"`...)
	w.required("id", c.ID)
	w.required("source", sourceText(c))
	w.required("type", c.Type)
	w.optional("subject", c.Subject)
	w.optional("datacontenttype", c.DataContentType)
	if c.DataSchema != nil {
		w.text("dataschema", c.DataSchema.String())
	}
	if c.Time != nil {
		w.time("time", c.Time.Time)
	}
	w.extensions(c.Extensions)
	if e.DataEncoded != nil {
		notJSON = w.data(c, e.DataEncoded)
	}
	if w.err != nil {
		return dst, false, fmt.Errorf("write event as JSON: %w", w.err)
	}
	return append(w.buf, '}'), notJSON, nil
}

// sizeHint is about how many bytes the event takes, so that dst grows once.
func sizeHint(c *event.EventContextV1, data []byte) int {
	n := 200 + len(c.ID) + len(c.Source.Opaque) + len(c.Type) + len(data)
	if c.Subject != nil {
		n += len(*c.Subject)
	}
	for name, value := range c.Extensions {
		n += len(name) + 16
		if s, ok := value.(string); ok {
			n += len(s)
		}
	}
	return n
}

// withRoom is dst with room for n more bytes, in one allocation at most.
func withRoom(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	grown := make([]byte, len(dst), max(len(dst)+n, 2*len(dst)))
	copy(grown, dst)
	return grown
}

// jsonWriter appends members to an object whose first member is there; the first error stays.
type jsonWriter struct {
	buf []byte
	err error
}

func (w *jsonWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *jsonWriter) name(name string) {
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *jsonWriter) required(name, value string) {
	if value == "" {
		w.fail("attribute %s is empty", name)
		return
	}
	w.text(name, value)
}

func (w *jsonWriter) optional(name string, value *string) {
	if value != nil {
		w.text(name, *value)
	}
}

func (w *jsonWriter) text(name, value string) {
	if !utf8.ValidString(value) {
		w.fail("attribute %s is not UTF-8", name)
		return
	}
	w.name(name)
	w.buf = rawjson.AppendString(w.buf, value)
}

func (w *jsonWriter) time(name string, t time.Time) {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		w.fail("attribute %s has a year that RFC 3339 cannot write", name)
		return
	}
	w.name(name)
	w.buf = append(w.buf, '"')
	w.buf = t.AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, '"')
}

func (w *jsonWriter) extensions(extensions map[string]any) {
	var room [16]string
	names := room[:0]
	for name := range extensions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !ValidName(name) || IsAttribute(name) || IsReserved(name) {
			w.fail("%.64q is no name of an extension", name)
			return
		}
		w.value(name, extensions[name])
	}
}

func (w *jsonWriter) value(name string, value any) {
	switch v := value.(type) {
	case string:
		w.text(name, v)
	case int32:
		w.name(name)
		w.buf = strconv.AppendInt(w.buf, int64(v), 10)
	case bool:
		w.name(name)
		w.buf = strconv.AppendBool(w.buf, v)
	case types.Timestamp:
		w.time(name, v.Time)
	case nil:
	default:
		w.convert(name, value)
	}
}

// convert writes a value of another Go type that the SDK maps to one of CloudEvents' types.
func (w *jsonWriter) convert(name string, value any) {
	canonical, err := types.Validate(value)
	if err != nil {
		w.fail("extension %s is of a type that CloudEvents does not have", name)
		return
	}
	switch canonical.(type) {
	case string, int32, bool, types.Timestamp, nil:
		w.value(name, canonical)
		return
	}
	text, err := types.Format(canonical)
	if err != nil {
		w.fail("extension %s is of a type that CloudEvents does not have", name)
		return
	}
	w.text(name, text)
}

func (w *jsonWriter) data(c *event.EventContextV1, data []byte) (notJSON bool) {
	switch {
	case c.DataContentType == nil || IsJSON(*c.DataContentType):
		if rawjson.ValidInside(data) {
			w.name("data")
			w.buf = append(w.buf, data...)
			return false
		}
		notJSON = true
	case utf8.Valid(data) && IsText(*c.DataContentType):
		w.name("data")
		w.buf = rawjson.AppendString(w.buf, string(data))
		return false
	}
	w.name("data_base64")
	w.buf = append(w.buf, '"')
	w.buf = base64.StdEncoding.AppendEncode(w.buf, data)
	w.buf = append(w.buf, '"')
	return notJSON
}
