package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/trustbridge/trustbridge/test/knative/cluster"
)

// Types of events, as SAP S/4HANA has them.
const (
	created  = "sap.s4.beh.salesorder.v1.SalesOrder.Created.v1"
	changed  = "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1"
	business = "sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1"
)

// brokerURL is where senders post, as base/broker.yaml says.
const brokerURL = "http://broker-ingress.knative-eventing.svc.cluster.local/" + ns + "/default"

// send posts an event to the Broker in structured mode, as SAP's senders do, and returns the status. Knative's in-memory channel
// answers when delivery, with all retries and the dead letter, is over.
func (s *stage) send(ctx context.Context, id, typ string, data any) int {
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "type": typ, "source": "/default/sap.s4.beh/731904412", "datacontenttype": "application/json", "data": data,
	})
	if err != nil {
		panic(err) // maps and strings
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, brokerURL, bytes.NewReader(body))
	if err != nil {
		panic(err) // a constant
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	response, err := s.cluster.Client().Do(r)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// calls are the times that a function got an event.
func (s *stage) calls(function, id string) []cluster.Call {
	return slices.DeleteFunc(s.cluster.Calls(id), func(c cluster.Call) bool { return c.Service != function+"."+ns })
}

// way is how an event went, with what was answered there, for people. The Broker's ingress is in it only if the event came to it in
// binary mode.
func (s *stage) way(id string) string {
	var services []string
	answers := make(map[string]string)
	for _, c := range s.cluster.Calls(id) {
		if answers[c.Service] == "" {
			services = append(services, c.Service)
		}
		answers[c.Service] += fmt.Sprintf(" %d", c.Status)
	}
	var out []string
	for _, service := range services {
		out = append(out, strings.TrimSuffix(strings.TrimSuffix(service, ".knative-eventing"), "."+ns)+answers[service])
	}
	return id + ": " + strings.Join(out, " → ")
}

// tries is how often a function got an event and what it answered, for people.
func tries(calls []cluster.Call) string {
	var out []string
	for _, c := range calls {
		out = append(out, fmt.Sprintf("%d after %d ms", c.Status, c.Took.Milliseconds()))
	}
	return strings.Join(out, ", ")
}

// deadLetters is the dead letter sink: it keeps what it gets.
type deadLetters struct {
	mu      sync.Mutex // guards letters
	letters map[string][]letter
}

// letter is a dead letter.
type letter struct {
	Code, Destination string
	// Reason is what the function answered.
	Reason string
	Bytes  int
}

func newDeadLetters() *deadLetters { return &deadLetters{letters: make(map[string][]letter)} }

// ServeHTTP takes an event in binary mode.
func (d *deadLetters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	reason, err := base64.StdEncoding.DecodeString(r.Header.Get("Ce-Knativeerrordata"))
	if err != nil {
		reason = []byte(err.Error())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.Header.Get("Ce-Id")
	d.letters[id] = append(d.letters[id], letter{
		Code: r.Header.Get("Ce-Knativeerrorcode"), Destination: r.Header.Get("Ce-Knativeerrordest"), Reason: string(reason), Bytes: len(body),
	})
	w.WriteHeader(http.StatusAccepted)
}

// of are the dead letters of an event.
func (d *deadLetters) of(id string) []letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.letters[id])
}

// ids are the events that became dead letters, sorted.
func (d *deadLetters) ids() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for id := range d.letters {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
