package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func fixed(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s", SessionToken: "t"}, nil
}

// prepareAllocs is the most allocations of Prepare for an event as an SAP system sends it: the JSON and the string that is
// made of it, the message, its values, the map of attributes and its table, and the texts of time and source.
const prepareAllocs = 8

// kilobyte is an event with 1 KB of data and every standard attribute, its source as the ingress reads it.
func kilobyte(t testing.TB) event.Event {
	t.Helper()
	e := order()
	source, err := cloudevent.ParseSource("/default/sap.s4.beh/731904412")
	if err != nil {
		t.Fatal(err)
	}
	e.Context.(*event.EventContextV1).Source = source
	if err := e.SetData("application/json", json.RawMessage(`{"text":"`+strings.Repeat("x", 1000)+`"}`)); err != nil {
		t.Fatal(err)
	}
	return e
}

const trace = "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01"

func BenchmarkPrepare(b *testing.B) {
	for _, payload := range []string{"event", "data"} {
		b.Run(payload, func(b *testing.B) {
			s := newBenchSink(b, payload)
			e := kilobyte(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Prepare(&e, trace); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func newBenchSink(t testing.TB, payload string) *sink {
	t.Helper()
	set := newSettings(func(s *settings) { s.SNS.Payload = payload })
	if problems := set.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	return &sink{settings: set, dataType: aws.String(stringType)}
}

func TestPrepareAllocations(t *testing.T) {
	s, e := newBenchSink(t, "event"), kilobyte(t)
	var item forward.Item
	if got := testing.AllocsPerRun(500, func() { item, _ = s.Prepare(&e, trace) }); got > prepareAllocs {
		t.Errorf("Prepare() allocates %.0f times, want at most %d", got, prepareAllocs)
	}
	if n := len(item.Payload.(*message).attributes); n != len(standardAttributes) {
		t.Errorf("%d attributes were measured, want all %d", n, len(standardAttributes))
	}
}
