package main

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// reply is the function's answer for both kinds of senders: as it came, and as an event where it is one or is wrapped as
// one. to is the event that it answers, used only for wrapping.
func (c *caller) reply(to *event.Event, payload []byte) forward.Reply {
	if len(payload) == 0 {
		return forward.Reply{}
	}
	out := forward.Reply{ContentType: contentType(payload), Body: payload}
	e, claims := asEvent(payload)
	switch {
	case e != nil:
		out.Event = e
		return out
	case claims:
		c.counters.Add("replies_malformed", 1)
	}
	if c.settings.Lambda.WrapReply != "" && string(payload) != "null" {
		out.Event = c.wrap(to, out)
	}
	return out
}

// wrap is an answer as an event. Its id is made from the event that it answers, so that a repetition has the same.
func (c *caller) wrap(to *event.Event, r forward.Reply) *event.Event {
	out := event.New()
	out.SetID(cloudevent.Short(to))
	out.SetSource("/trustbridge/invoke-lambda/" + c.function.name)
	out.SetType(c.settings.Lambda.WrapReply)
	out.SetSubject(to.ID())
	out.SetDataContentType(r.ContentType)
	out.DataEncoded = r.Body
	return &out
}

// contentType is what an answer is: Lambda says that all are JSON, but passes on whatever a runtime of one's own answers.
func contentType(payload []byte) string {
	switch {
	case !utf8.Valid(payload):
		return "application/octet-stream"
	case json.Valid(payload):
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
