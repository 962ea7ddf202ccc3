package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// ttl is when an item may go: a time after the event's, or what a place of the event says.
type ttl struct {
	*attribute
	after time.Duration // if the attribute has no template
}

const day = 24 * time.Hour

// readTTL reads DYNAMODB_TTL; nil after a problem.
func (p *problems) readTTL(text string) *ttl {
	const variable = "DYNAMODB_TTL"
	a := p.readAttribute(variable, text)
	if a == nil {
		return nil
	}
	if isAttribute(a.name) {
		p.add(variable, "fills the attribute %q, which is the event's own; another name is needed", a.name)
		return nil
	}
	out := &ttl{attribute: &attribute{variable: variable, name: a.name}}
	if !strings.Contains(a.value, "{") {
		after, ok := parseDuration(a.value)
		if !ok {
			p.add(variable, "has the duration %q; one of at least a second like 12h or 30d is needed, or {place}", a.value)
			return nil
		}
		out.after = after
		return out
	}
	t, err := parseTemplate(a.value)
	switch {
	case err != nil:
		p.add(variable, "has a wrong template: %v", err)
		return nil
	case t.single == "":
		p.add(variable, "has %q; exactly one place like {data/expires} is needed, and nothing beside it", a.value)
		return nil
	case !t.steady(p, variable):
		return nil
	}
	out.template = t
	return out
}

// parseDuration reads a duration of whole seconds or more: as Go writes it, or in days.
func parseDuration(text string) (time.Duration, bool) {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.ParseUint(days, 10, 32)
		const most = uint64(1<<63-1) / uint64(day)
		return time.Duration(min(n, most)) * day, err == nil && n > 0 && n <= most
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= time.Second
}

// secondsMax is the end of the year 9999. What lies beyond is no time in seconds, but in something smaller.
const secondsMax = 253_402_300_799

// at is the value of the attribute, in epoch seconds, and whether it counts from the event's arrival, so that it differs when
// the event comes again. The error names the place that has no time, never a value.
func (t *ttl) at(e *event.Event) (seconds int64, fromArrival bool, err error) {
	if t.template == nil {
		from := e.Time()
		fromArrival = from.IsZero()
		if fromArrival {
			from = time.Now()
		}
		return from.Unix() + int64(t.after/time.Second), fromArrival, nil
	}
	text, err := t.template.eval(e)
	if err != nil {
		return 0, false, err
	}
	if when, err := time.Parse(time.RFC3339, text); err == nil {
		return when.Unix(), false, nil
	}
	n, ok := parseNumber([]byte(text))
	seconds, whole := n.floor()
	if !ok || !whole || seconds > secondsMax {
		return 0, false, errors.New("{" + t.template.single + "} is neither epoch seconds nor an RFC 3339 time in the event")
	}
	return seconds, false, nil
}
