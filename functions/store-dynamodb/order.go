package main

import (
	"cmp"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// order is what makes one event of a key newer than another.
type order struct {
	name       string    // the attribute that holds it; "" for the order of arrival
	place      string    // the place of the event that it comes from
	template   *template // of that place alone
	pointer    []string  // of a place in data
	*attribute           // what the table has for it beside the event's own attributes; nil if it is the event's time, or arrival
}

// byTime is the order where no other is asked for.
func byTime() *order {
	t, _ := parseTemplate("{time}")
	return &order{name: "time", place: "time", template: t}
}

// readOrder reads DYNAMODB_ORDER; nil after a problem.
func (p *problems) readOrder(text string) *order {
	const variable = "DYNAMODB_ORDER"
	switch text {
	case "":
		return byTime()
	case "arrival":
		return &order{}
	}
	a := p.readAttribute(variable, text)
	if a == nil {
		return nil
	}
	t, err := parseTemplate(a.value)
	switch {
	case err != nil:
		p.add(variable, "has a wrong template: %v", err)
		return nil
	case t.single == "" || t.single == "event":
		p.add(variable, "has %q; exactly one place like {data/sequence} is needed, so that a number stays one; or arrival", a.value)
		return nil
	}
	o := &order{name: a.name, place: t.single, template: t, attribute: &attribute{variable: variable, name: a.name, template: t}}
	if isAttribute(a.name) && !o.own() {
		p.add(variable, "fills the attribute %q, which is the event's own; write %s={%s} or another name", a.name, a.name, a.name)
		return nil
	}
	if rest, isData := strings.CutPrefix(t.single, "data"); isData && (rest == "" || rest[0] == '/') {
		o.pointer, _ = rawjson.ParsePointer(rest) // the template was read, so it is one
		if o.pointer == nil {
			o.pointer = []string{}
		}
	}
	return o
}

// orderValue is the value of an order: a number or a string.
type orderValue struct {
	isNumber bool
	text     string
	number   number // of a number
}

// errNoOrder says that a value has no order among others.
var errNoOrder = errors.New("is neither a number that DynamoDB can hold nor a string")

// of is the event's value. The error names the place that has none, never a value.
func (o *order) of(e *event.Event) (orderValue, error) {
	text, err := o.template.eval(e)
	if err != nil {
		return orderValue{}, err
	}
	isNumber, err := o.kind(e)
	v := orderValue{isNumber: isNumber, text: text}
	if isNumber {
		var fits bool
		if v.number, fits = parseNumber([]byte(text)); !fits {
			err = errNoOrder
		}
	}
	if err != nil {
		return v, errors.New("{" + o.place + "} " + err.Error())
	}
	return v, nil
}

// kind tells a number from a string, and refuses the rest.
func (o *order) kind(e *event.Event) (isNumber bool, err error) {
	if o.pointer != nil {
		raw, _ := rawjson.Pointer(e.DataEncoded, o.pointer) // the template found it
		switch {
		case rawjson.IsString(raw):
			return false, nil
		case len(raw) == 0 || raw[0] == 't' || raw[0] == 'f':
			return false, errNoOrder
		}
		return true, nil
	}
	switch extensions(e)[o.place].(type) {
	case bool:
		return false, errNoOrder
	case int32:
		return true, nil
	}
	return false, nil
}

// compare tells whether the stored value is smaller than ours (-1), equal (0) or greater (1); comparable is false if it is
// absent or of another type.
func (v orderValue) compare(stored types.AttributeValue) (result int, comparable bool) {
	switch s := stored.(type) {
	case *types.AttributeValueMemberN:
		n, ok := parseNumber([]byte(s.Value))
		return n.compare(v.number), ok && v.isNumber
	case *types.AttributeValueMemberS:
		return cmp.Compare(s.Value, v.text), !v.isNumber
	}
	return 0, false
}

// isAttribute tells whether an attribute of that name is always the event's own.
func isAttribute(name string) bool { return cloudevent.IsAttribute(name) }
