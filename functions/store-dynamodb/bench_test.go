package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// prepareAllocs is the most allocations of Prepare for an event as an SAP system sends it, into a log in batches: the row, the
// item and its JSON, the names of the data's members, what walks them, the source's text, the key's and the time's.
const prepareAllocs = 9

const trace = "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01"

// kilobyte is an event with 1 KB of data and every standard attribute, its source as the ingress reads it.
func kilobyte(t testing.TB) event.Event {
	t.Helper()
	e := order1()
	if err := e.SetData("application/json", json.RawMessage(`{"order":4711,"text":"`+strings.Repeat("x", 1000)+`"}`)); err != nil {
		t.Fatal(err)
	}
	return e
}

func BenchmarkPrepare(b *testing.B) {
	for name, change := range map[string]func(*settings){"log": nil, "latest": with("latest", "KEY", "")} {
		b.Run(name, func(b *testing.B) {
			s, e := mapper(b, change), kilobyte(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Prepare(&e, trace); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// answering is a network that accepts every call at once.
type answering struct{}

func (answering) Do(request *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, request.Body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Request: request,
		Body: io.NopCloser(strings.NewReader(`{"UnprocessedItems":{}}`)),
	}, err
}

// BenchmarkSend is a call with 25 items, without what Prepare does.
func BenchmarkSend(b *testing.B) {
	config := aws.Config{Region: "eu-central-1", HTTPClient: answering{}, Credentials: credentials.NewStaticCredentialsProvider("k", "s", "t")}
	s := newSink(newSettings(nil), bridge.Target{
		AWS: config, Session: awscall.NewSession(config.Credentials, func(string) {}), Counters: &telemetry.Counters{},
	})
	var items []forward.Item
	for i := range batchMax {
		e := kilobyte(b)
		e.SetID(fmt.Sprint(i))
		_, item := prepared(b, s, e, "")
		items = append(items, item)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := errors.Join(s.Send(b.Context(), items)...); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPrepareAllocations(t *testing.T) {
	s, e := mapper(t, nil), kilobyte(t)
	if got := testing.AllocsPerRun(500, func() { _, _ = s.Prepare(&e, trace) }); got > prepareAllocs {
		t.Errorf("Prepare() allocates %.0f times, want at most %d", got, prepareAllocs)
	}
}

// Example shows what the table gets of an event.
func Example() {
	var s settings
	s.DynamoDB.Table, s.DynamoDB.Mode = "orders", "latest"
	s.DynamoDB.Key, s.DynamoDB.Order = "pk=order#{data/id}", "version={data/version}"
	fmt.Println(s.Check())
	p, _ := newPlan(&s)
	e := event.New()
	e.SetID("1")
	e.SetSource("/shop")
	e.SetType("order.v1")
	_ = e.SetData("application/json", json.RawMessage(`{"id":7,"version":2,"total":12345678901234567890.10}`))
	item, err := (&sink{plan: p}).Prepare(&e, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.ReplaceAll(string(item.Payload.(*row).json), `},"`, "},\n \""))
	// Output:
	// []
	// {"pk":{"S":"order#7"},
	//  "version":{"N":"2"},
	//  "specversion":{"S":"1.0"},
	//  "id":{"S":"1"},
	//  "source":{"S":"/shop"},
	//  "type":{"S":"order.v1"},
	//  "datacontenttype":{"S":"application/json"},
	//  "data":{"M":{"id":{"N":"7"},
	//  "version":{"N":"2"},
	//  "total":{"N":"12345678901234567890.10"}}}}
}
