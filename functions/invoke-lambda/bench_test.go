package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

const trace = "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01"

// order is an event as an SAP system sends it.
func order() event.Event {
	e := event.New()
	e.SetID("1")
	e.SetSource("/default/sap.s4.beh/1")
	e.SetType("order.v1")
	e.SetSubject("7")
	e.SetTime(time.Date(2026, 10, 5, 8, 20, 0, 0, time.UTC))
	_ = e.SetData("application/json", json.RawMessage(`{"id":7,"exact":12345678901234567890.10}`))
	return e
}

// kilobyte is an event with 1 KB of data, its source as the ingress reads it.
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

func fixed(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s", SessionToken: "t"}, nil
}

// network answers every call alike.
type network struct {
	status int
	header http.Header
	body   string
}

func (n network) Do(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	header := n.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: n.status, Header: header, Body: io.NopCloser(strings.NewReader(n.body)), Request: r}, nil
}

// sinkOn is a sink whose calls reach that network; its SDK does not retry.
func sinkOn(t testing.TB, n aws.HTTPClient, change func(*settings)) forward.Sink {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	session := awscall.NewSession(aws.CredentialsProviderFunc(fixed), func(string) {})
	return newSink(s, bridge.Target{
		AWS: aws.Config{
			Region: "eu-central-1", HTTPClient: n, Credentials: session.Credentials(), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		},
		Session: session, Counters: &telemetry.Counters{},
	})
}

func BenchmarkPrepare(b *testing.B) {
	for _, payload := range []string{"event", "data"} {
		b.Run(payload, func(b *testing.B) {
			s, e := sinkOn(b, nil, func(s *settings) { s.Lambda.Payload = payload }), kilobyte(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Prepare(&e, trace); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSend is what an invocation costs on our side of the network: nearly all of it the SDK's.
func BenchmarkSend(b *testing.B) {
	for name, traceparent := range map[string]string{"traced": trace, "untraced": ""} {
		b.Run(name, func(b *testing.B) {
			s, e := sinkOn(b, network{status: http.StatusAccepted}, nil), kilobyte(b)
			item, err := s.Prepare(&e, traceparent)
			if err != nil {
				b.Fatal(err)
			}
			items := []forward.Item{item}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Send(b.Context(), items)[0]; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// prepareAllocs is the most allocations of Prepare for an event as an SAP system sends it: the JSON, the invocation, and
// the text of the trace.
const prepareAllocs = 3

func TestPrepareAllocations(t *testing.T) {
	s, e := sinkOn(t, nil, nil), kilobyte(t)
	var item forward.Item
	if got := testing.AllocsPerRun(500, func() { item, _ = s.Prepare(&e, trace) }); got > prepareAllocs {
		t.Errorf("Prepare() allocates %.0f times, want at most %d", got, prepareAllocs)
	}
	if v := item.Payload.(*invocation); v.trace == "" || len(v.payload) < 1000 {
		t.Errorf("%d bytes with trace %q were measured, want a kilobyte and a trace", len(v.payload), v.trace)
	}
}
