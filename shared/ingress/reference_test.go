package ingress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"
)

// sample is a request as both decoders get it.
type sample struct {
	header http.Header
	body   []byte
}

// parseSample makes a request of header lines, as a server would: names that no server lets through are left out, and the
// blanks around values are gone.
func parseSample(lines string, body []byte) sample {
	s := sample{header: http.Header{}, body: body}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.Trim(value, " \t")
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '-' && r != '_' && r != '.' && !isAlphanumeric(r) }) ||
			strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			continue
		}
		s.header.Add(name, value)
	}
	return s
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// ours is what our decoder makes of the request, with every leniency off, for the SDK has none of them.
func (s sample) ours() (event.Event, error) {
	h := New(Config{Strict: true})
	m, refused := h.decoder.mode(&http.Request{Method: http.MethodPost, Header: s.header})
	if refused != nil {
		return event.Event{}, refused
	}
	arrivals, refused := h.decode(m, s.header, s.body)
	if refused != nil {
		return event.Event{}, refused
	}
	if m == batchMode {
		return event.Event{}, fmt.Errorf("a batch is not compared")
	}
	return arrivals[0].event, arrivals[0].err
}

// reference is what the CloudEvents SDK makes of it: its decoder, then its validation, which its receiver runs too. A
// panic is a refusal here; that the SDK's receiver does not survive it is said in spec/peers.md 5.4.
func (s sample) reference() (e event.Event, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("panic: %v", caught)
		}
	}()
	decoded, err := binding.ToEvent(nil, cehttp.NewMessage(s.header.Clone(), io.NopCloser(bytes.NewReader(s.body)))) //nolint:staticcheck // the SDK does not use it
	if err != nil {
		return event.Event{}, err
	}
	return *decoded, decoded.Validate()
}

// compare fails the test where the decoders differ and no difference of the table applies to the request.
func (s sample) compare(t *testing.T) {
	t.Helper()
	ours, oursErr := s.ours()
	theirs, theirsErr := s.reference()
	var why []string
	switch {
	case oursErr != nil && theirsErr != nil:
		return
	case (oursErr == nil) != (theirsErr == nil):
		why = []string{fmt.Sprintf("our verdict: %v; the SDK's: %v", oursErr, theirsErr)}
	default:
		why = differ(&ours, &theirs)
	}
	if len(why) == 0 {
		return
	}
	for _, d := range differences() {
		if d.applies(s) {
			return
		}
	}
	t.Errorf("%v %q\n%s", s.header, s.body, strings.Join(why, "\n"))
}

// differ lists in what two events differ, the source and dataschema read as the SDK reads them.
func differ(ours, theirs *event.Event) []string {
	var why []string
	for name, pair := range map[string][2]any{
		"id": {ours.ID(), theirs.ID()}, "source": {normal(ours.Source()), theirs.Source()}, "type": {ours.Type(), theirs.Type()},
		"subject": {ours.Subject(), theirs.Subject()}, "datacontenttype": {ours.DataContentType(), theirs.DataContentType()},
		"dataschema": {normal(ours.DataSchema()), theirs.DataSchema()}, "time": {ours.Time().UTC(), theirs.Time().UTC()},
		"has time":   {hasTime(ours), hasTime(theirs)},
		"extensions": {ours.Extensions(), theirs.Extensions()},
		"data":       {string(bytes.TrimSpace(ours.Data())), string(bytes.TrimSpace(theirs.Data()))},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			why = append(why, name+" (-SDK +ours): "+diff)
		}
	}
	return why
}

// hasTime tells the zero time from none.
func hasTime(e *event.Event) bool {
	c, ok := e.Context.(*event.EventContextV1)
	return ok && c.Time != nil
}

// normal is how the SDK gives back a URI.
func normal(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return err.Error()
	}
	return u.String()
}

func FuzzBinaryAgainstSDK(f *testing.F) {
	required := "ce-specversion:1.0\nce-id:1\nce-source:/s\nce-type:t\n"
	for _, more := range []string{
		"", "content-type:application/json", "ce-time:2026-10-05T08:20:00Z\nce-subject:x", "ce-time:2026-10-05T1:20:00Z", "ce-x:y\nce-y:1", "ce-x-y:z", "ce-:x",
		"ce-data:x", "ce-id:2", "ce-dataschema:/x", "ce-dataschema:http://x", "content-type:json", "content-type:a/b;c=d", "content-type:a/b;c=d;c=e", "content-type:/",
		"content-type:a/b;c", "ce-datacontenttype:a/b", "ce-subject:%41\nce-x:\"q\"", "ce-time:", "content-type:application/cloudevents", "ce-source:1:2",
	} {
		f.Add(required+more, []byte(`{"a":1}`))
	}
	f.Add("ce-specversion:0.3\nce-id:1\nce-source:/s\nce-type:t", []byte(nil))
	for _, d := range differences() {
		f.Add(d.lines, []byte(d.body))
	}
	for _, fixture := range readFixtures(f) {
		var lines strings.Builder
		for name, value := range fixture.Headers {
			fmt.Fprintf(&lines, "%s:%s\n", name, value)
		}
		f.Add(lines.String(), fixture.body(f))
	}
	f.Fuzz(func(t *testing.T, lines string, body []byte) {
		s := parseSample(lines, body)
		if s.header.Get("Ce-Specversion") == "" {
			return
		}
		s.compare(t)
	})
}

func FuzzStructuredAgainstSDK(f *testing.F) {
	for _, members := range []string{
		``, `,"data":{"a":1.10}`, `,"data":null`, `,"data":"x","datacontenttype":"text/plain"`, `,"data_base64":"AA=="`, `,"data_base64":"!!"`, `,"subject":""`,
		`,"time":"2026-10-05T08:20:00Z","x":1,"y":true,"z":"s","n":null`, `,"x":1.5`, `,"x":[]`, `,"X":1`, `,"":1`, `,"id":"2"`, `,"dataschema":"http://x"`,
		`,"dataschema":":"`, `,"datacontenttype":"application/x+json","data":{}`, `,"datacontenttype":null`, `,"data":5,"datacontenttype":"a/b"`,
		`,"datacontentencoding":"base64"`, `,"schemaurl":"x"`, `,"subject":"\ud83d"`, `,"subject":5`, `,"time":""`, `,"data":1,"data_base64":"AA=="`,
	} {
		f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"` + members + `}`))
		f.Add([]byte(`{"id":"1","source":"/s","type":"t"` + members + `,"specversion":"1.0"}`))
	}
	for _, s := range []string{`null`, `[]`, `{}`, `{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, `{"specversion":"1.0"}x`} {
		f.Add([]byte(s))
	}
	for _, d := range differences() {
		f.Add([]byte(d.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sample{header: http.Header{"Content-Type": {"application/cloudevents+json"}}, body: body}.compare(t)
	})
}

// FuzzRoundTrip: what is accepted, leniently, is written as JSON that a strict ingress reads as the same event.
func FuzzRoundTrip(f *testing.F) {
	f.Add("ce-specversion:1.0\nce-id:1\nce-source:\nce-type:t\nce-x-y:z\nce-time:2026-10-05 08:20:00", []byte("\xff"))
	for _, d := range differences() {
		f.Add(d.lines, []byte(d.body))
	}
	for _, fixture := range readFixtures(f) {
		var lines strings.Builder
		for name, value := range fixture.Headers {
			fmt.Fprintf(&lines, "%s:%s\n", name, value)
		}
		f.Add(lines.String(), fixture.body(f))
	}
	lenient, strict := New(Config{DefaultSource: "/default"}), New(Config{Strict: true})
	f.Fuzz(func(t *testing.T, lines string, body []byte) {
		s := parseSample(lines, body)
		m, refused := lenient.decoder.mode(&http.Request{Method: http.MethodPost, Header: s.header})
		if refused != nil {
			return
		}
		arrivals, refused := lenient.decode(m, s.header, s.body)
		if refused != nil {
			return
		}
		for i := range arrivals {
			checkRoundTrip(t, strict, &arrivals[i])
		}
	})
}

func checkRoundTrip(t *testing.T, strict *Handler, a *arrival) {
	t.Helper()
	if a.err != nil {
		if body := appendEvent(nil, a.id, a.err); !json.Valid([]byte("{" + strings.TrimPrefix(string(body), ",") + "}")) {
			t.Errorf("the answer %s is not JSON", body)
		}
		return
	}
	if err := a.event.Validate(); err != nil {
		t.Errorf("the SDK calls an event that we accept invalid: %v", err)
	}
	document := mustJSON(t, &a.event)
	back := strict.decoder.structured(document)
	if back.err != nil {
		t.Fatalf("%s is refused: %v", document, back.err)
	}
	if !bytes.Equal(bytes.TrimSpace(back.event.Data()), bytes.TrimSpace(a.event.Data())) {
		t.Errorf("data %q comes back as %q", a.event.Data(), back.event.Data())
	}
	if !back.event.DataBase64 {
		a.event.DataEncoded = back.event.DataEncoded // JSON has lost the blanks around it
		document = mustJSON(t, &a.event)
	}
	if again := mustJSON(t, &back.event); !bytes.Equal(document, again) {
		t.Errorf("%s comes back as %s", document, again)
	}
}
