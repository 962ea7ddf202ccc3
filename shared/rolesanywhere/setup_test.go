package rolesanywhere

import (
	"log/slog"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// stage is a provider in front of a fake service, in a bubble.
type stage struct {
	*Provider
	service  *service
	source   *source
	log      *virtual.Log
	counters *telemetry.Counters
}

// newStage must run in a bubble; all it starts ends with the test.
func newStage(t *testing.T, change func(*Config)) *stage {
	t.Helper()
	fixtureYear()
	network := &virtual.Network{}
	s := &stage{service: &service{lifetime: time.Hour}, source: &source{identity: ecIdentity(t)}, log: new(virtual.Log), counters: new(telemetry.Counters)}
	network.Serve(t, "", s.service)
	c := Config{
		TrustAnchorARN: anchorARN, ProfileARN: profileARN, RoleARN: roleARN, Source: s.source, Endpoint: "http://127.0.0.1",
		HTTPClient: network.Client(), Counters: s.counters,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Provider = p
	t.Cleanup(p.Close)
	return s
}
