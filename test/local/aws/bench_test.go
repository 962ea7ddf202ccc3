package aws

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// BenchmarkPublishBatch is the stand-in's whole work for signed batches of ten with eight attributes each, delivered to a
// queue; the client's signing is not part of it.
func BenchmarkPublishBatch(b *testing.B) {
	form := url.Values{"Action": {"PublishBatch"}, "Version": {"2010-03-31"}}
	for _, entry := range ten() {
		prefix := "PublishBatchRequestEntries.member." + string(entry[3]+1) + "."
		if entry == "id_9" {
			prefix = "PublishBatchRequestEntries.member.10."
		}
		form.Set(prefix+"Id", entry)
		form.Set(prefix+"Message", strings.Repeat("x", 1024))
		for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			form.Set(prefix+"MessageAttributes.entry."+n+".Name", "ce-attribute-"+n)
			form.Set(prefix+"MessageAttributes.entry."+n+".Value.DataType", "String")
			form.Set(prefix+"MessageAttributes.entry."+n+".Value.StringValue", "a value of some length")
		}
	}
	benchmark(b, form)
}

// BenchmarkPublish is the same for a single small message.
func BenchmarkPublish(b *testing.B) {
	benchmark(b, url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "Message": {strings.Repeat("x", 1024)}})
}

func benchmark(b *testing.B, form url.Values) {
	b.Helper()
	s := newServer(b, Config{})
	topic, err := s.CreateTopic("orders")
	if err != nil {
		b.Fatal(err)
	}
	queueARN, err := s.CreateQueue("orders")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Subscribe(topic, queueARN, true); err != nil {
		b.Fatal(err)
	}
	form.Set("TopicArn", topic)
	r := signed(context.Background(), s.Seed(), form.Encode())
	repeat(b, s, r, form.Encode())
}

// repeat has a signed request answered again and again.
func repeat(b *testing.B, s *Server, r *http.Request, body string) {
	b.Helper()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			again := r.Clone(context.Background())
			again.Body = readCloser{strings.NewReader(body)}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, again)
			if w.Code != http.StatusOK {
				b.Errorf("status = %d %s", w.Code, w.Body)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkBatchWriteItem is the same for batches of 25 items of a KiB each.
func BenchmarkBatchWriteItem(b *testing.B) {
	s := newServer(b, Config{})
	if _, err := s.CreateTable("events", Key{Name: "pk", Type: "S"}); err != nil {
		b.Fatal(err)
	}
	var puts []string
	for i := range 25 {
		puts = append(puts, fmt.Sprintf(`{"PutRequest":{"Item":{"pk":{"S":"event-%d"},"type":{"S":"sap.s4.order.changed.v1"},"sum":{"N":"12345.6789"},"data":{"S":%q}}}}`,
			i, strings.Repeat("x", 900)))
	}
	body := `{"RequestItems":{"events":[` + strings.Join(puts, ",") + `]}}`
	r := httptest.NewRequest(http.MethodPost, "http://aws.test/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentJSON10)
	r.Header.Set("X-Amz-Target", dynamoTarget+"BatchWriteItem")
	if err := v4.NewSigner().SignHTTP(context.Background(), s.Seed(), r, hexSum([]byte(body)), "dynamodb", "eu-central-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	repeat(b, s, r, body)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
