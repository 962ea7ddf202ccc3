package main

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// invocation is an event as it goes to Lambda.
type invocation struct {
	payload []byte
	trace   string       // the value of X-Amzn-Trace-Id; "" leaves it to the SDK
	event   *event.Event // what an answer would be wrapped as an answer to; nil if none ever is
}

// Prepare maps an event to the payload of an invocation. The item's size is the payload's bytes, which is what Lambda counts.
func (s *sink) Prepare(e *event.Event, trace string) (forward.Item, error) {
	payload, err := s.payload(e)
	if err != nil {
		return forward.Item{}, err
	}
	if limit := s.settings.maxBytes(); len(payload) > limit {
		return forward.Item{}, invalid(fmt.Errorf("%w: %d bytes, at most %d go to the function (LAMBDA_MAX_BYTES); send less data or a reference to it",
			forward.ErrTooLarge, len(payload), limit))
	}
	if own, ok := extensions(e)["traceparent"].(string); ok && own != "" {
		trace = own
	}
	v := &invocation{payload: payload, trace: traceID(trace)}
	if s.settings.Lambda.WrapReply != "" {
		v.event = e
	}
	return forward.Item{Size: len(payload), Payload: v}, nil
}

// payload is what the function gets.
func (s *sink) payload(e *event.Event) ([]byte, error) {
	if s.settings.Lambda.Payload == "data" {
		data := e.Data()
		if !json.Valid(data) || !utf8.Valid(data) {
			return nil, invalid(forward.WithDetail(fmt.Errorf("%w: the event's data is not JSON, and LAMBDA_PAYLOAD=data sends nothing else", forward.ErrContent),
				"the event has no data, or its data is not JSON in UTF-8, which is all that a Lambda function takes; an operator can set LAMBDA_PAYLOAD=event to send events as a whole"))
		}
		return data, nil
	}
	out, notJSON, err := cloudevent.AppendJSON(nil, e)
	if err != nil {
		return nil, invalid(forward.WithDetail(err, err.Error())) // it names attributes, never values
	}
	if notJSON {
		s.counters.Add("data_not_json", 1)
	}
	return out, nil
}

// extensions are the event's own, where the SDK would copy them.
func extensions(e *event.Event) map[string]any {
	if c, ok := e.Context.(*event.EventContextV1); ok {
		return c.Extensions
	}
	return e.Extensions()
}

// invalid is the verdict on an event that breaks a rule of the mapping.
func invalid(err error) error { return &forward.Error{Op: "map", Kind: forward.Invalid, Err: err} }
