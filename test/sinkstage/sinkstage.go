// Package sinkstage is what a function's sink is tested on: the stand-in of AWS on a network in memory, set up as in
// production, and a session that the function's role got from Roles Anywhere.
//
// [New] makes a [Stage] in a bubble of virtual time; its Target makes the sink. [Stage.Break] and [Stage.Heal] are the parts
// of a [sinktest.Target] that are the same for every service.
package sinkstage

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/rolesanywhere"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// Stage is one stand-in with everything set up. What New starts ends with the test.
type Stage struct {
	// Stand and Set are the stand-in and what is set up in it.
	Stand *local.Stand
	Set   *local.Scenario
	// Network is where AWS is reached, at http://127.0.0.1.
	Network *virtual.Network
	// Target is what the runtime would give to the function's sink.
	Target bridge.Target

	t       *testing.T
	faults  []*aws.Injection
	restore func() error // what else Heal does; nil if nothing
}

//nolint:gochecknoglobals // made once for all tests of a binary: RSA keys take long
var pki = sync.OnceValues(func() (*btp.PKI, error) { return btp.NewPKI(virtual.Start) })

// static is the identity that never changes.
type static struct{ identity *keystore.Identity }

func (s static) Identity(context.Context) (*keystore.Identity, error) { return s.identity, nil }

// New sets a stage for the function of that name. lambda is the Lambda function that it finds.
func New(t *testing.T, function string, lambda local.Lambda) *Stage {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	authorities, err := pki()
	must(err)
	s := &Stage{t: t, Network: &virtual.Network{}}
	s.Stand, err = local.New(local.Config{PKI: authorities})
	must(err)
	s.Set, err = s.Stand.SetUp(btp.Leaf{EC: true}, lambda)
	must(err)
	s.Network.Serve(t, "127.0.0.1:80", s.Stand.AWS)
	pem, err := s.Set.Material.PEM()
	must(err)
	identity, err := keystore.Parse(pem, keystore.Options{Now: time.Now()})
	must(err)
	const endpoint = "http://127.0.0.1"
	provider, err := rolesanywhere.New(rolesanywhere.Config{
		TrustAnchorARN: s.Set.TrustAnchorARN, ProfileARN: s.Set.ProfileARN, RoleARN: s.Set.Role(function),
		Source: static{identity}, HTTPClient: s.Network.Client(), Endpoint: endpoint,
	})
	must(err)
	t.Cleanup(func() {
		provider.Close()
		if err := s.Stand.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	session := awscall.NewSession(provider, provider.Reject)
	s.Target = bridge.Target{
		AWS: sdkaws.Config{
			Region: "eu-central-1", Credentials: session.Credentials(), HTTPClient: s.Network.Client(), BaseEndpoint: sdkaws.String(endpoint),
		},
		Session: session, Counters: &telemetry.Counters{},
	}
	return s
}

// FaultOf is the stand-in's fault for one of the suite's; false for what is no fault of an answer: the target or the
// permission is gone.
func FaultOf(f sinktest.Fault) (aws.Fault, bool) {
	entries := 0
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
		sinktest.Partial:          {Phase: aws.Before, Kind: aws.PartialFailure, Entries: func(aws.Entry) bool { entries++; return entries%2 == 0 }},
		sinktest.NoIDs:            {Phase: aws.After, Kind: aws.MissingIDs},
		sinktest.ForeignIDs:       {Phase: aws.Before, Kind: aws.UnknownIDs},
	}[f]
	return fault, found
}

// Break makes calls of a service fail in that way, that many or all; false if [FaultOf] has none.
func (s *Stage) Break(f sinktest.Fault, service, action string, calls int) bool {
	s.t.Helper()
	fault, found := FaultOf(f)
	if !found {
		return false
	}
	fault.Service, fault.Action, fault.Count = service, action, calls
	s.Inject(fault)
	return true
}

// Inject makes a fault happen until Heal, which wants it to have hit a call.
func (s *Stage) Inject(f aws.Fault) *aws.Injection {
	s.t.Helper()
	injection, err := s.Stand.AWS.Inject(f)
	if err != nil {
		s.t.Fatal(err)
	}
	s.faults = append(s.faults, injection)
	return injection
}

// Take takes something away that Heal gives back.
func (s *Stage) Take(away error, back func() error) bool {
	s.t.Helper()
	if away != nil {
		s.t.Fatal(away)
	}
	s.restore = back
	return true
}

// Heal ends every fault and gives back what was taken.
func (s *Stage) Heal() {
	s.t.Helper()
	for _, f := range s.faults {
		if f.Hits() == 0 {
			s.t.Error("the fault never hit a call")
		}
		f.Remove()
	}
	s.faults = nil
	if s.restore != nil {
		if err := s.restore(); err != nil {
			s.t.Fatal(err)
		}
		s.restore = nil
	}
	wait := time.NewTimer(10 * time.Second) // a rejected session is replaced that often at most
	defer wait.Stop()
	<-wait.C
}
