package main

import (
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// plan is what the settings say, read once. It is immutable.
type plan struct {
	table string // name or ARN
	mode  mode
	// always is true if every event is put by itself and under a condition: in latest, with DYNAMODB_WRITE=first, and in a
	// log under a key of the operator's own, which another event may hold.
	always bool

	hash, sort *attribute // sort is nil if the table has no sort key
	order      *order     // nil in log
	ttl        *ttl       // nil if items live for ever

	taken []*attribute // all of the above that are attributes of their own
}

type mode int

const (
	log mode = iota
	latest
)

// attribute is one that the table asks for, beside those of the event.
type attribute struct {
	variable string // that names it
	name     string
	template *template // what fills it; nil for a duration
}

// own tells whether the attribute is the event's own of that name, which is then there once.
func (a *attribute) own() bool { return a.template != nil && a.template.single == a.name }

// newPlan reads the settings and says all that is wrong with them.
func newPlan(s *settings) (*plan, []bridge.Problem) {
	d, p, wrong := &s.DynamoDB, &plan{table: s.DynamoDB.Table}, &problems{}
	if d.Table != "" && !isTable(d.Table) {
		wrong.add("DYNAMODB_TABLE", "is %q, which is neither the name of a table nor its ARN: arn:aws:dynamodb:region:account:table/name is needed", d.Table)
	}
	key := d.Key
	if d.Mode == "latest" {
		p.mode, p.always = latest, true
	}
	if key == "" {
		key = map[mode]string{log: "pk={event}", latest: "pk={subject}"}[p.mode]
	}
	p.hash = wrong.readKey("DYNAMODB_KEY", key)
	if d.SortKey != "" {
		p.sort = wrong.readKey("DYNAMODB_SORT_KEY", d.SortKey)
	}
	p.always = p.always || d.Write == "first" || !p.unique()
	if p.mode == latest && d.Write == "first" {
		wrong.contradict("DYNAMODB_WRITE", "DYNAMODB_MODE", "latest replaces what is stored, and first never does; unset one")
	}
	if p.mode == log && p.hash != nil && len(p.hash.template.places) == 0 && (p.sort == nil || len(p.sort.template.places) == 0) {
		wrong.add("DYNAMODB_KEY", "is %q, the same key for every event, so that a log could hold only one; use {event} or another place", key)
	}
	switch {
	case p.mode == latest:
		p.order = wrong.readOrder(d.Order)
	case d.Order != "":
		wrong.contradict("DYNAMODB_ORDER", "DYNAMODB_MODE", "a log replaces nothing, so it has no order; set DYNAMODB_MODE=latest or unset DYNAMODB_ORDER")
	}
	if d.TTL != "" {
		p.ttl = wrong.readTTL(d.TTL)
	}
	p.take(wrong)
	return p, *wrong
}

// unique tells whether no two events that are not the same can have one key.
func (p *plan) unique() bool {
	return p.hash != nil && p.hash.template.unique || p.sort != nil && p.sort.template.unique
}

// take lists the attributes that the table asks for, of which no two may have one name.
func (p *plan) take(wrong *problems) {
	all := []*attribute{p.hash, p.sort}
	if p.order != nil && p.order.attribute != nil {
		all = append(all, p.order.attribute)
	}
	if p.ttl != nil {
		all = append(all, p.ttl.attribute)
	}
	for _, a := range all {
		if a == nil {
			continue
		}
		for _, other := range p.taken {
			if other.name == a.name {
				wrong.contradict(other.variable, a.variable, "both are to fill the attribute %q", a.name)
			}
		}
		p.taken = append(p.taken, a)
	}
}

// readKey reads a key attribute and its template; nil after a problem.
func (p *problems) readKey(variable, text string) *attribute {
	a := p.readAttribute(variable, text)
	if a == nil {
		return nil
	}
	t, err := parseTemplate(a.value)
	if err != nil {
		p.add(variable, "has a wrong template: %v", err)
		return nil
	}
	if !t.steady(p, variable) {
		return nil
	}
	out := &attribute{variable: variable, name: a.name, template: t}
	if cloudevent.IsAttribute(a.name) && !out.own() {
		p.add(variable, "fills the attribute %q, which is the event's own; write %s={%s} or another name", a.name, a.name, a.name)
		return nil
	}
	return out
}

// steady tells whether the template gives the same for each delivery of an event.
func (t *template) steady(p *problems, variable string) bool {
	for _, place := range t.places {
		if cloudevent.IsDeliveryExtension(place) {
			p.add(variable, "has {%s}, which belongs to a delivery, so that an event would be another one when it comes again; use what the producer sets", place)
			return false
		}
	}
	return true
}

// assignment is attribute=value as it was written.
type assignment struct{ name, value string }

// attributeNameMax is the longest name of a key attribute, in bytes.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const attributeNameMax = 255

func (p *problems) readAttribute(variable, text string) *assignment {
	name, value, found := cut(text)
	switch {
	case !found || name == "" || value == "":
		p.add(variable, "is %q; attribute=value is needed, with the name that the attribute has in the table", text)
	case len(name) > attributeNameMax || !utf8.ValidString(name):
		p.add(variable, "names an attribute that DynamoDB cannot have: at most %d bytes of UTF-8", attributeNameMax)
	case cloudevent.IsReserved(name):
		p.add(variable, "fills the attribute %q, where the event's data is; another name is needed", name)
	case cloudevent.IsDeliveryExtension(name):
		p.add(variable, "fills the attribute %q, where what a delivery adds to an event is; another name is needed", name)
	default:
		return &assignment{name, value}
	}
	return nil
}
