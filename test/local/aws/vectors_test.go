package aws

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

const vectorsDir = "../../testdata/rolesanywhere"

// TestVectors replays what AWS's own client signed: every request passes the signature, and those with real ARNs get a
// session.
func TestVectors(t *testing.T) {
	var index struct {
		Cases []struct {
			Name        string
			Time        time.Time
			Region      string
			TrustAnchor string `json:"trust_anchor"`
			Body        string
			Query       map[string]string
		}
	}
	if err := json.Unmarshal(readVector(t, "vectors.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Cases) != 14 {
		t.Fatalf("vectors.json has %d cases, want 14", len(index.Cases))
	}
	signingOnly := map[string]bool{"min-rsa2048-eu-chars": true, "min-rsa3072-inter": true, "min-ecp256-inter": true}
	for _, v := range index.Cases {
		t.Run(v.Name, func(t *testing.T) {
			var m members
			if err := json.Unmarshal([]byte(v.Body), &m); err != nil {
				t.Fatal(err)
			}
			if len(v.Query) > 0 {
				m.TrustAnchorARN, m.ProfileARN, m.RoleARN = v.Query["trustAnchorArn"], v.Query["profileArn"], v.Query["roleArn"]
			}
			partition := strings.SplitN(m.TrustAnchorARN+":", ":", 3)[1]
			s := newServer(t, Config{Region: v.Region, Partition: partition})
			s.SetClockOffset(time.Until(v.Time))
			trust := must(policy.ParseTrust(anyTrust))(t)
			s.anchors[m.TrustAnchorARN] = &anchor{certificates: []*x509.Certificate{certificate(t, v.TrustAnchor)}}
			s.roles[m.RoleARN] = &role{arn: m.RoleARN, trust: trust, maxSession: time.Hour}
			s.profiles[m.ProfileARN] = &profile{ProfileOptions: ProfileOptions{
				Roles: []string{m.RoleARN}, Duration: time.Hour, AcceptRoleSessionName: true,
			}}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(readVector(t, "cases/"+v.Name+".http"))))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			want := http.StatusCreated
			if signingOnly[v.Name] {
				want = http.StatusBadRequest // a ValidationException comes after the signature
			}
			if w.Code != want {
				t.Errorf("CreateSession = %d %s, want %d", w.Code, w.Body, want)
			}
		})
	}
}

func readVector(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(readVector(t, name))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	return must(x509.ParseCertificate(block.Bytes))(t)
}
