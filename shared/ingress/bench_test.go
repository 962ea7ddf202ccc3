package ingress

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// sampleData is 1 KB of data as the budgets of architecture.md have it.
func sampleData() []byte {
	return []byte(`{"lines":[` + strings.TrimSuffix(strings.Repeat(`{"product":"F-0815","quantity":7,"unit":"piece"},`, 20), ",") + `]}`)
}

// sampleHeader is what a Kyma sink receives: six attributes, two of them extensions, among headers of other purposes.
func sampleHeader() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-type": "order.received.v1", "ce-source": "/default/sap.kyma/shop",
		"ce-id": "0e2c7d5b-71a4-4f3e-b9b6-5d1c3a7f2e64", "ce-time": "2026-10-05T08:20:00Z", "ce-originaltype": "order.received.v1",
		"ce-eventtypeversion": "v1", "traceparent": "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01", "user-agent": "Go-http-client/1.1",
	} {
		h.Set(name, value)
	}
	return h
}

func sampleStructured() []byte {
	return []byte(`{"specversion":"1.0","id":"0e2c7d5b-71a4-4f3e-b9b6-5d1c3a7f2e64","source":"/default/sap.kyma/shop","type":"order.received.v1",` +
		`"time":"2026-10-05T08:20:00Z","datacontenttype":"application/json","originaltype":"order.received.v1","eventtypeversion":"v1","data":` +
		string(sampleData()) + `}`)
}

func testDecoder() *decoder { return &decoder{maxBytes: 1 << 20} }

func TestDecodeAllocations(t *testing.T) {
	d, header, data, document := testDecoder(), sampleHeader(), sampleData(), sampleStructured()
	for _, row := range []struct {
		name    string
		ceiling float64
		decode  func() arrival
	}{
		{"binary", 7, func() arrival { return d.binary(header, data) }},
		{"structured", 13, func() arrival { return d.structured(document) }},
	} {
		if a := row.decode(); a.err != nil {
			t.Fatalf("%s: %v", row.name, a.err)
		}
		if n := testing.AllocsPerRun(100, func() { row.decode() }); n > row.ceiling {
			t.Errorf("decoding %s allocates %v times, want at most %v", row.name, n, row.ceiling)
		}
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	d, header, data := testDecoder(), sampleHeader(), sampleData()
	b.ReportAllocs()
	for b.Loop() {
		if a := d.binary(header, data); a.err != nil {
			b.Fatal(a.err)
		}
	}
}

// BenchmarkDecodeBinaryAndWrite is what an event costs between its request and its payload for the target.
func BenchmarkDecodeBinaryAndWrite(b *testing.B) {
	d, header, data := testDecoder(), sampleHeader(), sampleData()
	b.ReportAllocs()
	for b.Loop() {
		a := d.binary(header, data)
		if _, _, err := cloudevent.AppendJSON(nil, &a.event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeStructured(b *testing.B) {
	d, document := testDecoder(), sampleStructured()
	b.ReportAllocs()
	for b.Loop() {
		if a := d.structured(document); a.err != nil {
			b.Fatal(a.err)
		}
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	d := testDecoder()
	body := []byte("[" + strings.TrimSuffix(strings.Repeat(string(sampleStructured())+",", 10), ",") + "]")
	b.ReportAllocs()
	for b.Loop() {
		if arrivals, refused := d.batch(body, 100); refused != nil || len(arrivals) != 10 {
			b.Fatal(refused)
		}
	}
}

// BenchmarkDecodeBinarySDK is the reference beside ours: the CloudEvents SDK's decoder and validation.
func BenchmarkDecodeBinarySDK(b *testing.B) {
	header, data := sampleHeader(), sampleData()
	b.ReportAllocs()
	for b.Loop() {
		e, err := binding.ToEvent(b.Context(), cehttp.NewMessage(header, io.NopCloser(bytes.NewReader(data))))
		if err != nil || e.Validate() != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeStructuredSDK is the reference beside ours.
func BenchmarkDecodeStructuredSDK(b *testing.B) {
	document := sampleStructured()
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		if err := e.UnmarshalJSON(document); err != nil || e.Validate() != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkServe is the whole handler without a network, its forwarder accepting at once.
func BenchmarkServe(b *testing.B) {
	verdict := make([]error, 1)
	h := New(Config{Forwarder: forwarderFunc(func(context.Context, []event.Event, string) []error { return verdict })})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", nil)
	r.Header = sampleHeader()
	data := sampleData()
	body := bytes.NewReader(data)
	r.Body, r.ContentLength = io.NopCloser(body), int64(len(data))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(data)
		r.Body = io.NopCloser(body)
		h.ServeHTTP(w, r)
	}
	if w.Code != http.StatusNoContent {
		b.Fatalf("status = %d", w.Code)
	}
}
