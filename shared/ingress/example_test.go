package ingress_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/ingress"
)

// printer is a Forwarder that accepts what it prints.
type printer struct{}

func (printer) Forward(_ context.Context, events []event.Event, _ string) []error {
	for _, e := range events {
		fmt.Printf("%s from %s: %s\n", e.Type(), e.Source(), e.Data())
	}
	return make([]error, len(events))
}

func Example() {
	handler := ingress.New(ingress.Config{Forwarder: printer{}})

	post := func(body string) {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/cloudevents+json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(strings.TrimSpace(fmt.Sprintln(w.Code, w.Body)))
	}
	post(`{"specversion":"1.0","id":"1","source":"/nordwind","type":"order.created.v1","data":{"total":1203.50}}`)
	post(`{"specversion":"1.0","id":"1","type":"order.created.v1"}`)
	// Output:
	// order.created.v1 from /nordwind: {"total":1203.50}
	// 204
	// 400 {"title":"Bad Request","status":400,"id":"1","reason":"missing-attribute:source","detail":"attribute source is missing; every CloudEvent has specversion, id, source and type"}
}
