package cloudevent

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
)

// idMax is the longest readable form in bytes: the longest partition key of DynamoDB.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const idMax = 2048

// ID is the readable form of what makes two events the same event: source, id and type, joined by one space, in each of
// which % and space are percent-encoded. Above 2,048 bytes it is [Short]. Two events have one ID if and only if the three
// are equal byte for byte; a redelivery is thus the same event, and one id under two types is two.
func ID(e *event.Event) string {
	source, id, typ := sameness(e)
	n := len(source) + len(id) + len(typ) + 2
	if n > idMax {
		return short(source, id, typ)
	}
	b := make([]byte, 0, n)
	b = appendEncoded(b, source)
	b = append(b, ' ')
	b = appendEncoded(b, id)
	b = append(b, ' ')
	b = appendEncoded(b, typ)
	if len(b) > idMax {
		return short(source, id, typ)
	}
	return string(b)
}

// appendEncoded appends s with % and space percent-encoded.
func appendEncoded(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "% ") {
		return append(b, s...)
	}
	for i := range len(s) {
		switch s[i] {
		case '%':
			b = append(b, "%25"...)
		case ' ':
			b = append(b, "%20"...)
		default:
			b = append(b, s[i])
		}
	}
	return b
}

// Short is the short form of [ID], for names that must be short or of few characters: SHA-256 in 64 lower-case
// hexadecimal digits over source, id and type, each preceded by its length in bytes as 8 bytes big-endian.
func Short(e *event.Event) string { return short(sameness(e)) }

func short(source, id, typ string) string {
	b := make([]byte, 0, 512)
	for _, s := range [...]string{source, id, typ} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// sameness is the three attributes that identify an event, read without a copy where the context is of version 1.0.
func sameness(e *event.Event) (source, id, typ string) {
	if c, ok := e.Context.(*event.EventContextV1); ok {
		return sourceText(c), c.ID, c.Type
	}
	return e.Source(), e.ID(), e.Type()
}

// IsDeliveryExtension reports whether an extension of that name belongs to a delivery and not to the event, so that it may
// differ when the event comes again: trace context, and what Knative and Kafka add on the way.
func IsDeliveryExtension(name string) bool {
	switch name {
	case "traceparent", "tracestate", "baggage":
		return true
	}
	return strings.HasPrefix(name, "knative") || strings.HasPrefix(name, "kafka")
}
