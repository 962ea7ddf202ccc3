package main

import (
	"context"
	"errors"
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

// target is the sink wired to a topic of the stand-in, on a network in memory, with credentials from Roles Anywhere.
type target struct {
	t       *testing.T
	stand   *local.Stand
	set     *local.Scenario
	sink    *sink
	topic   string // ARN
	queue   string // ARN
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
	g := &target{t: t}
	if g.stand, err = local.New(local.Config{PKI: authorities}); err != nil {
		t.Fatal(err)
	}
	if g.set, err = g.stand.SetUp(btp.Leaf{EC: true}, local.Lambda{}); err != nil {
		t.Fatal(err)
	}
	g.topic, g.queue = g.set.TopicARN, g.set.QueueARN
	if s.fifo {
		if g.queue, err = g.stand.AWS.CreateFIFOQueue("orders.fifo", aws.FIFOOptions{}); err != nil {
			t.Fatal(err)
		}
		g.topic = g.set.TopicARN + ".fifo"
		if err := errors.Join(g.createTopic(), g.set.SetRolePolicy(g.policy("sns:Publish"))); err != nil {
			t.Fatal(err)
		}
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
		TrustAnchorARN: g.set.TrustAnchorARN, ProfileARN: g.set.ProfileARN, RoleARN: g.set.RoleARN,
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
	g.sink = newSink(s, bridge.Target{
		AWS: sdkaws.Config{
			Region: "eu-central-1", Credentials: session.Credentials(), HTTPClient: network.Client(), BaseEndpoint: sdkaws.String("http://127.0.0.1"),
		},
		Session: session, Counters: &telemetry.Counters{},
	})
	return g
}

func (g *target) createTopic() (err error) {
	if strings.HasSuffix(g.topic, ".fifo") {
		_, err = g.stand.AWS.CreateFIFOTopic("orders.fifo", aws.FIFOOptions{})
	} else {
		_, err = g.stand.AWS.CreateTopic("orders")
	}
	if err != nil {
		return err
	}
	_, err = g.stand.AWS.Subscribe(g.topic, g.queue, true)
	return err
}

// policy allows one action on the topic.
func (g *target) policy(action string) string {
	return strings.ReplaceAll(g.set.RolePolicy(action), g.set.TopicARN, g.topic)
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return 256 << 10 }

func (g *target) Event(id string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	return e
}

// Sized pads the event's subject, which stands in the body and in an attribute.
func (g *target) Sized(id string, size int) event.Event {
	e := g.Event(id)
	_ = e.SetData("text/plain", "")
	bare := g.size(e)
	e.SetExtension("pad", "x")
	left := size - g.size(e) + 1
	if left < 1 {
		g.t.Fatalf("an event of %d bytes is too small, %d is the least", size, bare)
	}
	e.SetExtension("pad", strings.Repeat("x", left))
	return e
}

// size is what the mapping says of an event, whatever the limit.
func (g *target) size(e event.Event) int {
	wide := *g.sink
	settings := *g.sink.settings
	settings.SNS.MaxBytes = 1 << 30
	wide.settings = &settings
	item, err := wide.Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return item.Size
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	second := func() func(aws.Entry) bool {
		n := 0
		return func(aws.Entry) bool { n++; return n%2 == 0 }
	}
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
		sinktest.Partial:          {Phase: aws.Before, Kind: aws.PartialFailure, Entries: second()},
		sinktest.NoIDs:            {Phase: aws.After, Kind: aws.MissingIDs},
		sinktest.ForeignIDs:       {Phase: aws.Before, Kind: aws.UnknownIDs},
	}[f]
	switch {
	case f == sinktest.NoTarget:
		g.stand.AWS.DeleteTopic(g.topic)
		g.restore = g.createTopic
		return true
	case f == sinktest.Permission:
		if err := g.set.SetRolePolicy(g.policy("sns:Subscribe")); err != nil {
			g.t.Fatal(err)
		}
		g.restore = func() error { return g.set.SetRolePolicy(g.policy("sns:Publish")) }
		return true
	case !found:
		return false
	}
	fault.Service, fault.Action, fault.Count = "sns", "PublishBatch", calls
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

func (g *target) Accepted() []string {
	g.t.Helper()
	virtual.Settle()
	var ids []string
	for _, m := range g.stand.AWS.Messages(g.queue) {
		ids = append(ids, m.Attributes["ce-id"].Value)
	}
	return ids
}

func TestSinkConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Target { return newTarget(t, nil) })
}

func TestSinkOfDataConforms(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Target {
		return &dataTarget{newTarget(t, func(s *settings) { s.SNS.Payload = "data" })}
	})
}

// dataTarget sends data alone, so that its events need some.
type dataTarget struct{ *target }

func (g *dataTarget) Event(id string) event.Event { return g.withData(id, "hello") }

func (g *dataTarget) withData(id, data string) event.Event {
	e := g.target.Event(id)
	_ = e.SetData("text/plain", data)
	return e
}

func (g *dataTarget) Sized(id string, size int) event.Event {
	left := size - g.size(g.withData(id, "x")) + 1
	return g.withData(id, strings.Repeat("x", left))
}
