package main

import (
	"errors"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// template is a template of package cloudevent in which {time} has nine fraction digits, as times are stored, so that the
// order of strings is that of times.
type template struct {
	parts  []*cloudevent.Template // nil where the event's time is
	places []string               // the names in braces
	single string                 // the name, if the template is one place and nothing else; "" otherwise
	unique bool                   // two events that are not the same never give the same text
}

func parseTemplate(text string) (*template, error) {
	if _, err := cloudevent.ParseTemplate(text); err != nil {
		return nil, err
	}
	t := &template{}
	start := 0
	piece := func(end int) error {
		if start == end {
			return nil
		}
		part, err := cloudevent.ParseTemplate(text[start:end])
		t.parts = append(t.parts, part)
		return err
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '{':
			continue
		case text[i+1] == '{': // there is a character, or the template would be wrong
			i++
			continue
		}
		end := i + strings.IndexByte(text[i:], '}')
		place := text[i+1 : end]
		t.places = append(t.places, place)
		if place == "time" {
			if err := piece(i); err != nil {
				return nil, err
			}
			t.parts = append(t.parts, nil)
			start = end + 1
		}
		i = end
	}
	if err := piece(len(text)); err != nil {
		return nil, err
	}
	if len(t.places) == 1 {
		t.unique = t.places[0] == "event"
		if text == "{"+t.places[0]+"}" {
			t.single = t.places[0]
		}
	}
	return t, nil
}

// eval is the template filled from the event; the error names the place that cannot be, never a value.
func (t *template) eval(e *event.Event) (string, error) {
	if len(t.parts) == 1 && t.parts[0] != nil {
		return t.parts[0].Eval(e)
	}
	var b strings.Builder
	for _, part := range t.parts {
		text := formatTime(e.Time())
		switch {
		case part != nil:
			var err error
			if text, err = part.Eval(e); err != nil {
				return "", err
			}
		case e.Time().IsZero():
			return "", errors.New("{time} is absent in the event")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// formatTime is how times are stored: of equal length, so that the order of strings is that of times.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// cut splits attribute=value.
func cut(text string) (name, value string, found bool) { return strings.Cut(text, "=") }
