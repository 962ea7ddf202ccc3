package btp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// mutualStand is a stand-in behind TLS that asks for client certificates.
type mutualStand struct {
	*Server
	t       *testing.T
	network *virtual.Network
}

func newMutualStand(t *testing.T) *mutualStand {
	t.Helper()
	p, err := pki()
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(Config{PKI: p})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: virtual.Start.AddDate(-1, 0, 0), NotAfter: virtual.Start.AddDate(9, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := &mutualStand{server, t, &virtual.Network{}}
	listener := tls.NewListener(s.network.Listen(""), &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12,
	})
	web := &http.Server{Handler: server, ReadHeaderTimeout: time.Hour}
	var done sync.WaitGroup
	done.Go(func() {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		// Both ends take leave of each other, for 5 s at most, since a pipe has no buffer. Before Close, which would do so with the
		// server's lock held: whoever waits for a lock keeps the bubble's time from passing.
		time.Sleep(time.Minute)
		if err := web.Close(); err != nil {
			t.Error(err)
		}
		done.Wait()
	})
	return s
}

// ask asks for a token with what a binding's credentials object says, at a field that holds an address.
func (s *mutualStand) ask(key map[string]string, field string, zone string) (int, string) {
	s.t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // the server's name is nobody's
	if key["certificate"] != "" {
		pair, err := tls.X509KeyPair([]byte(key["certificate"]), []byte(key["key"]))
		if err != nil {
			s.t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {key["clientid"]}}
	if key["clientsecret"] != "" {
		form.Set("client_secret", key["clientsecret"])
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, key[field]+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if zone != "" {
		r.Header.Set("X-Zid", zone)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: s.network.Dial, TLSClientConfig: config, DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(body, &answer)
	return response.StatusCode, answer.Token
}

const mutualBase = "https://standin.authentication.xx10.example"

func (s *mutualStand) bind(o BindingOptions) *Binding {
	s.t.Helper()
	b, err := s.Bind(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *mutualStand) key(b *Binding, base string) map[string]string {
	s.t.Helper()
	var key map[string]string
	if err := json.Unmarshal(b.ServiceKey(base), &key); err != nil {
		s.t.Fatal(err)
	}
	return key
}

func TestClientCertificatesGetTokens(t *testing.T) {
	for _, base := range []string{mutualBase, "https://127.0.0.1:8443/btp"} {
		for _, pkcs8 := range []bool{false, true} {
			virtual.Run(t, func(t *testing.T) {
				s := newMutualStand(t)
				key := s.key(s.bind(BindingOptions{X509: true, PKCS8: pkcs8}), base)
				if want := map[bool]string{false: "BEGIN RSA PRIVATE KEY", true: "BEGIN PRIVATE KEY"}[pkcs8]; !strings.Contains(key["key"], want) {
					t.Errorf("the key is not %s", want)
				}
				if key["clientsecret"] != "" || key["credential-type"] != "x509" {
					t.Errorf("an x509 binding has a secret, or is called %q", key["credential-type"])
				}
				if status, token := s.ask(key, "certurl", ""); status != 200 || token == "" {
					t.Errorf("%s: token by certificate = %d, want 200", key["certurl"], status)
				}
				if status, _ := s.ask(key, "url", ""); status != 401 {
					t.Errorf("%s: the certificate at url instead of certurl = %d, want 401", key["url"], status)
				}
			})
		}
	}
}

func TestClientCertificatesAreRefused(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newMutualStand(t)
		binding := s.bind(BindingOptions{X509: true})
		good, other := s.key(binding, mutualBase), s.key(s.bind(BindingOptions{X509: true}), mutualBase)
		with := func(change func(map[string]string)) map[string]string {
			key := s.key(binding, mutualBase)
			change(key)
			return key
		}
		secret := s.key(s.bind(BindingOptions{}), mutualBase)
		secret["certurl"] = good["certurl"]
		leafOnly, _, _ := strings.Cut(good["certificate"], "-----END CERTIFICATE-----")
		for name, key := range map[string]map[string]string{
			"no certificate":      with(func(k map[string]string) { k["certificate"] = "" }),
			"another's client id": with(func(k map[string]string) { k["clientid"] = other["clientid"] }),
			"without its chain":   with(func(k map[string]string) { k["certificate"] = leafOnly + "-----END CERTIFICATE-----\n" }),
			"a secret there":      secret,
		} {
			if status, _ := s.ask(key, "certurl", ""); status != 401 {
				t.Errorf("%s: %d, want 401", name, status)
			}
		}
		time.Sleep(7*day - time.Second)
		if status, _ := s.ask(good, "certurl", ""); status != 200 {
			t.Errorf("a certificate in its last second: %d, want 200", status)
		}
		time.Sleep(2 * time.Second)
		if status, _ := s.ask(good, "certurl", ""); status != 401 {
			t.Errorf("a certificate after 7 days: %d, want 401", status)
		}
		if err := binding.Rotate(0); err != nil {
			t.Fatal(err)
		}
		renewed := s.key(binding, mutualBase)
		if status, _ := s.ask(renewed, "certurl", ""); status != 200 {
			t.Errorf("the certificate after a rotation: %d, want 200", status)
		}
		binding.Delete()
		if status, _ := s.ask(renewed, "certurl", ""); status != 401 {
			t.Errorf("the certificate of a deleted binding: %d, want 401", status)
		}
	})
}

func TestRotationMakesTheOldOneDead(t *testing.T) {
	for _, x509 := range []bool{false, true} {
		virtual.Run(t, func(t *testing.T) {
			s := newMutualStand(t)
			b := s.bind(BindingOptions{X509: x509})
			field := map[bool]string{false: "url", true: "certurl"}[x509]
			first := s.key(b, mutualBase)
			if err := b.Rotate(time.Hour); err != nil {
				t.Fatal(err)
			}
			second := s.key(b, mutualBase)
			if first["clientid"] == second["clientid"] {
				t.Error("a rotation kept the client id; the operator makes a new binding")
			}
			for name, key := range map[string]map[string]string{"old": first, "new": second} {
				if status, _ := s.ask(key, field, ""); status != 200 {
					t.Errorf("x509 %v: the %s credentials within the hour: %d, want 200", x509, name, status)
				}
			}
			time.Sleep(time.Hour)
			if status, _ := s.ask(first, field, ""); status != 401 {
				t.Errorf("x509 %v: the old credentials after the hour: %d, want 401", x509, status)
			}
			if err := b.Rotate(0); err != nil {
				t.Fatal(err)
			}
			if status, _ := s.ask(second, field, ""); status != 401 {
				t.Errorf("x509 %v: the old credentials after a rotation that keeps none: %d, want 401", x509, status)
			}
		})
	}
}

func TestSubscribersTokens(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := newMutualStand(t)
		s.Subscribe("customer", "tenant-1")
		s.PutSubscriberDestination("tenant-1", Subaccount, "theirs", nil)
		s.PutDestination(Subaccount, "ours", nil)
		key := s.key(s.bind(BindingOptions{}), mutualBase)
		theirs := s.key(s.bind(BindingOptions{}), "https://customer.authentication.xx10.example")
		for name, tc := range map[string]struct {
			key         map[string]string
			zone        string
			status      int
			sees, blind string
		}{
			"provider":          {key, "", 200, "ours", "theirs"},
			"provider by zone":  {key, s.config.Subaccount, 200, "ours", "theirs"},
			"by zone":           {key, "tenant-1", 200, "theirs", "ours"},
			"by subdomain":      {theirs, "", 200, "theirs", "ours"},
			"nobody's zone":     {key, "tenant-2", 401, "", ""},
			"nobody's by label": {s.key(s.bind(BindingOptions{}), "https://nobody.authentication.xx10.example"), "", 401, "", ""},
		} {
			status, token := s.ask(tc.key, "url", tc.zone)
			if status != tc.status {
				t.Errorf("%s: %d, want %d", name, status, tc.status)
			}
			if status != 200 {
				continue
			}
			for destination, want := range map[string]int{tc.sees: 200, tc.blind: 404} {
				if got := s.findStatus("/v1/destinations/"+destination, token); got != want {
					t.Errorf("%s: find %s = %d, want %d", name, destination, got, want)
				}
			}
			if got := s.findStatus("/v2/destinations/ours@provider_subaccount", token); got != 200 {
				t.Errorf("%s: find at the provider's subaccount = %d, want 200", name, got)
			}
		}
	})
}

func (s *mutualStand) findStatus(path, token string) int {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: s.network.Dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://destination.example/destination-configuration"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode
}
