package cloudevent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

func templateEvent(t testing.TB) *event.Event {
	e := make1(t, "/s/1", "i 1", "t.v1")
	c := e.Context.(*event.EventContextV1)
	c.Time = &types.Timestamp{Time: time.Date(2026, 10, 5, 10, 2, 11, 500_000_000, time.FixedZone("", 7200))}
	subject := "Bestellung"
	c.Subject = &subject
	c.Extensions = map[string]any{"attempt": int32(3), "rush": true, "region": "eu10", "blob": []byte("ab"), "empty": ""}
	e.DataEncoded = []byte(`{"order":{"id":"A\u00e4","total":90071992547409931.250,"rush":false,"note":null,"a/b":"s"},"lines":[{"n":1.10}],"half":"\ud83d"}`)
	return e
}

func TestTemplateEval(t *testing.T) {
	e := templateEvent(t)
	for text, want := range map[string]string{
		"": "", "plain": "plain", "}": "}", "{{": "{", "{{x}": "{x}", "a{{{id}}b": "a{i 1}b",
		"{source}|{id}|{type}|{specversion}": "/s/1|i 1|t.v1|1.0", "{subject}": "Bestellung", "{time}": "2026-10-05T08:02:11.5Z",
		"{attempt}-{rush}-{region}-{blob}": "3-true-eu10-YWI=", "{empty}": "",
		"{event}":         "/s/1 i%201 t.v1",
		"{data/order/id}": "Aä", "{data/order/total}": "90071992547409931.250", "{data/order/rush}": "false", "{data/lines/0/n}": "1.10",
		"{data/order/a~1b}": "s", "pk={event}#{data/order/id}": "pk=/s/1 i%201 t.v1#Aä",
	} {
		p, err := ParseTemplate(text)
		if err != nil {
			t.Errorf("ParseTemplate(%q) = %v", text, err)
			continue
		}
		if got, err := p.Eval(e); got != want || err != nil {
			t.Errorf("Eval(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestTemplateNamesWhatIsMissing(t *testing.T) {
	e := templateEvent(t)
	text := "text/plain"
	plain := make1(t, "/s", "1", "t")
	plain.DataEncoded = []byte("not JSON")
	plain.Context.(*event.EventContextV1).DataContentType = &text
	empty := make1(t, "/s", "1", "t")
	for _, row := range []struct {
		e              *event.Event
		template, want string
	}{
		{e, "{none}", "{none} is absent in the event"},
		{e, "x{dataschema}", "{dataschema} is absent in the event"},
		{empty, "{time}", "{time} is absent in the event"},
		{empty, "{data}", "{data} is absent in the event"},
		{e, "{data/order/none}", "{data/order/none} is absent in the event"},
		{e, "{data/order/note}", "{data/order/note} is null in the event"},
		{e, "{data/order}", "{data/order} is an object in the event, and only a string, a number or a boolean can be filled in"},
		{e, "{data/lines}", "{data/lines} is an array in the event, and only a string, a number or a boolean can be filled in"},
		{e, "{data/half}", "{data/half} is not text in the event: it holds half of a surrogate pair"},
		{plain, "{data/a}", "{data/a} cannot be looked up, since the event's data is not JSON"},
	} {
		p, err := ParseTemplate(row.template)
		if err != nil {
			t.Fatalf("ParseTemplate(%q) = %v", row.template, err)
		}
		if got, err := p.Eval(row.e); err == nil || err.Error() != row.want {
			t.Errorf("Eval(%q) = %q, %v, want %q", row.template, got, err, row.want)
		}
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a{id":          "is not closed",
		"{":             "is not closed",
		"{}":            "made of a to z",
		"{Id}":          "made of a to z",
		"{a b}":         "made of a to z",
		"{data_base64}": "made of a to z",
		"{data/~2}":     "JSON Pointer",
		"{dataX/a}":     "made of a to z",
	} {
		if p, err := ParseTemplate(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), text) {
			t.Errorf("ParseTemplate(%q) = %v, %v, want an error with %q and the template", text, p, err, want)
		}
	}
}

// FuzzTemplate: text whose braces are doubled evaluates to itself; any other text is refused or filled, never half.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "{{", "{id}", "{data/order/total}", "{data/a~1b}{event}", "{", "}", "{data/~}", "{{{{{id}}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := templateEvent(t)
		p, err := ParseTemplate(strings.ReplaceAll(s, "{", "{{"))
		if err != nil {
			t.Fatalf("ParseTemplate of %q, escaped = %v", s, err)
		}
		if got, err := p.Eval(e); got != s || err != nil {
			t.Errorf("Eval of %q, escaped = %q, %v", s, got, err)
		}
		p, err = ParseTemplate(s)
		if err != nil {
			return
		}
		if got, err := p.Eval(e); err != nil && got != "" {
			t.Errorf("Eval(%q) = %q beside the error %v", s, got, err)
		}
	})
}

func ExampleTemplate() {
	ref, _ := ParseSource("/nordwind")
	e := &event.Event{Context: &event.EventContextV1{ID: "1", Source: ref, Type: "order.created.v1"}, DataEncoded: []byte(`{"order":"2026/0815"}`)}
	t, err := ParseTemplate("{source}/{data/order}")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Eval(e))
	// Output: /nordwind/2026/0815 <nil>
}
