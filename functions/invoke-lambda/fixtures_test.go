package main

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// request is a request as one of SAP's senders makes it.
type request struct {
	headers map[string]string
	body    string
}

// fixture reads a request of test/testdata/sap-events.
func fixture(t *testing.T, name string) request {
	t.Helper()
	const folder = "../../test/testdata/sap-events/"
	content, err := os.ReadFile(folder + "index.json")
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Events []struct {
			Name, Body string
			Headers    map[string]string
		}
	}
	if err := json.Unmarshal(content, &index); err != nil {
		t.Fatal(err)
	}
	for _, e := range index.Events {
		if e.Name == name {
			body, err := os.ReadFile(folder + e.Body)
			if err != nil {
				t.Fatal(err)
			}
			return request{e.Headers, string(body)}
		}
	}
	t.Fatalf("there is no fixture %s", name)
	return request{}
}

// eventHub is the shape of a real delivery of Event Hub: a body with only a key, and extensions of Kafka's.
// Source: https://github.com/SAP/cloud-sdk-js/issues/5074
var eventHub = request{map[string]string{
	"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "42", "ce-source": "/eu10/x", "ce-type": "sap.x.Changed.v1",
	"ce-kafkaoffset": "7", "ce-kafkapartition": "0", "ce-kafkatopic": "t", "ce-sapconsumertenant": "c", "ce-sapemtenantid": "e",
}, `{"BusinessPartner":"10000042"}`}

// TestSAPEventsArrive: every attribute reaches the function, whoever waits for it.
func TestSAPEventsArrive(t *testing.T) {
	const partner = `{"specversion":"1.0","id":"3f0c9d52-6b1e-1fd1-a0c4-7a52c1e0b9d8","source":"/default/sap.s4.beh/731904412","datacontenttype":"application/json","data":{"BusinessPartner":"2004720"},`
	for name, tc := range map[string]struct {
		request request
		want    []string
	}{
		"07": {fixture(t, "07-eventhub-order-approved"), []string{`{"specversion":"1.0","id":"b0d8a3f1-64c2-4e7e-8f8e-7f31c5d20a99",
			"source":"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14","type":"nordwind.orders.Order.Approved.v1",
			"datacontenttype":"application/json","sapconsumertenant":"5b7e1c02-8d34-4a6f-9e21-0c4d8f6a7b35","data":{"order":"2026/0815","approver":"A4711"}}`}},
		"08": {fixture(t, "08-eventhub-order-rejected-wrapped"), []string{`{"specversion":"1.0","id":"b0d8a3f1-64c2-4e7e-8f8e-7f31c5d20a9a",
			"source":"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14","type":"nordwind.orders.Order.Rejected.v1",
			"datacontenttype":"application/json","sapconsumertenant":"5b7e1c02-8d34-4a6f-9e21-0c4d8f6a7b35","correlationkey":"kx-31","attempt":1,
			"data":{"order":"2026/0816","reason":"credit limit"}}`}},
		"12": {fixture(t, "12-batch-of-three"), []string{
			partner + `"type":"sap.s4.beh.businesspartner.v1.BusinessPartner.Created.v1","time":"2026-10-05T06:40:00Z"}`,
			partner + `"type":"sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1","time":"2026-10-05T06:40:01Z"}`,
			`{"specversion":"1.0","id":"c9b1a6de-3d0f-4c0a-9c55-2f7be6c61a81","source":"/eu10/nordwind.orders/9d3be6f2-5f2c-4c39-8a0f-1f6e3d7a9b14",
			"type":"nordwind.orders.Order.Cancelled.v1","subject":"Bestellung 2026/0817"}`,
		}},
		"Event Hub": {eventHub, []string{`{"specversion":"1.0","id":"42","source":"/eu10/x","type":"sap.x.Changed.v1","datacontenttype":"application/json",
			"kafkaoffset":"7","kafkapartition":"0","kafkatopic":"t","sapconsumertenant":"c","sapemtenantid":"e","data":{"BusinessPartner":"10000042"}}`}},
	} {
		for kind, change := range map[string]func(*settings){"event": nil, "request-response": waiting} {
			t.Run(name+" "+kind, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					p := newPath(t, change, local.Lambda{})
					if got := p.post(tc.request.headers, tc.request.body); got.status != 204 {
						t.Fatalf("answer = %+v, want 204", got)
					}
					got := p.payloads(len(tc.want))
					var want []any
					for _, text := range tc.want {
						var v any
						d := json.NewDecoder(strings.NewReader(text))
						d.UseNumber()
						if err := d.Decode(&v); err != nil {
							t.Fatal(err)
						}
						want = append(want, v)
					}
					byType := func(a, b any) int {
						return cmp.Compare(a.(map[string]any)["type"].(string), b.(map[string]any)["type"].(string))
					}
					slices.SortFunc(got, byType)
					slices.SortFunc(want, byType)
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Errorf("payloads (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}
