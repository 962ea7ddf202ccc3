package cloudevent

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// Template is text with places that an event fills:
//
//	{name}      a CloudEvents attribute or extension
//	{data/a/b}  a value in the event's JSON data, by JSON Pointer; {data} is the whole of it
//	{event}     the event's [ID]
//	{{          a brace
//
// A } that closes nothing is itself, and a member whose name holds } cannot be reached. It is immutable, and safe for
// concurrent use.
type Template struct {
	parts []templatePart
}

// templatePart is a literal if name is "".
type templatePart struct {
	literal string
	name    string
	pointer []string // reference tokens into data, if name begins with "data"
}

// ParseTemplate reads a template; the error says what is wrong where, so that it is found at start and not at the first event.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
	var literal strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		literal.WriteString(before)
		if !found {
			break
		}
		if strings.HasPrefix(after, "{") {
			literal.WriteByte('{')
			rest = after[1:]
			continue
		}
		name, after, found := strings.Cut(after, "}")
		if !found {
			return nil, fmt.Errorf("template %q: the brace before %q is not closed; write {{ for a brace", text, name)
		}
		part, err := parsePlace(name)
		if err != nil {
			return nil, fmt.Errorf("template %q: {%s}: %w", text, name, err)
		}
		if literal.Len() > 0 {
			t.parts = append(t.parts, templatePart{literal: literal.String()})
			literal.Reset()
		}
		t.parts = append(t.parts, part)
		rest = after
	}
	if literal.Len() > 0 {
		t.parts = append(t.parts, templatePart{literal: literal.String()})
	}
	return t, nil
}

func parsePlace(name string) (templatePart, error) {
	if name == "data" || strings.HasPrefix(name, "data/") {
		tokens, err := rawjson.ParsePointer(strings.TrimPrefix(name, "data"))
		return templatePart{name: name, pointer: tokens}, err
	}
	if !ValidName(name) {
		return templatePart{}, errors.New("an attribute's name is made of a to z and 0 to 9; data is reached by {data/member}")
	}
	return templatePart{name: name}, nil
}

// Eval is the template filled from the event: numbers of data as they were written, booleans as true and false, times in
// UTC. The error names the place that has no value, never a value: it is absent or null, an object or array, not text, or
// the data is not JSON.
func (t *Template) Eval(e *event.Event) (string, error) {
	var b strings.Builder
	for _, part := range t.parts {
		value, err := part.eval(e)
		if err != nil {
			return "", fmt.Errorf("{%s} %w", part.name, err)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

func (p *templatePart) eval(e *event.Event) (string, error) {
	switch {
	case p.name == "":
		return p.literal, nil
	case p.name == "event":
		return ID(e), nil
	case p.name == "data" || strings.HasPrefix(p.name, "data/"):
		return dataValue(e, p.pointer)
	}
	return attributeValue(e, p.name)
}

// errAbsent completes "{name} ": there is nothing to fill the place with.
var errAbsent = errors.New("is absent in the event")

func attributeValue(e *event.Event, name string) (string, error) {
	var value string
	switch name {
	case "specversion":
		value = e.SpecVersion()
	case "source":
		value, _, _ = sameness(e)
	case "id":
		value = e.ID()
	case "type":
		value = e.Type()
	case "subject":
		value = e.Subject()
	case "datacontenttype":
		value = e.DataContentType()
	case "dataschema":
		value = e.DataSchema()
	case "time":
		if c, ok := e.Context.(*event.EventContextV1); ok && c.Time != nil {
			value = c.Time.UTC().Format(time.RFC3339Nano)
		}
	default:
		return extensionValue(e, name)
	}
	if value == "" {
		return "", errAbsent
	}
	return value, nil
}

func extensionValue(e *event.Event, name string) (string, error) {
	var found any
	if c, ok := e.Context.(*event.EventContextV1); ok {
		found = c.Extensions[name]
	}
	switch v := found.(type) {
	case nil:
		return "", errAbsent
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	text, err := types.Format(found)
	if err != nil {
		return "", errors.New("is of a type that CloudEvents does not have")
	}
	return text, nil
}

func dataValue(e *event.Event, pointer []string) (string, error) {
	if len(e.DataEncoded) == 0 {
		return "", errAbsent
	}
	if !IsJSON(e.DataContentType()) || !rawjson.Valid(e.DataEncoded) {
		return "", errors.New("cannot be looked up, since the event's data is not JSON")
	}
	value, found := rawjson.Pointer(e.DataEncoded, pointer)
	if !found {
		return "", errAbsent
	}
	switch value[0] {
	case 'n':
		return "", errors.New("is null in the event")
	case '{':
		return "", errors.New("is an object in the event, and only a string, a number or a boolean can be filled in")
	case '[':
		return "", errors.New("is an array in the event, and only a string, a number or a boolean can be filled in")
	case '"':
		text, ok := rawjson.String(value)
		if !ok {
			return "", errors.New("is not text in the event: it holds half of a surrogate pair")
		}
		return text, nil
	}
	return string(value), nil
}
