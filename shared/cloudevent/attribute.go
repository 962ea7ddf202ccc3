package cloudevent

import (
	"errors"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// ValidName reports whether CloudEvents allows an attribute to have that name: one or more of a to z and 0 to 9.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#naming-conventions
func ValidName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// IsAttribute reports whether CloudEvents 1.0 itself defines an attribute of that name, so that no extension may have it.
func IsAttribute(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time":
		return true
	}
	return false
}

// IsReserved reports whether the JSON format uses that name for the event's data. An attribute of that name would replace
// the data when the event is written as JSON.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#31-handling-of-data
func IsReserved(name string) bool { return name == "data" || name == "data_base64" }

// ValidText reports whether s is a value of the CloudEvents type String: UTF-8 without control characters and without
// the code points that Unicode calls noncharacters.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
func ValidText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return validText(s[i:])
		}
	}
	return true
}

func validText(s string) bool {
	for i, r := range s {
		switch {
		case r < 0x20, 0x7f <= r && r < 0xa0, 0xfdd0 <= r && r <= 0xfdef, r&0xfffe == 0xfffe:
			return false
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// IsJSON reports whether data of that content type is JSON: the subtype is json or ends in +json, in any case and with any
// parameters. An event without a content type ("") has JSON data too.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#31-handling-of-data
func IsJSON(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.TrimSpace(mediaType)
	_, subtype, found := strings.Cut(mediaType, "/")
	if !found {
		return false
	}
	const suffix = "+json"
	return strings.EqualFold(subtype, "json") ||
		len(subtype) > len(suffix) && strings.EqualFold(subtype[len(subtype)-len(suffix):], suffix)
}

// IsText reports whether data of that content type is text that people read: text/*, or XML, in any case and with any
// parameters but a character set other than UTF-8 and its part ASCII.
// Source: https://www.rfc-editor.org/rfc/rfc7303, for XML.
func IsText(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	if charset := strings.ToLower(parameters["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return false
	}
	return strings.HasPrefix(mediaType, "text/") || mediaType == "application/xml" || strings.HasSuffix(mediaType, "+xml")
}

// ParseSource is s as the source of an event, which gives back s byte for byte. The SDK's own parsing would write some
// sources differently from how they were received, and a source is part of what makes two events the same. The error
// says what is wrong without repeating s: s is blank, or is no URI reference.
func ParseSource(s string) (types.URIRef, error) {
	if strings.TrimSpace(s) == "" {
		return types.URIRef{}, errors.New("it must not be empty")
	}
	if !plainPath(s) {
		if _, err := url.Parse(s); err != nil {
			return types.URIRef{}, errors.New("it is not a URI reference")
		}
	}
	return types.URIRef{URL: url.URL{Opaque: s}}, nil
}

// plainPath reports whether s is made only of characters that need no parsing to be a URI reference.
func plainPath(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		case c == '/' && (i == 0 || s[i-1] != '/'):
		default:
			return false
		}
	}
	return true
}

// ParseSchema is s as the dataschema of an event, which gives back s byte for byte. The error says what is wrong without
// repeating s: s is no absolute URI.
func ParseSchema(s string) (types.URI, error) {
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() {
		return types.URI{}, errors.New("it is not an absolute URI")
	}
	n := len(u.Scheme)
	return types.URI{URL: url.URL{Scheme: s[:n], Opaque: s[n+1:]}}, nil
}

// sourceText is the event's source. It allocates nothing for those of [ParseSource].
func sourceText(c *event.EventContextV1) string {
	if c.Source.Opaque != "" && c.Source.URL == (url.URL{Opaque: c.Source.Opaque}) {
		return c.Source.Opaque
	}
	return c.Source.String()
}
