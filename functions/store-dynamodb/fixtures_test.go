package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

const fixtures = "../../test/testdata/sap-events"

// delivery is an HTTP request as a sender of SAP makes it.
type delivery struct {
	Name, Method, Path string
	Headers            map[string]string
	Body               string
}

func fixture(t *testing.T, number string) delivery {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(fixtures, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Events []delivery }
	if err := json.Unmarshal(index, &all); err != nil {
		t.Fatal(err)
	}
	for _, d := range all.Events {
		if strings.HasPrefix(d.Name, number) {
			body, err := os.ReadFile(filepath.Join(fixtures, d.Body))
			if err != nil {
				t.Fatal(err)
			}
			d.Body = string(body)
			return d
		}
	}
	t.Fatalf("no fixture %s", number)
	return delivery{}
}

// eventHub is a delivery of the real SAP Event Hub: a body of 29 bytes with only a key, and what Kafka says of the way.
// Source: https://github.com/SAP/cloud-sdk-js/issues/5074
func eventHub() delivery {
	return delivery{Method: http.MethodPost, Path: "/", Body: `{"Product":"MZ-FG-E100-0000"}`, Headers: map[string]string{
		"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "0894ef45-7c3e-1eef-93c4-5b2a36a4b7c1",
		"ce-source": "/default/sap.s4.beh/731904412", "ce-type": "sap.s4.beh.product.v1.Product.Changed.v1",
		"ce-kafkaoffset": "1", "ce-kafkapartition": "0", "ce-kafkatopic": "t", "ce-sapconsumertenant": "5b7e1c02", "ce-sapemtenantid": "9d3be6f2",
	}}
}

func text(s string) aws.Value { return aws.Value{Type: "S", Text: s} }

// deliverTwice sends a delivery through all rooms, and once more as it may come again: with other trace and Kafka headers.
func (g *target) deliverTwice(d delivery) {
	g.t.Helper()
	f := forward.New(g.sink, forward.Config{})
	defer f.Close()
	handler := ingress.New(ingress.Config{Forwarder: f})
	for _, again := range []string{"1", "2"} {
		request := httptest.NewRequestWithContext(g.t.Context(), d.Method, d.Path, strings.NewReader(d.Body))
		for name, value := range d.Headers {
			request.Header.Set(name, value)
		}
		request.Header.Set("traceparent", "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b"+again+"-1a2b3c4d5e6f7081-01")
		if request.Header.Get("ce-id") != "" {
			request.Header.Set("ce-kafkaoffset", again)
			request.Header.Set("ce-tracestate", "vendor="+again)
			request.Header.Set("ce-knativearrivaltime", again)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != http.StatusNoContent {
			g.t.Fatalf("delivery %s = %d %s", again, answer.Code, answer.Body)
		}
	}
}

// TestDeliveriesOfSAP: Kafka and trace extensions never make a second item, nor change the one that there is.
func TestDeliveriesOfSAP(t *testing.T) {
	for name, tc := range map[string]struct {
		delivery delivery
		keys     []string
		data     aws.Item // of the first item; nil: not looked at
	}{
		"07": {fixture(t, "07"), []string{"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14 b0d8a3f1-64c2-4e7e-8f8e-7f31c5d20a99 nordwind.orders.Order.Approved.v1"},
			aws.Item{"order": text("2026/0815"), "approver": text("A4711")}},
		"08": {fixture(t, "08"), []string{"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14 b0d8a3f1-64c2-4e7e-8f8e-7f31c5d20a9a nordwind.orders.Order.Rejected.v1"}, nil},
		"12": {fixture(t, "12"), []string{
			"/default/sap.s4.beh/731904412 3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d8 sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1",
			"/default/sap.s4.beh/731904412 3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d8 sap.s4.beh.businesspartner.v1.BusinessPartner.Created.v1",
			"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14 c9b1a6de-3d0f-4c0a-9c55-2f7be6c61a81 nordwind.orders.Order.Cancelled.v1",
		}, nil},
		"Event Hub": {eventHub(), []string{"/default/sap.s4.beh/731904412 0894ef45-7c3e-1eef-93c4-5b2a36a4b7c1 sap.s4.beh.product.v1.Product.Changed.v1"},
			aws.Item{"Product": text("MZ-FG-E100-0000")}},
	} {
		for mode, change := range map[string]func(*settings){"batch": nil, "first": with("log", "WRITE", "first")} {
			t.Run(name+", "+mode, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, change)
					g.deliverTwice(tc.delivery)
					var keys []string
					items := g.Stand.AWS.Items("orders")
					for _, item := range items {
						keys = append(keys, item["pk"].Text)
					}
					slices.Sort(keys) // a table has an order of its own
					if diff := cmp.Diff(tc.keys, keys); diff != "" {
						t.Errorf("keys (-want +got):\n%s", diff)
					}
					if n := len(g.Stand.AWS.Changes("orders")); n != len(tc.keys) {
						t.Errorf("%d changes, want one an event", n)
					}
					if diff := cmp.Diff(tc.data, items[0]["data"].Map); tc.data != nil && diff != "" {
						t.Errorf("data (-want +got):\n%s", diff)
					}
					for name := range items[0] {
						if extra := name == "tracestate" || strings.HasPrefix(name, "kafka"); extra && mode == "batch" {
							t.Errorf("the item has %s, which belongs to a delivery", name)
						}
					}
				})
			})
		}
	}
}
