package destination

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/test/virtual"
)

const (
	uaaDomain = "authentication.xx10.test.example"
	urlHost   = "testbridge." + uaaDomain
	certHost  = "testbridge.authentication.cert.xx10.test.example"
)

// issue makes a certificate with its key, of a client or of the hosts of the token endpoints.
func issue(tb testing.TB, cn string, from, until time.Time, hosts ...string) *tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: cn}, NotBefore: from, NotAfter: until, DNSNames: hosts,
		BasicConstraintsValid: true, IsCA: len(hosts) > 0, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// door is both token endpoints over TLS, at certurl and at url, in front of the fake.
type door struct {
	btp *btp

	mu       sync.Mutex // guards all below
	admitted []byte     // the client certificate that is
	alert    bool       // one that is not admitted is refused in the handshake, not by 401
	shown    map[string]int
	secrets  int                   // requests with a client secret at certurl
	open     map[net.Conn]struct{} // connections that are open
}

func (d *door) admit(c *tls.Certificate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.admitted = c.Certificate[0]
}

// get is what was counted, under the lock.
func (d *door) get(f func(d *door) int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(d)
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	d.mu.Lock()
	host, _, _ := strings.Cut(r.Host, ":")
	for range r.TLS.PeerCertificates {
		d.shown[host]++
	}
	admitted := len(r.TLS.PeerCertificates) > 0 && bytes.Equal(r.TLS.PeerCertificates[0].Raw, d.admitted)
	if r.Form.Has("client_secret") && strings.Contains(host, ".cert.") {
		d.secrets++
	}
	d.mu.Unlock()
	if strings.Contains(host, ".cert.") {
		if !admitted {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		d.btp.mu.Lock()
		r.Form.Set("client_secret", d.btp.secret) // from here on as the fake knows it
		d.btp.mu.Unlock()
	}
	d.btp.ServeHTTP(w, r)
}

// listen serves the door over TLS at every address until the test ends.
func (d *door) listen(t *testing.T, network *virtual.Network) *x509.CertPool {
	t.Helper()
	own := issue(t, "server", time.Now().Add(-time.Hour), time.Now().Add(3650*day), "*."+uaaDomain, "*.authentication.cert.xx10.test.example")
	config := &tls.Config{Certificates: []tls.Certificate{*own}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.alert && (len(raw) == 0 || !bytes.Equal(raw[0], d.admitted)) {
			return errors.New("not admitted")
		}
		return nil
	}
	// By TLS 1.3 a client that is refused may already be writing its request, and what it then sees, alert or closed connection, is
	// chance; by 1.2 it waits for the alert.
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.alert {
			return nil, nil // config itself
		}
		older := config.Clone()
		older.MaxVersion = tls.VersionTLS12
		return older, nil
	}
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Hour, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), ConnState: func(c net.Conn, s http.ConnState) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch s {
		case http.StateNew:
			d.open[c] = struct{}{}
		case http.StateClosed:
			delete(d.open, c)
		}
	}}
	var done sync.WaitGroup
	listener := tls.NewListener(network.Listen(""), config)
	done.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		// What both ends are closing at this moment has ended then: Close would wait for it with the server's lock held, and
		// whoever waits for a lock keeps the bubble's time from passing.
		time.Sleep(time.Minute)
		_ = server.Close()
		done.Wait()
	})
	pool := x509.NewCertPool()
	pool.AddCert(own.Leaf)
	return pool
}

// mutualStage is a stage whose binding is of a client with a certificate; the binding may be changed by bind.
type mutualStage struct {
	*stage
	door *door
	mu   sync.Mutex // guards b
	b    binding.Binding
}

func (m *mutualStage) bind(change func(*binding.Binding)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.b)
}

// rotate gives the binding another certificate, valid for seven days, which the door admits alone.
func (m *mutualStage) rotate(t *testing.T) {
	t.Helper()
	c := issue(t, "binding", time.Now(), time.Now().Add(7*day))
	m.door.admit(c)
	m.bind(func(b *binding.Binding) { b.Certificate = binding.NewCertificate(c) })
}

func newMutualStage(t *testing.T, change func(*Config)) *mutualStage {
	t.Helper()
	m := &mutualStage{door: &door{shown: map[string]int{}, open: map[net.Conn]struct{}{}}}
	m.b = binding.Binding{ClientID: clientID, UAADomain: uaaDomain, CertURL: "https://" + certHost, URL: "https://" + urlHost, URI: "http://127.0.0.1:82"}
	network := &virtual.Network{}
	m.stage = newStage(t, func(c *Config) {
		pool := m.door.listen(t, network)
		c.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: network.Dial, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, IdleConnTimeout: 15 * time.Second}}
		c.Binding = func() (*binding.Binding, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			b := m.b
			return &b, nil
		}
		if change != nil {
			change(c)
		}
	})
	m.network, m.door.btp = network, m.btp
	m.network.Serve(t, "127.0.0.1:82", m.btp)
	m.rotate(t)
	return m
}

func TestTokenByCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, nil)
		if m.version(t) == "" {
			t.Fatalf("no identity:\n%s", m.log)
		}
		if n := m.door.get(func(d *door) int { return d.shown[certHost] }); n != 1 {
			t.Errorf("the certificate was shown %d times at certurl, want once", n)
		}
		if n := m.door.get(func(d *door) int { return d.secrets + d.shown[urlHost] }); n != 0 {
			t.Errorf("%d secrets at certurl or certificates at url, want none", n)
		}
	})
}

// TestSecretIsNoCertificate: a binding with a secret shows no certificate, also after one that had one.
func TestSecretIsNoCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, nil)
		m.version(t)
		m.bind(func(b *binding.Binding) {
			b.Certificate, b.CertURL, b.ClientSecret = binding.Certificate{}, "", binding.NewSecret(clientSecret)
		})
		time.Sleep(6 * time.Minute)
		m.version(t)
		synctest.Wait()
		if tokens := m.btp.count("token"); tokens != 2 || m.door.get(func(d *door) int { return d.shown[urlHost] }) != 0 {
			t.Errorf("%d tokens, certificate shown at url %d times; want a second token by secret alone", tokens, m.door.shown[urlHost])
		}
	})
}

// TestSAPFact3ChangedCertificateIsUsedWithoutRestart: sixty days on bindings that live seven, rotated every two, the old one
// dead at once; by 401 and by an alert of TLS.
func TestSAPFact3ChangedCertificateIsUsedWithoutRestart(t *testing.T) {
	for name, alert := range map[string]bool{"401": false, "alert": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMutualStage(t, func(c *Config) { c.Interval = time.Hour })
				m.door.get(func(d *door) int { d.alert = alert; return 0 })
				m.btp.change(func(b *btp) { b.answer = generated(t, "orders", 365*day) })
				for d := range 60 {
					if d%2 == 1 {
						m.rotate(t)
						m.btp.change(func(b *btp) { clear(b.tokens) })
					}
					for range 24 {
						time.Sleep(time.Hour + time.Minute)
						if m.version(t) == "" {
							t.Fatalf("day %d: no identity", d)
						}
					}
				}
				synctest.Wait()
				if n := m.counters.Value("destination_look_failures"); n != 0 {
					t.Errorf("%d looks failed, want none:\n%s", n, m.log)
				}
				if n := m.door.get(func(d *door) int { return d.secrets + d.shown[urlHost] }); n != 0 {
					t.Errorf("%d secrets at certurl or certificates at url, want none", n)
				}
			})
		})
	}
}

// TestRefusedCertificate: a certificate that BTP does not take reads the binding once more, and names the cure.
func TestRefusedCertificate(t *testing.T) {
	for name, alert := range map[string]bool{"401": false, "alert": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMutualStage(t, nil)
				m.door.get(func(d *door) int { d.alert = alert; return 0 })
				m.door.admit(issue(t, "other", time.Now(), time.Now().Add(day)))
				_, err := m.Identity(t.Context())
				e, _ := errors.AsType[*Error](err)
				if e == nil || e.Kind != ClientRefused || e.Outage() || !strings.Contains(err.Error(), "its certificate") || !strings.Contains(err.Error(), certHost) {
					t.Errorf("Identity = %v, want client-refused that names certificate and host", err)
				}
				m.rotate(t)
				time.Sleep(lookPause)
				if m.version(t) == "" {
					t.Errorf("10 s after the rotation there is no identity:\n%s", m.log)
				}
			})
		})
	}
}

// TestConnectionsOfAnOldCertificateAreClosed: one that stayed open would go on as the old client.
func TestConnectionsOfAnOldCertificateAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, nil)
		m.version(t)
		opened := m.memory.service.mutual.open
		m.rotate(t)
		m.btp.change(func(b *btp) { clear(b.tokens) })
		m.Reject(m.version(t))
		time.Sleep(lookPause) // less than connections are kept
		m.version(t)
		synctest.Wait()
		if opened == m.memory.service.mutual.open {
			t.Error("the client of the old certificate is still in use")
		}
		if n := m.door.get(func(d *door) int { return len(d.open) }); n != 1 {
			t.Errorf("%d connections to the token endpoint are open, want the new certificate's alone", n)
		}
		m.Close()
		synctest.Wait()
		if n := m.door.get(func(d *door) int { return len(d.open) }); n != 0 {
			t.Errorf("%d connections are open after Close, want none", n)
		}
	})
}

func TestExpiredAndAgeingCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, func(c *Config) { c.Interval = time.Hour })
		m.btp.change(func(b *btp) { b.answer = generated(t, "orders", 60*day) })
		for range 3*24 + 10 {
			m.version(t)
			time.Sleep(time.Hour)
		}
		if n := m.log.Count("past half of its life"); n != 0 {
			t.Errorf("warned %d times before half of its life", n)
		}
		for range 24 {
			m.version(t)
			time.Sleep(time.Hour)
		}
		if n := m.log.Count("past half of its life"); n != 1 || !strings.Contains(m.log.String(), "credentialsRotationPolicy") {
			t.Errorf("warned %d times at half of its life, want once with a cure:\n%s", n, m.log)
		}
		m.rotate(t)
		for range 24 {
			m.version(t)
			time.Sleep(time.Hour)
		}
		if n := m.log.Count("past half of its life"); n != 1 {
			t.Errorf("warned %d times after the rotation, want no more", n)
		}
	})
}

// TestBindingThatCannotBeRead does not end what the last one is good for: its token, and a new one while its certificate lives.
func TestBindingThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		m := newMutualStage(t, func(c *Config) {
			bind := c.Binding
			c.Binding = func() (*binding.Binding, error) {
				if broken != nil {
					return nil, broken
				}
				return bind()
			}
			c.Interval = time.Hour
		})
		m.btp.change(func(b *btp) { b.answer = generated(t, "orders", 60*day) })
		m.version(t)
		broken = &binding.Error{Kind: binding.ExpiredBinding, Reason: "expired"}
		for range 6 * 24 {
			time.Sleep(time.Hour)
			m.version(t)
		}
		synctest.Wait()
		if m.counters.Value("destination_look_failures") != 0 || m.log.Count("the last one stays in use") < 50 || m.btp.count("token") < 10 {
			t.Errorf("%d failed looks, %d tokens; want the last binding to serve", m.counters.Value("destination_look_failures"), m.btp.count("token"))
		}
		for range 48 { // the certificate ends after the seventh day, the token after twelve hours more at most
			time.Sleep(time.Hour)
			m.version(t)
		}
		synctest.Wait()
		if m.log.Count("binding-expired") == 0 || m.counters.Value("destination_look_failures") == 0 {
			t.Errorf("looks go on with an expired certificate:\n%s", m.log)
		}
	})
}

func TestClientThatCannotPresentACertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, func(c *Config) { c.HTTPClient = struct{ Doer }{c.HTTPClient} })
		if _, err := m.Identity(t.Context()); kindName(err) != Binding.String() || !strings.Contains(err.Error(), "cannot present the certificate") {
			t.Errorf("Identity = %v, want to be told so", err)
		}
	})
}

func TestCertificateOverPlainHTTPIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, nil)
		m.bind(func(b *binding.Binding) { b.CertURL = "http://127.0.0.1:82" })
		if _, err := m.Identity(t.Context()); kindName(err) != Unencrypted.String() || m.btp.count("token") != 0 {
			t.Errorf("Identity = %v, want a certificate presented by TLS alone", err)
		}
	})
}
