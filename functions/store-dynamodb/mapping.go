package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	cetypes "github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// The largest item and keys, in bytes.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	itemMax = 409_600
	hashMax = 2048
	sortMax = 1024
)

// row is an event as it goes to DynamoDB.
type row struct {
	json        []byte // the item
	hash, sort  string // the key; sort is "" if the table has none
	conditional bool   // put by itself, under a condition
	who         identity
	order       orderValue // in latest
}

// identity is what makes two events the same event.
type identity struct{ source, id, typ string }

// Prepare maps an event to an item and its exact size as DynamoDB counts it. Events of one key have one ordering key.
func (s *sink) Prepare(e *event.Event, trace string) (forward.Item, error) {
	if year := e.Time().UTC().Year(); year < 0 || year > 9999 {
		return forward.Item{}, invalid(errors.New("the time is outside of the years 0000 to 9999 in UTC, so that it has no order as text"))
	}
	r := &row{conditional: s.plan.always, who: identity{e.Source(), e.ID(), e.Type()}}
	i := &item{b: make([]byte, 0, 1024+len(e.DataEncoded)*5/4)}
	if err := s.addTables(i, r, e); err != nil {
		return forward.Item{}, err
	}
	if err := s.addEvents(i, e, r.conditional, trace); err != nil {
		return forward.Item{}, err
	}
	notJSON := addData(i, e)
	if i.size > itemMax {
		return forward.Item{}, invalid(fmt.Errorf("%w: its item has more than the %d bytes that DynamoDB takes, names and values together; send less data or a reference to it",
			forward.ErrTooLarge, itemMax))
	}
	r.json = i.close()
	s.count("data_not_json", notJSON)
	s.count("kept_as_text_numbers", i.kept.numbers)
	s.count("kept_as_text_nesting", i.kept.nesting)
	s.count("kept_as_text_members", i.kept.members)
	s.count("kept_as_text_strings", i.kept.strings)
	return forward.Item{Key: r.key(), Size: i.size, Payload: r}, nil
}

func (s *sink) count(name string, n int64) {
	if n > 0 {
		s.counters.Add(name, n)
	}
}

// key is one text for the row's key; two rows have one if and only if their keys are equal.
func (r *row) key() string {
	if r.sort == "" {
		return r.hash
	}
	return strconv.Itoa(len(r.hash)) + " " + r.hash + r.sort
}

// addTables adds what the table asks for: key, order and time to live.
func (s *sink) addTables(i *item, r *row, e *event.Event) error {
	var err error
	if r.hash, err = addKey(i, s.plan.hash, e, hashMax); err != nil {
		return err
	}
	if s.plan.sort != nil {
		if r.sort, err = addKey(i, s.plan.sort, e, sortMax); err != nil {
			return err
		}
	}
	if o := s.plan.order; o != nil && o.name != "" {
		if r.order, err = o.of(e); err != nil {
			return denied("DYNAMODB_ORDER", fmt.Errorf("the event has no order: %w", err))
		}
		if o.attribute != nil {
			i.orderValue(o.name, r.order)
		}
	}
	if t := s.plan.ttl; t != nil {
		seconds, fromArrival, err := t.at(e)
		if err != nil {
			return denied("DYNAMODB_TTL", fmt.Errorf("the attribute %s cannot be filled: %w", t.name, err))
		}
		text := strconv.AppendInt(nil, seconds, 10)
		n, _ := parseNumber(text)
		i.number(t.name, n, text)
		// When the event comes again, it would live longer: the first delivery is kept.
		r.conditional = r.conditional || fromArrival
	}
	return nil
}

func (i *item) orderValue(name string, v orderValue) {
	if v.isNumber {
		i.number(name, v.number, []byte(v.text))
		return
	}
	i.text(name, v.text)
}

func addKey(i *item, a *attribute, e *event.Event, most int) (string, error) {
	value, err := a.template.eval(e)
	switch {
	case err != nil:
		return "", denied(a.variable, fmt.Errorf("the key %s cannot be filled: %w", a.name, err))
	case value == "":
		return "", invalid(fmt.Errorf("the key %s would be empty, which no table takes; %s says what fills it", a.name, a.variable))
	case len(value) > most:
		return "", invalid(fmt.Errorf("the key %s would have %d bytes, at most %d are possible; %s says what fills it", a.name, len(value), most, a.variable))
	}
	i.text(a.name, value)
	return value, nil
}

// addEvents adds the event's own attributes; everything, or without what a delivery adds to it.
func (s *sink) addEvents(i *item, e *event.Event, everything bool, trace string) error {
	when := ""
	if t := e.Time(); !t.IsZero() {
		when = formatTime(t)
	}
	for _, a := range [...]struct{ name, value string }{
		{"specversion", e.SpecVersion()}, {"id", e.ID()}, {"source", e.Source()}, {"type", e.Type()}, {"subject", e.Subject()},
		{"time", when}, {"datacontenttype", e.DataContentType()}, {"dataschema", e.DataSchema()},
	} {
		// Only the event's own value can stand there already: the plan has no other under these names.
		if a.value != "" && s.plan.taker(a.name) == nil {
			i.text(a.name, a.value)
		}
	}
	own := extensions(e)
	for name, value := range own {
		if !everything && cloudevent.IsDeliveryExtension(name) {
			continue
		}
		switch taker := s.plan.taker(name); {
		case taker == nil:
			addExtension(i, name, value)
		case !taker.own():
			return denied(taker.variable, fmt.Errorf("the event has an extension %q, and the attribute of that name is the table's", name))
		}
	}
	if _, found := own["traceparent"]; everything && !found && trace != "" {
		i.text("traceparent", trace)
	}
	return nil
}

// taker is what has the attribute of that name in the table, nil if nothing has.
func (p *plan) taker(name string) *attribute {
	for _, a := range p.taken {
		if a.name == name {
			return a
		}
	}
	return nil
}

func addExtension(i *item, name string, value any) {
	switch v := value.(type) {
	case string:
		i.text(name, v)
	case bool:
		i.boolean(name, v)
	case int32:
		text := strconv.AppendInt(nil, int64(v), 10)
		n, _ := parseNumber(text)
		i.number(name, n, text)
	case []byte:
		i.binary(name, v)
	case time.Time:
		i.text(name, formatTime(v))
	case cetypes.Timestamp:
		i.text(name, formatTime(v.Time))
	default:
		text, err := cetypes.Format(v)
		if err != nil {
			text = fmt.Sprint(v) // the event's own check lets no other type in
		}
		i.text(name, text)
	}
}

// addData adds the data: JSON as a document, text as text, the rest as bytes. It returns 1 if data that says it is JSON is
// not, and so bytes.
func addData(i *item, e *event.Event) (notJSON int64) {
	data := e.DataEncoded
	if len(data) == 0 {
		return 0
	}
	const name = "data"
	switch contentType := e.DataContentType(); {
	case cloudevent.IsJSON(contentType) && rawjson.Valid(data):
		value, _ := rawjson.Pointer(data, nil) // the whole, without the space around it
		i.document(name, value)
	case cloudevent.IsText(contentType) && utf8.Valid(data):
		i.text(name, string(data))
	default:
		i.binary(name, data)
		if cloudevent.IsJSON(contentType) {
			return 1
		}
	}
	return 0
}

// extensions are the event's own, where the SDK would copy them.
func extensions(e *event.Event) map[string]any {
	if c, ok := e.Context.(*event.EventContextV1); ok {
		return c.Extensions
	}
	return e.Extensions()
}

// invalid is the verdict on an event that breaks a rule of the mapping.
func invalid(err error) error {
	if !errors.Is(err, forward.ErrTooLarge) {
		// The texts of the mapping name rules and attributes, never values, so that a sender may read them.
		err = forward.WithDetail(err, strings.TrimPrefix(err.Error(), "map: "))
	}
	return &forward.Error{Op: "map", Kind: forward.Invalid, Err: err}
}

// denied is the verdict on an event that lacks what a setting asks for: an operator can cure it.
func denied(variable string, err error) error {
	return &forward.Error{Op: "map", Kind: forward.Denied, Err: forward.WithDetail(fmt.Errorf("%s: %w", variable, err),
		"the event does not fit the setting "+variable+"; an operator must change the setting or the sender")}
}
