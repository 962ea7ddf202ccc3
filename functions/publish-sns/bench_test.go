package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

func fixed(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s", SessionToken: "t"}, nil
}

// prepareAllocs is the most allocations of Prepare for an event as an SAP system sends it: the JSON, the message, its
// attributes, and the texts of time and source.
const prepareAllocs = 5

// formAllocs is the most allocations of form: the topic as it is written, and the body, which never grows.
const formAllocs = 2

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
	return &sink{settings: set}
}

// kilobytes are the items of a full batch.
func kilobytes(t testing.TB, s *sink) []forward.Item {
	t.Helper()
	items := make([]forward.Item, batchMax)
	for i := range items {
		e := kilobyte(t)
		item, err := s.Prepare(&e, trace)
		if err != nil {
			t.Fatal(err)
		}
		items[i] = item
	}
	return items
}

// answering is a network that accepts every entry of a full batch.
type answering struct{ reply string }

func newAnswering() answering {
	var b strings.Builder
	for i := range batchMax {
		fmt.Fprintf(&b, "<member><Id>%d</Id><MessageId>m</MessageId></member>", i)
	}
	return answering{`<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful>` + b.String() +
		`</Successful><Failed/></PublishBatchResult></PublishBatchResponse>`}
}

func (a answering) Do(request *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, request.Body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Request: request, Body: io.NopCloser(strings.NewReader(a.reply)),
	}, err
}

// BenchmarkSend is a call with a full batch, without what Prepare does.
func BenchmarkSend(b *testing.B) {
	config := aws.Config{Region: "eu-central-1", HTTPClient: newAnswering(), Credentials: aws.CredentialsProviderFunc(fixed)}
	s := newSink(newBenchSink(b, "event").settings, bridge.Target{AWS: config, Session: awscall.NewSession(config.Credentials, func(string) {})})
	items := kilobytes(b, s)
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(s.Send(b.Context(), items)...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkForm(b *testing.B) {
	s := newBenchSink(b, "event")
	items := kilobytes(b, s)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(s.form(items))))
	}
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

func TestFormAllocations(t *testing.T) {
	s := newBenchSink(t, "event")
	items := kilobytes(t, s)
	if got := testing.AllocsPerRun(500, func() { s.form(items) }); got > formAllocs {
		t.Errorf("form() allocates %.0f times, want at most %d", got, formAllocs)
	}
}
