package ingress

import (
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// difference is a case in which our decoder and the CloudEvents SDK's (2.16.2) do not say the same of a request, on
// purpose. lines and body are such a request; ours and theirs say who accepts it.
type difference struct {
	name, why    string
	lines, body  string
	ours, theirs bool
	// applies reports whether a request has what makes the difference, without asking either decoder.
	applies func(s sample) bool
}

const (
	required = "ce-specversion:1.0\nce-id:1\nce-source:/s\nce-type:t\n"
	asJSON   = "content-type:application/cloudevents+json"
	fourth   = `{"specversion":"1.0","id":"1","source":"/s","type":"t",`
)

// differences is the whole table. The fuzz tests accept no difference that is not in it; TestDifferences proves each.
func differences() []difference {
	return []difference{
		{name: "header values are decoded", why: "HTTP binding 3.1.3.2; sdk-go#1331", lines: required + "ce-subject:a%20b", ours: true, theirs: true,
			applies: anyHeader(func(_, v string) bool {
				return escapePattern().MatchString(v) || len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"'
			})},
		{name: "names of the JSON format are no extensions", why: "they would replace the data", lines: required + "ce-data:evil", ours: false, theirs: true,
			applies: anyHeader(func(n, _ string) bool { return n == "Ce-Data" })},
		{name: "a header twice is ambiguous", why: "the SDK takes the first", lines: required + "ce-id:2", ours: false, theirs: true,
			applies: func(s sample) bool {
				for _, values := range s.header {
					if len(values) > 1 {
						return true
					}
				}
				return false
			}},
		{name: "attributes are text", why: "CloudEvents type String; the SDK lets any bytes pass", lines: required + "ce-x:\xff", ours: false, theirs: true,
			applies: func(s sample) bool {
				return anyHeader(func(_, v string) bool { return !cloudevent.ValidText(v) })(s) ||
					anyMember(func(_ string, v json.RawMessage) bool { return !cloudevent.ValidText(decoded(v)) })(s)
			}},
		{name: "version 0.3 is not taken", why: "its rules are others", lines: "ce-specversion:0.3\nce-id:1\nce-source:/s\nce-type:t", ours: false, theirs: true,
			applies: func(s sample) bool {
				return s.header.Get("Ce-Specversion") == "0.3" || anyMember(func(n string, v json.RawMessage) bool { return n == "specversion" && decoded(v) == "0.3" })(s)
			}},
		{name: "timestamps are exactly RFC 3339", why: "time.Parse takes one digit of an hour and a comma, not a small t or z; years have four digits",
			lines: required + "ce-time:2026-10-05T1:20:00Z", ours: false, theirs: true, applies: anyTime(oddTime)},
		{name: "a small t or z is RFC 3339 too", why: "RFC 3339 5.6", lines: required + "ce-time:2026-10-05t01:20:00z", ours: true, theirs: false, applies: anyTime(oddTime)},
		{name: "an empty time is absent", why: "as in the SDK's JSON", lines: required + "ce-time:", ours: true, theirs: false,
			applies: anyTime(func(v string) bool { return v == "" })},
		{name: "the zero time is a time", why: "the SDK takes it for absent in headers", lines: required + "ce-time:0001-01-01T00:00:00Z", ours: true, theirs: true,
			applies: anyTime(func(v string) bool {
				t, err := time.Parse(time.RFC3339Nano, v)
				return err == nil && t.IsZero()
			})},
		{name: "blanks are kept, and are no value", why: "what is the same event must not depend on who trims", lines: required + "ce-subject:\u00a0", ours: false, theirs: true,
			applies: func(s sample) bool {
				return anyHeader(func(_, v string) bool { return strings.TrimFunc(v, unicode.IsSpace) != v })(s) ||
					anyMember(func(n string, v json.RawMessage) bool {
						return n == "source" && decoded(v) != "" && strings.TrimSpace(decoded(v)) == ""
					})(s)
			}},
		{name: "another format of CloudEvents is not binary", why: "HTTP binding 3: the content type decides first", lines: required + "content-type:application/cloudevents+xml",
			ours: false, theirs: true, applies: func(s sample) bool {
				mediaType := strings.ToLower(s.header.Get("Content-Type"))
				return strings.HasPrefix(strings.TrimSpace(mediaType), "application/cloudevents") && s.header.Get("Ce-Specversion") != ""
			}},
		{name: "JSON types are all that end in json", why: "the SDK knows four names; fixed after 2.16.2", lines: asJSON,
			body: fourth + `"datacontenttype":"application/vnd.x+json","data":{}}`, ours: true, theirs: false,
			applies: anyMember(func(n string, v json.RawMessage) bool {
				return n == "datacontenttype" && cloudevent.IsJSON(decoded(v)) != sdkIsJSON(decoded(v))
			})},
		{name: "a member twice is ambiguous", why: "the SDK takes the last, or refuses, by order", lines: asJSON, body: fourth + `"id":"2"}`, ours: false, theirs: true,
			applies: func(s sample) bool {
				seen := map[string]bool{}
				return anyMember(func(n string, _ json.RawMessage) bool {
					twice := seen[strings.ToLower(n)]
					seen[strings.ToLower(n)] = true
					return twice
				})(s)
			}},
		{name: "numbers are whole", why: "CloudEvents type Integer; the SDK cuts fractions off", lines: asJSON, body: fourth + `"x":1.5}`, ours: false, theirs: true,
			applies: anyMember(func(_ string, v json.RawMessage) bool {
				_, err := strconv.ParseInt(string(v), 10, 32)
				return err != nil && strings.ContainsAny(string(v[:1]), "-0123456789")
			})},
		{name: "JSON is UTF-8", why: "RFC 8259 8.1; the SDK lets any bytes pass", lines: asJSON, body: fourth + "\"data\":\"\xff\"}", ours: false, theirs: true,
			applies: func(s sample) bool { return s.header.Get("Ce-Specversion") == "" && !utf8.Valid(s.body) }},
		{name: "half a surrogate pair is no text", why: "the SDK makes it U+FFFD", lines: asJSON, body: fourth + `"x":"\ud83d"}`, ours: false, theirs: true,
			applies: anyMember(func(n string, v json.RawMessage) bool {
				return surrogatePattern().Match(v) || surrogatePattern().MatchString(n)
			})},
		{name: "data or data_base64, not both", why: "JSON format 3.1; the SDK takes one by order", lines: asJSON, body: fourth + `"data":1,"data_base64":"AA=="}`, ours: false, theirs: true,
			applies: func(s sample) bool { return hasMember(s, "data") && hasMember(s, "data_base64") }},
		{name: "null data_base64 is absent", why: "as every null attribute", lines: asJSON, body: fourth + `"data_base64":null}`, ours: true, theirs: false,
			applies: anyMember(func(n string, v json.RawMessage) bool { return n == "data_base64" && string(v) == "null" })},
		{name: "base64 is a JSON string", why: "the SDK cuts quotes off, whatever they are, and knows no escapes", lines: asJSON, body: fourth + `"data_base64":"AA\u003d="}`, ours: true, theirs: false,
			applies: anyMember(func(n string, v json.RawMessage) bool {
				return n == "data_base64" && (v[0] != '"' || strings.ContainsRune(string(v), '\\'))
			})},
		{name: "an empty datacontenttype is absent", why: "the SDK says so before specversion, and refuses it after", lines: asJSON, body: fourth + `"datacontenttype":""}`, ours: true, theirs: false,
			applies: anyMember(func(n string, v json.RawMessage) bool { return n == "datacontenttype" && decoded(v) == "" })},
		{name: "a dataschema that is no URI is refused", why: "the SDK drops it", lines: asJSON, body: fourth + `"dataschema":":"}`, ours: false, theirs: true,
			applies: anyMember(func(n string, v json.RawMessage) bool {
				_, err := url.Parse(decoded(v))
				return n == "dataschema" && (err != nil || v[0] != '"')
			})},
		{name: "an empty name ends nothing", why: "the SDK reads no further", lines: asJSON, body: fourth + `"":1,"x":[]}`, ours: false, theirs: true,
			applies: anyMember(func(n string, _ json.RawMessage) bool { return n == "" })},
		{name: "names are in lower case", why: "a leniency, off under STRICT; the SDK has it always", lines: asJSON, body: fourth + `"X":"y"}`, ours: false, theirs: true,
			applies: anyMember(func(n string, _ json.RawMessage) bool { return n != strings.ToLower(n) })},
		{name: "names are bounded", why: "an attribute costs more memory than its bytes", lines: asJSON, body: fourth + `"` + strings.Repeat("x", 257) + `":"y"}`, ours: false, theirs: true,
			applies: func(s sample) bool {
				return anyHeader(func(n, _ string) bool { return len(n) > maxNameBytes })(s) || anyMember(func(n string, _ json.RawMessage) bool { return len(n) > maxNameBytes })(s)
			}},
	}
}

func TestDifferences(t *testing.T) {
	for _, d := range differences() {
		t.Run(d.name, func(t *testing.T) {
			s := parseSample(d.lines, []byte(d.body))
			ours, oursErr := s.ours()
			theirs, theirsErr := s.reference()
			if (oursErr == nil) != d.ours || (theirsErr == nil) != d.theirs {
				t.Fatalf("our verdict: %v, want accepted %v; the SDK's: %v, want accepted %v", oursErr, d.ours, theirsErr, d.theirs)
			}
			if d.ours && d.theirs && len(differ(&ours, &theirs)) == 0 {
				t.Errorf("both read %v; the difference is gone", ours)
			}
			if !d.applies(s) {
				t.Errorf("the difference does not apply to its own example")
			}
		})
	}
}

// TestBareHeaderDoesNotCrash: the one request for which the SDK has no verdict.
func TestBareHeaderDoesNotCrash(t *testing.T) {
	s := parseSample(required+"ce-:x", nil)
	if _, err := s.ours(); err == nil || !strings.Contains(err.Error(), `illegal-name:""`) {
		t.Errorf("our verdict: %v, want illegal-name", err)
	}
	if _, err := s.reference(); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("the SDK's verdict: %v, want its panic; the difference is gone", err)
	}
}

func escapePattern() *regexp.Regexp    { return regexp.MustCompile(`%[0-9A-Fa-f]{2}`) }
func surrogatePattern() *regexp.Regexp { return regexp.MustCompile(`\\u[dD][89a-fA-F]`) }

// anyHeader applies to a request in binary mode one of whose ce- headers, or whose content type, has the property.
func anyHeader(has func(name, value string) bool) func(sample) bool {
	return func(s sample) bool {
		for name, values := range s.header {
			if !strings.HasPrefix(name, "Ce-") && name != "Content-Type" {
				continue
			}
			for _, value := range values {
				if has(name, value) {
					return s.header.Get("Ce-Specversion") != ""
				}
			}
		}
		return false
	}
}

// anyMember applies to a request in structured mode one of whose members has the property.
func anyMember(has func(name string, value json.RawMessage) bool) func(sample) bool {
	return func(s sample) bool {
		decoder := json.NewDecoder(strings.NewReader(string(s.body)))
		if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
			return false
		}
		found := false
		for decoder.More() {
			name, err := decoder.Token()
			text, ok := name.(string)
			var value json.RawMessage
			if err != nil || !ok || decoder.Decode(&value) != nil {
				return false
			}
			found = has(text, value) || found
		}
		return found
	}
}

func anyTime(has func(value string) bool) func(sample) bool {
	return func(s sample) bool {
		return anyHeader(func(n, v string) bool { return n == "Ce-Time" && has(v) })(s) ||
			anyMember(func(n string, v json.RawMessage) bool { return n == "time" && v[0] == '"' && has(decoded(v)) })(s)
	}
}

// oddTime reports whether time.Parse and RFC 3339 do not say the same of it.
func oddTime(v string) bool {
	loose, err := time.Parse(time.RFC3339Nano, strings.ToUpper(v))
	exact := exactPattern().MatchString(v)
	year := loose.UTC().Year()
	return (err == nil) != exact || strings.ContainsAny(v, "tz") || err == nil && (year < 0 || year > 9999)
}

// exactPattern is the grammar of RFC 3339 5.6; that a month has a day 31 is left to package time.
func exactPattern() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)
}

func hasMember(s sample, name string) bool {
	return anyMember(func(n string, _ json.RawMessage) bool { return n == name })(s)
}

// decoded is the text of a JSON string, "" of any other value.
func decoded(v json.RawMessage) string {
	var s string
	_ = json.Unmarshal(v, &s)
	return s
}

// sdkIsJSON is how the SDK decides that data is JSON.
func sdkIsJSON(contentType string) bool {
	mediaType, _, found := strings.Cut(contentType, ";")
	if found {
		mediaType = strings.TrimSpace(mediaType)
	}
	switch mediaType {
	case "", "application/json", "text/json", "application/cloudevents+json", "application/cloudevents-batch+json":
		return true
	}
	return false
}

// TestValidMediaType: our shortcut says what package mime says.
func TestValidMediaType(t *testing.T) {
	for _, s := range []string{
		"a/b", "application/json", "application/json; charset=utf-8", "application/json;charset=utf-8", "a/b;", "a/b; ", "a/b;c", "a/b;c=", "a/b;=d", "a/b;c=d;e=f", "a/b;c=d;c=e",
		`a/b;c="d e"`, "a", "a/", "/b", "/", "", "a/b/c", "a b/c", "a/b c", "a/b;c*=utf-8''d", "a/b;c=d ", "a/b ;c=d", "ä/b", "a/b;c=%41", "a/b;c*0=d", " a/b",
	} {
		_, _, err := mime.ParseMediaType(s)
		if got := validMediaType(s); got != (err == nil) {
			t.Errorf("validMediaType(%q) = %v, want %v", s, got, err == nil)
		}
	}
}
