package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/trustbridge/trustbridge/test/bench/internal/fake"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// Destinations, by the key of their certificate. SAP's service makes RSA 4096; the other one signs in next to no time, so that
// a start with it is one with credentials at hand, but for the three requests that fetch them.
const (
	quickIdentity = "bench-p256"
	sapIdentity   = "bench-rsa4096"
)

// stage is what stands around the programs under test.
type stage struct {
	fake   *fake.Server
	bin    string // where the programs are
	folder string // of the service key
	cpu    int    // of the program under test
}

// program is one to be measured.
type program struct {
	name        string
	path        string
	environment []string
	listen      func(host, port string) []string
}

// sapBits is the size of the RSA keys that SAP's service makes.
const sapBits = 4096

// newStage makes throw-away keys and certificates, and starts the far side. It lives until close.
func newStage(ctx context.Context, bin string, cpu, bits int) (_ *stage, err error) {
	pki, err := btp.NewPKI(time.Now())
	if err != nil {
		return nil, err
	}
	sap, err := btp.New(btp.Config{PKI: pki})
	if err != nil {
		return nil, err
	}
	destinations := make(map[string][]byte)
	for name, leaf := range map[string]btp.Leaf{quickIdentity: {EC: true}, sapIdentity: {Bits: bits}} {
		material, err := sap.Issue(leaf)
		if err != nil {
			return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
		}
		keyStore, err := material.PEM()
		if err != nil {
			return nil, err
		}
		if destinations[name], err = fake.Destination(name, keyStore); err != nil {
			return nil, err
		}
	}
	s := &stage{bin: bin, cpu: cpu}
	if s.folder, err = os.MkdirTemp("", "trustbridge-bench"); err != nil {
		return nil, err
	}
	if s.fake, err = fake.Start(ctx, destinations); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	if err := os.WriteFile(s.keyPath(), sap.ServiceKey(s.fake.URL()), 0o600); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) keyPath() string { return filepath.Join(s.folder, "service-key.json") }

func (s *stage) close() error { return errors.Join(s.fake.Close(), os.RemoveAll(s.folder)) }

// function is ours for a service, configured as in production, with an identity from that destination.
func (s *stage) function(v service, destination string) program {
	const account = "123456789012"
	arn := func(service, region, resource string) string {
		return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
	}
	return program{
		name: v.function, path: filepath.Join(s.bin, v.function),
		environment: append([]string{
			"AUTH=none", "DRAIN_DELAY=0s", "AWS_ENDPOINT_URL=" + s.fake.URL(),
			"DESTINATION_NAME=" + destination, "DESTINATION_SERVICE_KEY_PATH=" + s.keyPath(),
			"ROLES_ANYWHERE_TRUST_ANCHOR_ARN=" + arn("rolesanywhere", "eu-central-1", "trust-anchor/4c2cba72-0000-4000-8000-4c2cba720000"),
			"ROLES_ANYWHERE_PROFILE_ARN=" + arn("rolesanywhere", "eu-central-1", "profile/4c2cba72-0000-4000-8000-4c2cba720001"),
			"ROLES_ANYWHERE_ROLE_ARN=" + arn("iam", "", "role/bench"),
		}, v.settings...),
		listen: func(host, port string) []string { return []string{"ADDRESS=" + host, "PORT=" + port} },
	}
}

// plain is the plain handler for a service, with fixed credentials from its environment.
func (s *stage) plain(v service) program {
	return program{
		name: v.plain, path: filepath.Join(s.bin, v.plain), listen: listenVariable,
		environment: append([]string{
			"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL=" + s.fake.URL(),
			"AWS_ACCESS_KEY_ID=ASIABENCH", "AWS_SECRET_ACCESS_KEY=bench", "AWS_SESSION_TOKEN=bench",
		}, v.plainSettings...),
	}
}

// nothing is the handler that only answers.
func (s *stage) nothing() program {
	const name = "plain-nothing"
	return program{name: name, path: filepath.Join(s.bin, name), listen: listenVariable}
}

func listenVariable(host, port string) []string {
	return []string{"LISTEN=" + net.JoinHostPort(host, port)}
}
