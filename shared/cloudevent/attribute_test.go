package cloudevent

import (
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func TestNames(t *testing.T) {
	for _, row := range []struct {
		name                       string
		valid, attribute, reserved bool
	}{
		{"id", true, true, false}, {"time", true, true, false}, {"dataschema", true, true, false}, {"data", true, false, true},
		{"data_base64", false, false, true}, {"xsap1", true, false, false}, {"0", true, false, false}, {"", false, false, false},
		{"aB", false, false, false}, {"a-b", false, false, false}, {"a_b", false, false, false}, {"ä", false, false, false}, {"a.b", false, false, false},
	} {
		if got := ValidName(row.name); got != row.valid {
			t.Errorf("ValidName(%q) = %v, want %v", row.name, got, row.valid)
		}
		if got := IsAttribute(row.name); got != row.attribute {
			t.Errorf("IsAttribute(%q) = %v, want %v", row.name, got, row.attribute)
		}
		if got := IsReserved(row.name); got != row.reserved {
			t.Errorf("IsReserved(%q) = %v, want %v", row.name, got, row.reserved)
		}
	}
}

func TestValidText(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "Bestellung № 2026/0815, Köln 100% 📦": true, "a\u00a0b": true, "\uFFFD": true,
		"\x00": false, "a\nb": false, "\t": false, "\x7f": false, "\u0085": false, "\u009f": false,
		"\xff": false, "ab\xc3": false, "\ufdd0": false, "\ufffe": false, "\U0001ffff": false, "\xed\xa0\x80": false,
	} {
		if got := ValidText(s); got != want {
			t.Errorf("ValidText(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestIsJSON(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, "application/json": true, "application/json; charset=utf-8": true, "Application/JSON ;charset=x": true, "text/json": true,
		"application/vnd.sap.x+json": true, "application/X+JSON;a=b": true, "application/cloudevents+json": true,
		"text/plain": false, "application/xml": false, "json": false, "application/jsonx": false, "application/+json": false, "application/ndjson": false,
		"text/plain; x=application/json": false,
	} {
		if got := IsJSON(s); got != want {
			t.Errorf("IsJSON(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestParseSourceKeepsEveryByte(t *testing.T) {
	for _, s := range []string{
		"webshop", "/default/sap.s4.beh/731904412", "https://EXAMPLE.com/a b?x=ä#f", "urn:uuid:1", "HTTP://x", "#f", "?q", "//host/p", "a//b", "./a:b", "/a%20b", "mailto:x@y",
	} {
		ref, err := ParseSource(s)
		e := event.Event{Context: &event.EventContextV1{Source: ref}}
		if err != nil || e.Source() != s || e.Clone().Source() != s {
			t.Errorf("ParseSource(%q) reads back as %q, %v", s, e.Source(), err)
		}
	}
	for _, s := range []string{"", "  ", "/100%", "1:2", "http://[", "/a\x00"} {
		if ref, err := ParseSource(s); err == nil {
			t.Errorf("ParseSource(%q) = %v, want an error", s, ref)
		}
	}
}

func TestParseSchemaKeepsEveryByte(t *testing.T) {
	for _, s := range []string{"https://EXAMPLE.com/ä?x#f", "HTTP://x", "urn:a", "x:"} {
		u, err := ParseSchema(s)
		if err != nil || u.String() != s || !u.Validate() {
			t.Errorf("ParseSchema(%q) = %q, %v", s, u.String(), err)
		}
	}
	for _, s := range []string{"", "/schema", "schema.json", "http://[", "#"} {
		if u, err := ParseSchema(s); err == nil {
			t.Errorf("ParseSchema(%q) = %q, want an error", s, u.String())
		}
	}
}

func TestIsText(t *testing.T) {
	for contentType, want := range map[string]bool{
		"text/plain": true, "TEXT/CSV; header=present": true, "text/plain; charset=UTF-8": true, "text/plain;charset=us-ascii": true,
		"application/xml": true, "application/soap+xml": true,
		"text/plain; charset=iso-8859-1": false, "application/octet-stream": false, "image/png": false, "application/xmlx": false,
		"textual/plain": false, "": false, "text/plain; charset": false,
	} {
		if got := IsText(contentType); got != want {
			t.Errorf("IsText(%q) = %t, want %t", contentType, got, want)
		}
	}
}
