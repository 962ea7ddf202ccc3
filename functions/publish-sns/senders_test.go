package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	deploy "github.com/trustbridge/trustbridge/deploy/btp"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp/senders"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// TestOutageShorterThanASendersPatienceLosesNothing: while SNS is away for as long as a sender goes on, each of SAP's senders,
// configured by the files of deploy/btp, repeats its events until they are accepted, and all of them are in the queue then.
func TestOutageShorterThanASendersPatienceLosesNothing(t *testing.T) {
	const events = 20
	for name, patience := range map[string]time.Duration{
		senders.EventMesh: 30 * time.Hour, senders.CAP: 30 * time.Hour, // without a limit, after 15 minutes at first
		senders.AdvancedEventMesh: time.Minute,      // without a limit, every 3 s
		senders.EventHub:          8 * time.Minute,  // unverified: 10 deliveries, a minute apart
		senders.Kyma:              45 * time.Minute, // 100 deliveries, 30 s apart
	} {
		for phase, when := range map[aws.Phase]string{aws.Before: "lost before the effect", aws.After: "lost after the effect"} {
			t.Run(name+", "+when, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, nil)
					report := g.outage(t, name, patience, aws.Fault{Phase: phase, Kind: aws.Drop}, events)
					if n := report.Count(senders.Delivered); n != events || report.Repeated() == 0 {
						t.Errorf("%d of %d events were delivered, %d of them again, want all, after repetitions", n, events, report.Repeated())
					}
					arrived := map[string]int{}
					for _, m := range g.Stand.AWS.Messages(g.queue) {
						arrived[m.Attributes["ce-id"].Value]++
					}
					if len(arrived) != events {
						t.Errorf("%d events are in the queue, want %d", len(arrived), events)
					}
				})
			})
		}
	}
}

// TestKymaLosesWhatOutlastsItsPatience: the table in docs/senders.md says so; without this the test above could not fail.
func TestKymaLosesWhatOutlastsItsPatience(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		report := newTarget(t, nil).outage(t, senders.Kyma, 2*time.Hour, aws.Fault{Phase: aws.Before, Kind: aws.Drop}, 1)
		if report.Count(senders.Lost) != 1 {
			t.Errorf("the report is %+v, want the event lost", report)
		}
	})
}

// outage has a sender deliver events to the function while SNS fails for so long.
func (g *target) outage(t *testing.T, name string, long time.Duration, f aws.Fault, events int) *senders.Report {
	t.Helper()
	end := time.Now().Add(long)
	f.Service, f.Action = "sns", "PublishBatch"
	f.When = func(aws.Call) bool { return time.Now().Before(end) }
	if _, err := g.Stand.AWS.Inject(f); err != nil {
		t.Fatal(err)
	}
	forwarder := forward.New(g.sink, forward.Config{})
	defer forwarder.Close()
	network := new(virtual.Network)
	network.Serve(t, "", ingress.New(ingress.Config{Forwarder: forwarder, SuccessStatus: http.StatusOK, WebhookOrigins: []string{"eventmesh.standin.example"}}))
	dial := func(ctx context.Context, protocol, address string) (net.Conn, error) {
		return network.Dial(ctx, protocol, address)
	}
	all, err := senders.Every(deploy.Files, "sap", "password", senders.Options{
		Client: &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []senders.Event
	for i := range events {
		list = append(list, senders.Event{
			ID: fmt.Sprint(i), Source: "/default/sap.s4.beh/TB1CLNT200", Type: "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1", Data: json.RawMessage(`{}`),
		})
	}
	report, err := all[name].Deliver(t.Context(), list...)
	if err != nil {
		t.Fatal(err)
	}
	virtual.Settle()
	return report
}
