// Package cloudevent is what every room says of an event, so that all say the same: when two events are the same event,
// how an event is written as JSON, what a name or a value may be, and what a template makes of it. It knows no HTTP and no
// AWS; events are the CloudEvents SDK's [event.Event].
//
// [ID] and [Short] name an event, [AppendJSON] writes it, [ParseTemplate] reads a template.
//
// It promises that data is never changed: JSON is embedded byte for byte, anything else goes out as base64. It judges
// only what it is given to write: whether a request holds a CloudEvent is for the ingress to say.
//
// [event.Event]: https://pkg.go.dev/github.com/cloudevents/sdk-go/v2/event#Event
package cloudevent
