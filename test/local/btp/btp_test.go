package btp

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/virtual"
)

const base = "http://btp.example"

var pki = sync.OnceValues(func() (*PKI, error) { return NewPKI(virtual.Start) })

// stand is a stand-in on a network in memory, with what its service key says.
type stand struct {
	*Server
	t      *testing.T
	client *http.Client
	key    map[string]string
}

func newStand(t *testing.T, c Config) *stand {
	t.Helper()
	p, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	c.PKI = p
	server, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	network := &virtual.Network{}
	network.Serve(t, "btp.example:80", server)
	s := &stand{Server: server, t: t, client: network.Client()}
	s.readKey()
	return s
}

func (s *stand) readKey() {
	s.key = nil
	if err := json.Unmarshal(s.ServiceKey(base), &s.key); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) do(method, path string, header map[string]string, body string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

func (s *stand) askToken(id, secret string) (int, string) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	status, _, body := s.do(http.MethodPost, "/oauth/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
	var answer struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(body), &answer)
	return status, answer.Token
}

func (s *stand) find(name, token string, header map[string]string) (int, http.Header, string) {
	all := map[string]string{"Authorization": "Bearer " + token}
	maps.Copy(all, header)
	return s.do(http.MethodGet, "/destination-configuration/v1/destinations/"+url.PathEscape(name), all, "")
}

func TestTokensAreForTheClientAlone(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{TokenLifetime: time.Minute})
		id, secret := s.key["clientid"], s.key["clientsecret"]
		for name, tc := range map[string]struct {
			id, secret string
			want       int
		}{
			"right":        {id, secret, 200},
			"wrong secret": {id, secret + "x", 401},
			"no secret":    {id, "", 401},
			"other client": {"sb-other", secret, 401},
			"swapped":      {secret, id, 401},
			"both missing": {"", "", 401},
		} {
			if status, _ := s.askToken(tc.id, tc.secret); status != tc.want {
				t.Errorf("%s: status %d, want %d", name, status, tc.want)
			}
		}
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic}
		if status, _, body := s.do(http.MethodPost, "/oauth/token", form, "grant_type=client_credentials"); status != 200 {
			t.Errorf("client as Basic: %d %s, want 200", status, body)
		}
		if status, _, _ := s.do(http.MethodPost, "/oauth/token", form, "grant_type=password"); status != 400 {
			t.Errorf("another grant: %d, want 400", status)
		}
		if status, _, _ := s.do(http.MethodGet, "/oauth/token", form, ""); status != 405 {
			t.Errorf("GET: %d, want 405", status)
		}
	})
}

func TestTokensEnd(t *testing.T) {
	for name, end := range map[string]func(*stand){
		"by time":           func(*stand) { time.Sleep(time.Minute) },
		"by the clock":      func(s *stand) { s.SetClockOffset(time.Hour) },
		"by another secret": func(s *stand) { s.RotateSecret() },
		"by revocation":     func(s *stand) { s.RevokeTokens() },
	} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				s := newStand(t, Config{TokenLifetime: time.Minute})
				_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])
				if status, _, _ := s.find("nowhere", token, nil); status != 404 {
					t.Fatalf("find with a good token = %d, want 404 for what does not exist", status)
				}
				end(s)
				if status, _, _ := s.find("nowhere", token, nil); status != 401 {
					t.Errorf("find with an ended token = %d, want 401", status)
				}
			})
		})
	}
}

func TestFind(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		m, err := s.Issue(Leaf{})
		if err != nil {
			t.Fatal(err)
		}
		content, err := m.PEM()
		if err != nil {
			t.Fatal(err)
		}
		s.PutCertificate(Subaccount, "orders.pem", content)
		s.PutDestination(Subaccount, "aws orders@1", ClientCertificate("orders.pem"))
		s.PutDestination(Subaccount, "plain", map[string]string{"Authentication": "NoAuthentication"})
		_, token := s.askToken(s.key["clientid"], s.key["clientsecret"])

		status, header, body := s.find("aws orders@1", token, nil)
		var found struct {
			Owner         map[string]any
			Configuration map[string]string `json:"destinationConfiguration"`
			Certificates  []struct{ Name, Type, Content string }
		}
		if err := json.Unmarshal([]byte(body), &found); err != nil || status != 200 {
			t.Fatalf("find = %d %s (%v), want the destination", status, body, err)
		}
		if len(found.Certificates) != 1 || found.Certificates[0].Name != "orders.pem" || found.Owner["InstanceId"] != nil ||
			found.Configuration["KeyStoreLocation"] != "orders.pem" || found.Configuration["Name"] != "aws orders@1" {
			t.Errorf("find = %s, want the subaccount's destination with its one certificate", body)
		}
		got, err := base64.StdEncoding.DecodeString(found.Certificates[0].Content)
		if err != nil || !cmp.Equal(got, content) {
			t.Errorf("the content differs from what was stored (%v)", err)
		}
		if status, _, body := s.find("aws orders@1", token, map[string]string{"If-None-Match": header.Get("Etag")}); status != 304 || body != "" {
			t.Errorf("find of what has not changed = %d %q, want an empty 304", status, body)
		}
		if _, _, body := s.find("plain", token, nil); strings.Contains(body, "certificates") {
			t.Errorf("find without client certificate authentication = %s, want no certificates", body)
		}
		s.PutDestination(Instance, "aws orders@1", ClientCertificate("other.pem"))
		if _, _, body := s.find("aws orders@1", token, map[string]string{"If-None-Match": header.Get("Etag")}); !strings.Contains(body, "other.pem") {
			t.Errorf("find = %s, want the instance's destination before the subaccount's", body)
		}
		s.DeleteDestination(Instance, "aws orders@1")
		s.DeleteDestination(Subaccount, "aws orders@1")
		if status, header, body := s.find("aws orders@1", token, nil); status != 404 || !strings.Contains(body, "was not found") || header.Get("X-Vcap-Request-Id") == "" {
			t.Errorf("find of what is gone = %d %s, want 404 with its text and a request id", status, body)
		}
		if status, _, _ := s.find("plain", "standin.guess", nil); status != 401 {
			t.Errorf("find with a foreign token = %d, want 401", status)
		}
	})
}

func TestCertificatesAreShapedLikeSAPs(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		m, err := s.Issue(Leaf{CN: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := m.PEM()
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		var certificates []*x509.Certificate
		for rest := text; ; {
			var b *pem.Block
			if b, rest = pem.Decode(rest); b == nil {
				break
			}
			types = append(types, b.Type)
			if c, err := x509.ParseCertificate(b.Bytes); err == nil {
				certificates = append(certificates, c)
			}
		}
		if diff := cmp.Diff([]string{"PRIVATE KEY", "CERTIFICATE", "CERTIFICATE", "CERTIFICATE", "CERTIFICATE"}, types); diff != "" {
			t.Fatalf("PEM blocks (-want +got):\n%s", diff)
		}
		leaf := certificates[0]
		var parts []string
		for _, n := range leaf.Subject.Names {
			parts = append(parts, n.Value.(string))
		}
		want := []string{"DE", "Stand-in SE", "Stand-in Cloud Platform Clients", "Canary", "5f1ad5f8-0000-4000-8000-5f1ad5f80000", s.L(), "mine"}
		if diff := cmp.Diff(want, parts); diff != "" {
			t.Errorf("subject in DER order (-want +got):\n%s", diff)
		}
		if len(leaf.DNSNames)+len(leaf.URIs) != 0 || leaf.IsCA || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(leaf.ExtKeyUsage) != 1 {
			t.Errorf("the leaf has SANs, is a CA or has more than clientAuth: %v", leaf)
		}
		roots, middle := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(certificates[3])
		middle.AddCert(certificates[1])
		middle.AddCert(certificates[2])
		if _, err := leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: middle, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}); err != nil {
			t.Errorf("the chain does not verify: %v", err)
		}
		short, err := m.PEMWithoutIntermediates()
		if err != nil || strings.Count(string(short), "BEGIN CERTIFICATE") != 2 {
			t.Errorf("PEM without intermediates has other than 2 certificates (%v)", err)
		}
		if certificates[1].NotAfter.After(time.Now().AddDate(0, 3, 0)) {
			t.Errorf("the issuing CA lives until %v, want about two months", certificates[1].NotAfter)
		}
		if m, err := s.Issue(Leaf{EC: true}); err != nil || m.Chain[0].PublicKeyAlgorithm != x509.ECDSA {
			t.Errorf("an EC leaf = %v", err)
		}
	})
}

func TestFaultsBeforeAndAfterTheEffect(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		ask := func() int { status, _ := s.askToken(s.key["clientid"], s.key["clientsecret"]); return status }
		tokens := func() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.tokens) }
		for _, tc := range []struct {
			fault  Fault
			status int
			made   int
		}{
			{Fault{Call: "token", Phase: Before, Count: 1, Drop: true}, 0, 0},
			{Fault{Call: "token", Phase: After, Count: 1, Drop: true}, 0, 1},
			{Fault{Call: "token", Phase: Before, Count: 1, Status: 503}, 503, 0},
			{Fault{Call: "token", Phase: After, Count: 1, Status: 200, Body: "<html>", ContentType: "text/html"}, 200, 1},
			{Fault{Call: "token", Phase: After, Count: 1, CutOff: 5}, 200, 1},
			{Fault{Call: "token", Phase: Before, Count: 1, Delay: time.Hour}, 200, 1},
			{Fault{Call: "find", Phase: Before, Status: 500}, 200, 1},
		} {
			before := tokens()
			i, err := s.Inject(tc.fault)
			if err != nil {
				t.Fatal(err)
			}
			if status := ask(); status != tc.status {
				t.Errorf("%+v: status %d, want %d", tc.fault, status, tc.status)
			}
			if made := tokens() - before; made != tc.made {
				t.Errorf("%+v: %d tokens were made, want %d", tc.fault, made, tc.made)
			}
			want := 1
			if tc.fault.Call == "find" {
				want = 0
			}
			if i.Hits() != want {
				t.Errorf("%+v: %d hits, want %d", tc.fault, i.Hits(), want)
			}
			i.Remove()
		}
		for _, f := range []Fault{{}, {Phase: Before}, {Phase: Before, CutOff: 1}} {
			if _, err := s.Inject(f); err == nil {
				t.Errorf("Inject(%+v) = nil, want an error: it could never happen", f)
			}
		}
		for _, r := range s.Requests() {
			if r.Call != "token" {
				t.Errorf("request %+v, want calls of the token endpoint only", r)
			}
		}
	})
}

func TestVCAPServicesHoldTheKey(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newStand(t, Config{})
		var vcap map[string][]struct{ Credentials map[string]string }
		if err := json.Unmarshal(s.VCAPServices(base), &vcap); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.key, vcap["destination"][0].Credentials); diff != "" {
			t.Errorf("credentials (-service key +VCAP):\n%s", diff)
		}
		old := s.key["clientsecret"]
		s.RotateSecret()
		if status, _ := s.askToken(s.key["clientid"], old); status != 401 {
			t.Errorf("the old secret after a rotation: %d, want 401", status)
		}
		s.readKey()
		if status, _ := s.askToken(s.key["clientid"], s.key["clientsecret"]); status != 200 {
			t.Errorf("the new secret: %d, want 200", status)
		}
	})
}
