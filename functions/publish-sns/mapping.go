package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	cetypes "github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// stringType is the data type of every attribute we send; its length counts into the message's size.
const stringType = "String"

// message is an event as it goes to SNS.
type message struct {
	body       []byte
	attributes []attribute // sorted by name
	size       int         // as SNS counts it
	group      string      // the message group id, "" for none
	once       string      // the deduplication id, "" for none
}

// attribute is a message attribute.
type attribute struct{ name, value string }

// Prepare maps an event to a message and its exact size as SNS counts it: the UTF-8 bytes of the body and of each
// attribute's name, type and value. Source: https://docs.aws.amazon.com/sns/latest/dg/SNSMessageAttributes.html
func (s *sink) Prepare(e *event.Event, trace string) (forward.Item, error) {
	body, err := s.body(e)
	if err != nil {
		return forward.Item{}, err
	}
	m := &message{body: body, attributes: make([]attribute, 0, len(standardAttributes)+len(s.settings.extra)), size: len(body)}
	if err := s.addAttributes(m, e, trace); err != nil {
		return forward.Item{}, err
	}
	if limit := int(s.settings.SNS.MaxBytes); m.size > limit {
		return forward.Item{}, invalid(fmt.Errorf("%w: %d bytes with attributes, SNS_MAX_BYTES allows %d; send less data or a reference to it, or raise the topic's MaximumMessageSize and SNS_MAX_BYTES",
			forward.ErrTooLarge, m.size, limit))
	}
	if err := s.order(m, e); err != nil {
		return forward.Item{}, err
	}
	item := forward.Item{Size: m.size, Payload: m}
	if s.settings.fifo {
		item.Key = m.group
	}
	return item, nil
}

// add gives the message an attribute.
func (m *message) add(name, value string) error {
	if value == "" {
		return nil // SNS refuses an empty value
	}
	if bad := illegal(value); bad >= 0 {
		return invalid(fmt.Errorf("the attribute %s holds the character %U, which no message attribute can hold; the sender must leave it out", name, bad))
	}
	m.attributes = append(m.attributes, attribute{name, value})
	m.size += len(name) + len(stringType) + len(value)
	return nil
}

// body is the message's text.
func (s *sink) body(e *event.Event) ([]byte, error) {
	if s.settings.SNS.Payload == "data" {
		data := e.Data()
		if len(data) == 0 {
			return nil, invalid(forward.WithDetail(fmt.Errorf("%w: the event has no data, and SNS_PAYLOAD=data sends nothing else", forward.ErrContent),
				"the event has no data to send; an operator can set SNS_PAYLOAD=event to send events as a whole"))
		}
		if bad := illegal(string(data)); bad >= 0 {
			return nil, invalid(forward.WithDetail(fmt.Errorf("%w: the data holds %U, which a message cannot hold", forward.ErrContent, bad),
				"the event's data is not text that a message can hold; an operator can set SNS_PAYLOAD=event to send events as a whole"))
		}
		return data, nil
	}
	out, notJSON, err := cloudevent.AppendJSON(nil, e)
	if err != nil {
		return nil, invalid(err)
	}
	if notJSON {
		s.counters.Add("data_not_json", 1)
	}
	return escaped(out), nil
}

// escaped is the JSON text with the two characters that JSON allows and a message cannot hold, U+FFFE and U+FFFF, written as
// escapes. They can only stand in strings, so that the value stays the same.
func escaped(text []byte) []byte {
	for _, c := range [...]struct{ raw, escape string }{{"\uFFFE", `\ufffe`}, {"\uFFFF", `\uffff`}} {
		if bytes.Contains(text, []byte(c.raw)) {
			text = bytes.ReplaceAll(text, []byte(c.raw), []byte(c.escape))
		}
	}
	return text
}

// addAttributes gives the message its attributes.
func (s *sink) addAttributes(m *message, e *event.Event, trace string) error {
	when := ""
	if t := e.Time(); !t.IsZero() {
		when = cetypes.FormatTime(t)
	}
	if own, ok := extensions(e)["traceparent"].(string); ok && own != "" {
		trace = own
	}
	values := [...]string{e.ID(), e.Source(), e.Type(), e.SpecVersion(), e.Subject(), when, e.DataContentType(), trace}
	for i, name := range standardAttributes {
		if err := m.add(name, values[i]); err != nil {
			return err
		}
	}
	for _, extra := range s.settings.extra {
		value, err := extra.value(e)
		if err != nil {
			return &forward.Error{Op: "map", Kind: forward.Denied, Err: forward.WithDetail(
				fmt.Errorf("SNS_ATTRIBUTES: the attribute %s cannot be filled: %w", extra.name, err),
				"the event lacks a value that the setting SNS_ATTRIBUTES asks for; an operator must change the setting or the sender")}
		}
		if err := m.add(extra.name, value); err != nil {
			return err
		}
	}
	slices.SortFunc(m.attributes, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return nil
}

// extensions are the event's own, where the SDK would copy them.
func extensions(e *event.Event) map[string]any {
	if c, ok := e.Context.(*event.EventContextV1); ok {
		return c.Extensions
	}
	return e.Extensions()
}

// value is the attribute's value for an event: "" if it is an extension that the event does not have.
func (a extraAttribute) value(e *event.Event) (string, error) {
	if a.template != nil {
		return a.template.Eval(e)
	}
	v, found := extensions(e)[a.name]
	if !found {
		return "", nil
	}
	return cetypes.Format(v)
}

// illegal is the first character of s that SQS, and so an SNS message for it, cannot hold, or -1; for bytes that are not
// UTF-8 it is U+FFFD. Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func illegal(s string) rune {
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, width := utf8.DecodeRuneInString(s[i:]); width == 1 {
				return r
			}
		case r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000:
		default:
			return r
		}
	}
	return -1
}

// invalid is the verdict on an event that breaks a rule of the mapping.
func invalid(err error) error {
	var detailed forward.Detailer
	if !errors.As(err, &detailed) && !errors.Is(err, forward.ErrTooLarge) {
		// The texts of the mapping name rules and attributes, never values, so that a sender may read them.
		err = forward.WithDetail(err, strings.TrimPrefix(err.Error(), "map: "))
	}
	return &forward.Error{Op: "map", Kind: forward.Invalid, Err: err}
}
