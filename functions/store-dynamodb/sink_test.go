package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// target is the sink wired to a table of the stand-in, on a network in memory, with credentials from Roles Anywhere.
type target struct {
	t       *testing.T
	stand   *local.Stand
	set     *local.Scenario
	sink    *sink
	config  bridge.Target
	action  string // of the calls that faults hit
	faults  []*aws.Injection
	restore func() error // what else Heal does; nil if nothing
}

var pki = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(virtual.Start) })

// static is the identity that never changes.
type static struct{ identity *keystore.Identity }

func (s static) Identity(context.Context) (*keystore.Identity, error) { return s.identity, nil }

func newTarget(t *testing.T, change func(*settings)) *target {
	t.Helper()
	s := newSettings(change)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	authorities, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	g := &target{t: t, action: "BatchWriteItem"}
	if g.stand, err = local.New(local.Config{PKI: authorities}); err != nil {
		t.Fatal(err)
	}
	if g.set, err = g.stand.SetUp(btp.Leaf{EC: true}, local.Lambda{}); err != nil {
		t.Fatal(err)
	}
	network := &virtual.Network{}
	network.Serve(t, "127.0.0.1:80", g.stand.AWS)
	pem, err := g.set.Material.PEM()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := keystore.Parse(pem, keystore.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := rolesanywhere.New(rolesanywhere.Config{
		TrustAnchorARN: g.set.TrustAnchorARN, ProfileARN: g.set.ProfileARN, RoleARN: g.set.StoreRoleARN,
		Source: static{identity}, HTTPClient: network.Client(), Endpoint: "http://127.0.0.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		provider.Close()
		if err := g.stand.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	session := awscall.NewSession(provider, provider.Reject)
	g.config = bridge.Target{
		AWS: sdkaws.Config{
			Region: "eu-central-1", Credentials: session.Credentials(), HTTPClient: network.Client(), BaseEndpoint: sdkaws.String("http://127.0.0.1"),
		},
		Session: session, Counters: &telemetry.Counters{},
	}
	g.sink = newSink(s, g.config)
	if g.sink.plan.always {
		g.action = "PutItem"
	}
	if g.sink.plan.hash.name != "pk" || g.sink.plan.sort != nil { // else it is there already
		if err := errors.Join(g.stand.AWS.DeleteTable("orders"), g.createTable()); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// createTable makes the table that the settings say.
func (g *target) createTable() error {
	keys := []aws.Key{{Name: g.sink.plan.hash.name, Type: "S"}}
	if g.sink.plan.sort != nil {
		keys = append(keys, aws.Key{Name: g.sink.plan.sort.name, Type: "S"})
	}
	arn, err := g.stand.AWS.CreateTable("orders", keys...)
	if err != nil || arn != tableARN {
		return fmt.Errorf("the table's ARN = %q (%w), want %q", arn, err, tableARN)
	}
	return nil
}

// permit lets the role do these actions on the table and no others.
func (g *target) permit(actions ...string) error {
	policy, err := json.Marshal(m{"Version": "2012-10-17", "Statement": m{"Effect": "Allow", "Action": actions, "Resource": tableARN}})
	if err != nil {
		return err
	}
	return g.stand.AWS.PutRolePolicy(g.set.StoreRoleARN, "store", string(policy))
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return 409_600 }

// Event is one of a subject of its own, so that latest keeps each.
func (g *target) Event(id string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	e.SetSubject(id)
	e.SetTime(virtual.Start)
	e.SetExtension("n", int32(1))
	_ = e.SetData("application/json", json.RawMessage(`{"id":"`+id+`"}`))
	return e
}

func (g *target) Sized(id string, size int) event.Event {
	e := g.Event(id)
	item, err := g.sink.Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	e.SetExtension("pad", strings.Repeat("x", size-item.Size-len("pad")))
	return e
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	n := 0
	second := func() bool { n++; return n%2 == 0 }
	fault, found := map[sinktest.Fault]aws.Fault{
		sinktest.ConnectionBefore: {Phase: aws.Before, Kind: aws.Drop},
		sinktest.ConnectionAfter:  {Phase: aws.After, Kind: aws.Drop},
		sinktest.ServerBefore:     {Phase: aws.Before, Kind: aws.ServerError, Status: http.StatusServiceUnavailable},
		sinktest.ServerAfter:      {Phase: aws.After, Kind: aws.ServerError, Status: http.StatusInternalServerError},
		sinktest.Throttled:        {Phase: aws.Before, Kind: aws.Throttle},
		sinktest.Session:          {Phase: aws.Before, Kind: aws.SessionExpired},
		sinktest.Truncated:        {Phase: aws.After, Kind: aws.Truncated},
		sinktest.Empty:            {Phase: aws.After, Kind: aws.Empty},
		sinktest.Foreign:          {Phase: aws.Before, Kind: aws.HTMLPage, Status: http.StatusOK},
		sinktest.Partial:          {Phase: aws.Before, Kind: aws.PartialFailure, Entries: func(aws.Entry) bool { return second() }},
		sinktest.ForeignIDs:       {Phase: aws.Before, Kind: aws.UnknownIDs},
	}[f]
	batches := g.action == "BatchWriteItem"
	switch {
	case f == sinktest.NoTarget:
		if err := g.stand.AWS.DeleteTable("orders"); err != nil {
			g.t.Fatal(err)
		}
		g.restore = g.createTable
		return true
	case f == sinktest.Permission:
		if err := g.permit("dynamodb:GetItem"); err != nil {
			g.t.Fatal(err)
		}
		g.restore = func() error { return g.permit("dynamodb:PutItem", "dynamodb:BatchWriteItem") }
		return true
	case f == sinktest.Partial && !batches:
		// One of two puts fails for good, whatever the SDK tries.
		fault = aws.Fault{Phase: aws.Before, Kind: aws.Throttle, When: func(c aws.Call) bool { return strings.Contains(string(c.Body), `"e-1"`) }}
	case f == sinktest.ForeignIDs && !batches:
		return false
	case !found:
		return false
	}
	fault.Service, fault.Action, fault.Count = "dynamodb", g.action, calls
	injection, err := g.stand.AWS.Inject(fault)
	if err != nil {
		g.t.Fatal(err)
	}
	g.faults = append(g.faults, injection)
	return true
}

func (g *target) Heal() {
	for _, f := range g.faults {
		if f.Hits() == 0 {
			g.t.Error("the fault never hit a call")
		}
		f.Remove()
	}
	g.faults = nil
	if g.restore != nil {
		if err := g.restore(); err != nil {
			g.t.Fatal(err)
		}
	}
	time.Sleep(10 * time.Second) // a rejected session is replaced that often at most
}

// Accepted lists what the changes of the table inserted or replaced, in their order.
func (g *target) Accepted() []string {
	var ids []string
	for _, c := range g.stand.AWS.Changes("orders") {
		ids = append(ids, c.New["id"].Text)
	}
	return ids
}

// send prepares and sends events in one call.
func (g *target) send(events ...event.Event) []error {
	g.t.Helper()
	items := make([]forward.Item, len(events))
	for i := range events {
		_, items[i] = prepared(g.t, g.sink, events[i], "")
	}
	return g.sink.Send(g.t.Context(), items)
}

// keyed is a target in latest, where events have an order.
type keyed struct{ *target }

// Keyed is an event of a subject, newer than those before it.
func (g keyed) Keyed(id, key string) event.Event {
	e := g.Event(id)
	e.SetSubject(key)
	e.SetTime(time.Now())
	time.Sleep(time.Microsecond)
	return e
}

// withoutRetries is a target whose lost answers stay lost: the second try of the SDK would meet what the first one wrote.
func withoutRetries(t *testing.T, change func(*settings)) *target {
	g := newTarget(t, change)
	g.config.AWS.Retryer = func() sdkaws.Retryer { return sdkaws.NopRetryer{} }
	g.sink = newSink(newSettings(change), g.config)
	return g
}

func TestSinkConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"by name": nil, "by ARN": with("log", "TABLE", tableARN),
		"with a sort key": func(s *settings) { s.DynamoDB.Key, s.DynamoDB.SortKey = "pk={source}", "sk={event}" },
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return newTarget(t, change) })
		})
	}
}

func TestSinkOfFirstDeliveriesConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"first": with("log", "WRITE", "first"), "a key of their own": with("log", "KEY", "pk={data/id}"),
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return withoutRetries(t, change) })
		})
	}
}

func TestSinkOfLatestConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"time": with("latest", "TTL", "expires=30d"), "arrival": with("latest", "ORDER", "arrival"), "number": with("latest", "ORDER", "order={n}"),
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return keyed{withoutRetries(t, change)} })
		})
	}
}
