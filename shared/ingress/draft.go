package ingress

import (
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

const (
	// maxExtensions bounds what one event costs in memory beyond its bytes. CloudEvents sets no number; ours is far
	// above what any known sender uses.
	maxExtensions = 256
	// maxNameBytes bounds an attribute's name. CloudEvents recommends at most 20 characters and sets no limit.
	// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#naming-conventions
	maxNameBytes = 256
)

// attribute is one of those that CloudEvents defines.
type attribute int

const (
	specVersion attribute = iota
	id
	source
	eventType
	subject
	eventTime
	contentType
	schema
	attributes // how many there are
)

// attributeOf is the attribute of that name.
func attributeOf(name string) (attribute, bool) {
	switch name {
	case "specversion":
		return specVersion, true
	case "id":
		return id, true
	case "source":
		return source, true
	case "type":
		return eventType, true
	case "subject":
		return subject, true
	case "time":
		return eventTime, true
	case "datacontenttype":
		return contentType, true
	case "dataschema":
		return schema, true
	}
	return 0, false
}

// arrival is one event of a request, and from when err is set or forwarded, what became of it.
type arrival struct {
	event               event.Event
	id, source, typ     string // as far as they could be read
	err                 error  // nil is accepted
	repairs             repairs
	droppedByUnwrapping int
	plain               bool          // it was no CloudEvent when it came
	reply               forward.Reply // what the target answered
}

// draft gathers what a request says of one event before that is judged, so that the verdict does not depend on the order
// in which headers and members come.
type draft struct {
	decoder *decoder

	text    [attributes]string
	present [attributes]bool // a value that is a string was there
	seen    [attributes]bool // the name was there, null included

	extensions map[string]any // :: legal name → string, bool, int32, or nil for null
	misnamed   []misnamed

	data       []byte
	dataBase64 bool // the event carried its data as base64
	repairs    repairs
	dropped    int
	refused    *refusal
}

// misnamed is an extension whose name is not legal as it came. Whether it can be repaired is known when all others are.
type misnamed struct {
	name  string
	value any
}

// refuse keeps a refusal. Headers come in no order: of several, the alphabet decides, so that one request always gets
// one answer.
func (d *draft) refuse(r *refusal) {
	if d.refused == nil || r.reason < d.refused.reason {
		d.refused = r
	}
}

// setAttribute takes an attribute's value.
func (d *draft) setAttribute(a attribute, name, value string) {
	if d.seen[a] {
		d.refuse(duplicateName(name))
		return
	}
	d.seen[a], d.present[a], d.text[a] = true, true, value
}

// setExtension takes an extension: value is a string, a bool, an int32 or nil.
func (d *draft) setExtension(name string, value any) {
	if !cloudevent.ValidName(name) || cloudevent.IsReserved(name) {
		d.misnamed = append(d.misnamed, misnamed{name, value})
		return
	}
	if _, found := d.extensions[name]; found {
		d.refuse(duplicateName(name))
		return
	}
	d.addExtension(name, value)
}

// addExtension keeps an extension under a name that is legal and free.
func (d *draft) addExtension(name string, value any) {
	switch text, isText := value.(string); {
	case len(name) > maxNameBytes:
		d.refuse(illegalName(name))
		return
	case len(d.extensions) >= maxExtensions:
		d.refuse(tooManyAttributes())
		return
	case isText && !cloudevent.ValidText(text):
		d.refuse(illegalValue(name, ruleText))
		return
	}
	if d.extensions == nil {
		d.extensions = make(map[string]any)
	}
	d.extensions[name] = value
}

// repairNames gives misnamed extensions legal names where that is unambiguous: without - and _, in lower case. A name that
// CloudEvents or the JSON format uses is never the result, so that no repair makes an attribute or the data.
func (d *draft) repairNames() {
	slices.SortFunc(d.misnamed, func(a, b misnamed) int { return strings.Compare(a.name, b.name) })
	for _, m := range d.misnamed {
		name := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(m.name))
		_, taken := d.extensions[name]
		if d.decoder.strict || taken || !freeName(name) || cloudevent.IsReserved(m.name) {
			d.refuse(illegalName(m.name))
			continue
		}
		d.repairs |= nameRepaired
		d.addExtension(name, m.value)
	}
}

// freeName reports whether an extension may be given that name. database64 is data_base64 after a repair.
func freeName(name string) bool {
	return cloudevent.ValidName(name) && !cloudevent.IsAttribute(name) && !cloudevent.IsReserved(name) && name != "database64"
}

// arrival is the draft judged.
func (d *draft) arrival() arrival {
	e, r := d.event()
	a := arrival{event: e, id: d.text[id], source: d.text[source], typ: d.text[eventType], repairs: d.repairs, droppedByUnwrapping: d.dropped}
	if r != nil {
		a.err = r.invalid()
	}
	return a
}

// kept is an event's context with room for what it points to: one allocation instead of four.
type kept struct {
	context     event.EventContextV1
	subject     string
	contentType string
	time        types.Timestamp
}

// event judges the draft: the version first, since another one has other rules, then what was found on the way, then what
// is missing, then values.
func (d *draft) event() (event.Event, *refusal) {
	if d.present[specVersion] && d.text[specVersion] != event.CloudEventsVersionV1 {
		return event.Event{}, illegalValue("specversion", "it must be 1.0")
	}
	if d.refused != nil {
		return event.Event{}, d.refused
	}
	if !d.present[specVersion] {
		return event.Event{}, missingAttribute("specversion")
	}
	k := &kept{}
	if r := d.required(&k.context); r != nil {
		return event.Event{}, r
	}
	if r := d.optional(k); r != nil {
		return event.Event{}, r
	}
	for name, value := range d.extensions {
		if value == nil {
			delete(d.extensions, name)
		}
	}
	if len(d.extensions) > 0 {
		k.context.Extensions = d.extensions
	}
	return event.Event{Context: &k.context, DataEncoded: d.data, DataBase64: d.dataBase64}, nil
}

// required sets id, source and type.
func (d *draft) required(c *event.EventContextV1) *refusal {
	for _, required := range [...]struct {
		attribute
		name string
	}{{id, "id"}, {source, "source"}, {eventType, "type"}} {
		if !d.present[required.attribute] {
			return missingAttribute(required.name)
		}
	}
	if strings.TrimSpace(d.text[source]) == "" {
		if d.decoder.strict || d.decoder.defaultSource == "" {
			return emptySource()
		}
		d.text[source] = d.decoder.defaultSource
		d.repairs |= defaultSource
	}
	switch {
	case strings.TrimSpace(d.text[id]) == "":
		return illegalValue("id", ruleEmpty)
	case strings.TrimSpace(d.text[eventType]) == "":
		return illegalValue("type", ruleEmpty)
	case !cloudevent.ValidText(d.text[id]):
		return illegalValue("id", ruleText)
	case !cloudevent.ValidText(d.text[source]):
		return illegalValue("source", ruleText)
	case !cloudevent.ValidText(d.text[eventType]):
		return illegalValue("type", ruleText)
	}
	ref, err := cloudevent.ParseSource(d.text[source])
	if err != nil {
		return illegalValue("source", err.Error())
	}
	c.ID, c.Source, c.Type = d.text[id], ref, d.text[eventType]
	return nil
}

// optional sets what else CloudEvents defines. The empty string is no value of any of these, and means absent.
func (d *draft) optional(k *kept) *refusal {
	if k.subject = d.text[subject]; k.subject != "" {
		if strings.TrimSpace(k.subject) == "" {
			return illegalValue("subject", ruleEmpty)
		}
		if !cloudevent.ValidText(k.subject) {
			return illegalValue("subject", ruleText)
		}
		k.context.Subject = &k.subject
	}
	if k.contentType = d.text[contentType]; k.contentType != "" {
		if !cloudevent.ValidText(k.contentType) || !validMediaType(k.contentType) {
			return illegalValue("datacontenttype", "it is not a media type such as application/json")
		}
		k.context.DataContentType = &k.contentType
	}
	if text := d.text[schema]; text != "" {
		uri, err := cloudevent.ParseSchema(text)
		if err != nil || !cloudevent.ValidText(text) {
			return illegalValue("dataschema", "it is not an absolute URI")
		}
		k.context.DataSchema = &uri
	}
	if text := d.text[eventTime]; text != "" {
		t, assumed, ok := parseTime(text, d.decoder.strict)
		if !ok {
			return badTime()
		}
		if assumed {
			d.repairs |= timeZoneAssumed
		}
		k.time.Time = t
		k.context.Time = &k.time
	}
	return nil
}
