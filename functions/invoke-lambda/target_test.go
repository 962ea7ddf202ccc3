package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
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

// target is the sink wired to a function of the stand-in, on a network in memory, with credentials from Roles Anywhere and
// the role of the template that we ship.
type target struct {
	t        *testing.T
	stand    *local.Stand
	set      *local.Scenario
	network  *virtual.Network
	sink     forward.Sink
	counters *telemetry.Counters
	faults   []*aws.Injection
	restore  func() error // what else Heal does; nil if nothing

	mu  sync.Mutex // guards ids
	ids []string   // of the events that the function got, in that order
}

var pki = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(virtual.Start) })

// static is the identity that never changes.
type static struct{ identity *keystore.Identity }

func (s static) Identity(context.Context) (*keystore.Identity, error) { return s.identity, nil }

// newTarget wires a sink with the settings, and a function; one without a handler notes what it gets and answers null.
func newTarget(t *testing.T, change func(*settings), o local.Lambda) *target {
	t.Helper()
	authorities, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	g := &target{t: t, network: &virtual.Network{}, counters: &telemetry.Counters{}}
	if g.stand, err = local.New(local.Config{PKI: authorities}); err != nil {
		t.Fatal(err)
	}
	if o.Handler == nil {
		o.Handler = g.note
	}
	if o.Concurrency == 0 {
		o.Concurrency = 100
	}
	if g.set, err = g.stand.SetUp(btp.Leaf{EC: true}, o); err != nil {
		t.Fatal(err)
	}
	g.network.Serve(t, "127.0.0.1:80", g.stand.AWS)
	pem, err := g.set.Material.PEM()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := keystore.Parse(pem, keystore.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := rolesanywhere.New(rolesanywhere.Config{
		TrustAnchorARN: g.set.TrustAnchorARN, ProfileARN: g.set.ProfileARN, RoleARN: g.set.InvokeRoleARN,
		Source: static{identity}, HTTPClient: g.network.Client(), Endpoint: "http://127.0.0.1",
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
	s := newSettings(func(s *settings) { s.Lambda.Function = g.set.FunctionARN + ":live" })
	if change != nil {
		change(s)
	}
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	session := awscall.NewSession(provider, provider.Reject)
	// The client of the runtime, whose limit for an attempt applies, on the network in memory.
	client := awscall.NewHTTPClient(32, 8*time.Second).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.DisableKeepAlives = g.network.Dial, true
	})
	g.sink = newSink(s, bridge.Target{
		AWS: sdkaws.Config{
			Region: "eu-central-1", Credentials: session.Credentials(), HTTPClient: client, BaseEndpoint: sdkaws.String("http://127.0.0.1"),
		},
		Session: session, Counters: g.counters,
	})
	return g
}

// note is the function that notes the id of the event that it got.
func (g *target) note(_ context.Context, payload []byte) ([]byte, error) {
	var e struct{ ID string }
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids = append(g.ids, e.ID)
	return []byte("null"), nil
}

func (g *target) Sink() forward.Sink { return g.sink }
func (g *target) ItemMax() int       { return g.settings().maxBytes() }

func (g *target) settings() *settings {
	if c, ok := g.sink.(*caller); ok {
		return c.settings
	}
	return g.sink.(*sink).settings
}

func (g *target) Event(id string) event.Event { return orderWithID(id, "") }

// orderWithID is an event whose data names its id too, for functions that get data alone.
func orderWithID(id, pad string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("t.v1")
	_ = e.SetData("application/json", json.RawMessage(`{"id":"`+id+`","pad":"`+pad+`"}`))
	return e
}

// Sized pads the event's data.
func (g *target) Sized(id string, size int) event.Event {
	s := *g.settings()
	s.Lambda.MaxBytes = 1 << 30
	e := orderWithID(id, "")
	bare, err := (&sink{settings: &s}).Prepare(&e, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return orderWithID(id, strings.Repeat("x", size-bare.Size))
}

func (g *target) Break(f sinktest.Fault, calls int) bool {
	fault, found := map[sinktest.Fault]aws.Fault{
		sinktest.ConnectionBefore: {Phase: aws.Before, Kind: aws.Drop},
		sinktest.ConnectionAfter:  {Phase: aws.After, Kind: aws.Drop},
		sinktest.ServerBefore:     {Phase: aws.Before, Kind: aws.ServerError, Status: http.StatusBadGateway},
		sinktest.ServerAfter:      {Phase: aws.After, Kind: aws.ServerError, Status: http.StatusInternalServerError},
		sinktest.Throttled:        {Phase: aws.Before, Kind: aws.Throttle},
		sinktest.Session:          {Phase: aws.Before, Kind: aws.SessionExpired},
		sinktest.Truncated:        {Phase: aws.After, Kind: aws.Truncated},
		sinktest.Empty:            {Phase: aws.After, Kind: aws.Empty},
		sinktest.Foreign:          {Phase: aws.Before, Kind: aws.HTMLPage, Status: http.StatusOK},
	}[f]
	if !g.settings().waits() && (f == sinktest.Truncated || f == sinktest.Empty) {
		return false // Lambda's own answer to an Event has no body
	}
	switch {
	case f == sinktest.NoTarget:
		g.stand.AWS.DeleteFunction(g.set.FunctionARN)
		g.restore = g.createFunction
		return true
	case f == sinktest.Permission:
		g.allow("lambda:GetFunction", g.set.FunctionARN+":live")
		g.restore = func() error { g.allow("lambda:InvokeFunction", g.set.FunctionARN+":live"); return nil }
		return true
	case !found:
		return false
	}
	fault.Service, fault.Action, fault.Count = "lambda", "Invoke", calls
	g.inject(fault)
	return true
}

func (g *target) inject(f aws.Fault) *aws.Injection {
	g.t.Helper()
	injection, err := g.stand.AWS.Inject(f)
	if err != nil {
		g.t.Fatal(err)
	}
	g.faults = append(g.faults, injection)
	return injection
}

func (g *target) createFunction() error {
	arn, err := g.stand.AWS.CreateFunction("orders", aws.FunctionOptions{Handler: g.note})
	if err != nil {
		return err
	}
	_, err = g.stand.AWS.CreateAlias(arn, "live", "$LATEST")
	return err
}

// allow replaces the role's policy.
func (g *target) allow(action, resource string) {
	g.t.Helper()
	const policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ACTION","Resource":"RESOURCE"}}`
	text := strings.NewReplacer("ACTION", action, "RESOURCE", resource).Replace(policy)
	if err := g.stand.AWS.PutRolePolicy(g.set.InvokeRoleARN, "invoke", text); err != nil {
		g.t.Fatal(err)
	}
}

// runs waits until the function has run so often.
func (g *target) runs(n int) []aws.Invocation {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Hour)
	defer cancel()
	runs, err := g.stand.AWS.WaitInvocations(ctx, g.set.FunctionARN, n)
	if err != nil {
		g.t.Fatal(err)
	}
	return runs
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
	virtual.Settle()
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ids)
}
