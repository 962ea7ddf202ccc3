package ingress

import (
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// The rules that a value can break, in words for a sender.
const (
	ruleEmpty   = "it must not be empty"
	ruleText    = "it must be text in UTF-8 without control characters"
	ruleString  = "it must be a string"
	ruleScalar  = "an extension must be a string, true, false, or a whole number from -2147483648 to 2147483647"
	ruleBase64  = "it must be a string of base64"
	ruleOneData = "an event has data or data_base64, not both"
	ruleContent = "data of a content type that is not JSON must be a string, or be sent as data_base64"
)

// headerValue is an attribute's value as its header carries it: a quoted string is unquoted, then percent-encoding is
// decoded once. A percent sign that begins no escape stays as it is. The result need not be UTF-8.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
func headerValue(s string) string {
	s = unquote(s)
	at := strings.IndexByte(s, '%')
	if at < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:at]...)
	for i := at; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if high, low := hexDigit(s[i+1]), hexDigit(s[i+2]); high <= 15 && low <= 15 {
				b = append(b, high<<4|low)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hexDigit is the value of a hexadecimal digit, above 15 if c is none.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// unquote is s without the quotes and backslashes of a quoted string, and s itself if it is none.
// Source: https://www.rfc-editor.org/rfc/rfc9110#name-quoted-strings
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	inner := s[1 : len(s)-1]
	if !strings.ContainsAny(inner, `"\`) {
		return inner
	}
	b := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"':
			return s
		case '\\':
			i++
			if i == len(inner) {
				return s
			}
		}
		b = append(b, inner[i])
	}
	return string(b)
}

// validMediaType is what package mime says of s, said faster of the forms that senders use.
func validMediaType(s string) bool {
	mediaType, parameter, found := strings.Cut(s, ";")
	typ, subtype, _ := strings.Cut(mediaType, "/")
	if token(typ) && token(subtype) {
		name, value, _ := strings.Cut(strings.TrimLeft(parameter, " "), "=")
		if !found || token(name) && token(value) {
			return true
		}
	}
	_, _, err := mime.ParseMediaType(s)
	return err == nil
}

// token reports whether s is one or more of the characters that are tokens of HTTP in every reading. Stars and percent
// signs have a meaning of their own in parameters, so they are left to package mime.
func token(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '+':
		default:
			return false
		}
	}
	return s != ""
}

// parseTime reads an RFC 3339 timestamp, exactly, into UTC. Unless strict, one without a zone, with a T or a blank between
// date and time, is read as UTC, and assumed is true.
// Source: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
func parseTime(s string, strict bool) (t time.Time, assumed, ok bool) {
	const separator = len("2006-01-02")
	if t, ok = rfc3339(s); ok || strict {
		return t, false, ok
	}
	if len(s) <= separator || s[separator] != 'T' && s[separator] != 't' && s[separator] != ' ' {
		return t, false, false
	}
	t, ok = rfc3339(s[:separator] + "T" + s[separator+1:] + "Z")
	return t, ok, ok
}

// rfc3339 is strict about digits and ranges, as package time is not, and takes the small t and z that RFC 3339 allows.
// Source: https://go.dev/issue/54580 (what package time lets pass).
func rfc3339(s string) (time.Time, bool) {
	const hourEnd = len("2006-01-02T15")
	if strings.ContainsAny(s, "tz") {
		s = strings.ToUpper(s)
	}
	if len(s) < len("2006-01-02T15:04:05Z") || s[hourEnd] != ':' || strings.IndexByte(s, ',') >= 0 {
		return time.Time{}, false
	}
	if s[len(s)-1] != 'Z' {
		if offset := s[len(s)-len("+07:00"):]; offset[1:3] > "23" || offset[4:] > "59" {
			return time.Time{}, false
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC()
	year := t.Year() // an offset can carry it out of the four digits that a timestamp has
	return t, 0 <= year && year <= 9999
}

// jsonScalar is the value of a JSON token as an extension has it: string, bool, int32, or nil for null. It is false for
// anything else: CloudEvents has no fractions, no larger numbers and no structures.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#22-type-system-mapping
func jsonScalar(value []byte) (any, bool) {
	switch value[0] {
	case '"':
		return rawString(value)
	case 't':
		return true, true
	case 'f':
		return false, true
	case 'n':
		return nil, true
	case '{', '[':
		return nil, false
	}
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil {
		return nil, false
	}
	return int32(n), true
}

func rawString(value []byte) (any, bool) {
	s, ok := rawjson.String(value)
	return s, ok
}
