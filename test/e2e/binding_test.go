package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// TestMountedBinding: a binding of every layout of SERVICE_BINDING_ROOT, with a secret and with a client certificate, mounted as
// Kubernetes mounts a Secret, is all that a function knows of SAP BTP. One that SAP has rotated away is refused; when the new
// one is mounted in its place, it is used without a restart.
func TestMountedBinding(t *testing.T) {
	t.Parallel()
	for i, layout := range []btp.Layout{btp.MetadataFiles, btp.MetadataContainer, btp.PlainFiles} {
		for _, x509 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, x509 %t", layout, x509), func(t *testing.T) {
				t.Parallel()
				s := newStand(t, local.Config{})
				binding, err := s.stand.BTP.Bind(btp.BindingOptions{X509: x509, PKCS8: i%2 == 0})
				if err != nil {
					t.Fatal(err)
				}
				root := filepath.Join(s.folder, "bindings")
				mount, err := binding.Mount(root, layout, s.stand.BTPURL())
				if err != nil {
					t.Fatal(err)
				}
				if err := binding.Rotate(0); err != nil {
					t.Fatal(err)
				}
				s.start("DESTINATION_SERVICE_KEY_PATH=", "SERVICE_BINDING_ROOT="+root)
				if answer := s.send("with the old one"); answer.status != 503 {
					t.Errorf("answer with a binding that was rotated away = %d %s, want 503", answer.status, answer.body)
				}
				if err := mount.Update(); err != nil {
					t.Fatal(err)
				}
				s.untilAccepted("with the new one")
			})
		}
	}
}

// untilAccepted sends an event until it is answered 204, for at most 30 s.
func (s *system) untilAccepted(id string) {
	s.t.Helper()
	last := s.send(id)
	for deadline := time.Now().Add(30 * time.Second); last.status != 204 && time.Now().Before(deadline); last = s.send(id) {
		pause(s.t, 200*time.Millisecond)
	}
	if last.status != 204 {
		s.t.Errorf("answer = %d %s, want 204 within 30 s", last.status, last.body)
	}
}

// TestARNsOfTheDestination: without the ARNs in its environment a function says which are missing and where an administrator
// sets them; set as properties of the destination, they are used without a restart.
func TestARNsOfTheDestination(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.start("ROLES_ANYWHERE_TRUST_ANCHOR_ARN=", "ROLES_ANYWHERE_PROFILE_ARN=", "ROLES_ANYWHERE_ROLE_ARN=")
	if answer := s.send("without"); answer.status != 503 || !strings.Contains(answer.detail, "properties of the destination") {
		t.Errorf("answer without ARNs = %d %s, want 503 that tells what to correct", answer.status, answer.body)
	}
	s.fn.waitFor("event not delivered")
	for _, text := range []string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN", "aws.trustAnchorArn", "aws.profileArn", "aws.roleArn"} {
		if !strings.Contains(s.fn.log(), text) {
			t.Errorf("the log does not name %s:\n%s", text, s.fn.log())
		}
	}
	properties := btp.ClientCertificate(local.KeyStoreName)
	properties["aws.trustAnchorArn"], properties["aws.profileArn"], properties["aws.roleArn"] = s.TrustAnchorARN, s.ProfileARN, s.RoleARN
	s.stand.BTP.PutDestination(btp.Instance, local.DestinationName, properties)
	s.untilAccepted("with")
}
