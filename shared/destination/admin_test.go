package destination

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newAdmin is an administrator before the fake of a stage.
func newAdmin(t *testing.T) (*Admin, *stage) {
	t.Helper()
	var config Config
	s := newStage(t, func(c *Config) { config = *c })
	config.Name = ""
	a, err := NewAdmin(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, s
}

func kindOf(err error) Kind {
	if e, found := errors.AsType[*Error](err); found {
		return e.Kind
	}
	return 0
}

func TestNewAdmin(t *testing.T) {
	if _, err := NewAdmin(Config{Interval: -1, Subdomain: "A"}); err == nil || !strings.Contains(err.Error(), "Binding") || !strings.Contains(err.Error(), "Subdomain") || strings.Contains(err.Error(), "Name") {
		t.Errorf("NewAdmin = %v, want all that is wrong and no name asked for", err)
	}
}

func TestAdminFindsDestinations(t *testing.T) {
	for name, r := range map[string]struct {
		answer string
		want   *Found
	}{
		"instance": {
			`{"owner":{"SubaccountId":"s","InstanceId":"i"},"destinationConfiguration":{"Name":"d","KeyStoreLocation":"o.pem","KeyStorePassword":"Hidden1",
			"clientSecret":"Hidden2","tokenService.Password":"Hidden3","tokenServiceURL":"u","aws.roleArn":"r","$metadata":{"x":1}},"certificates":[{"Name":"o.pem","Content":"Hidden4"}]}`,
			&Found{Name: "d", KeyStore: "o.pem", Level: Instance, Properties: map[string]string{"Name": "d", "KeyStoreLocation": "o.pem", "tokenServiceURL": "u", "aws.roleArn": "r"}},
		},
		"subaccount": {
			`{"owner":{"SubaccountId":"s","InstanceId":null},"destinationConfiguration":{"Name":"d"}}`,
			&Found{Name: "d", Level: Subaccount, Properties: map[string]string{"Name": "d"}},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, s := newAdmin(t)
			s.btp.change(func(b *btp) { b.answer = []byte(r.answer) })
			got, err := a.Destination(t.Context(), "d")
			if d := cmp.Diff(r.want, got); d != "" || err != nil || s.btp.path != findPath+"d" {
				t.Errorf("%s: Destination of %s = %v (-want +got):\n%s", name, s.btp.path, err, d)
			}
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "found", got)
			if text := out.String() + fmt.Sprintf("%+v", got); strings.Contains(text, "Hidden") || strings.Contains(out.String(), "=r") {
				t.Errorf("%s: shows a secret or a value in a log: %s", name, text)
			}
		})
	}
}

func TestAdminErrors(t *testing.T) {
	for name, r := range map[string]struct {
		reaction reaction
		call     func(context.Context, *Admin) error
		kind     Kind
	}{
		"no destination":   {reaction{status: 404}, destinationCall, NotFound},
		"no certificate":   {reaction{status: 404}, publicKeysCall(Instance), NoCertificate},
		"password":         {reaction{status: 400, body: `{"ErrorMessage":"The keystore is password-protected and public keys cannot be retrieved"}`}, publicKeysCall(Instance), Refused},
		"provider's level": {reaction{}, publicKeysCall(ProviderInstance), Refused},
		"no level":         {reaction{}, certificateCall(""), Refused},
		"exists":           {reaction{status: 409, body: "Duplicate key"}, certificateCall(Instance), Exists},
		"exists already":   {reaction{status: 409, body: "Duplicate key"}, makeDestinationCall, Exists},
		"refused":          {reaction{status: 403, body: "no"}, certificateCall(Subaccount), Refused},
		"no such service":  {reaction{status: 404}, certificateCall(Subaccount), Refused},
		"a page":           {reaction{status: 200, body: "<html>"}, destinationCall, NotTheService},
		"no configuration": {reaction{status: 200, body: "{}"}, destinationCall, BadAnswer},
		"its own fault":    {reaction{status: 503}, destinationCall, ServiceFault},
		"client refused":   {reaction{status: 401}, destinationCall, ClientRefused},
		"object for array": {reaction{status: 200, body: "{}"}, publicKeysCall(Instance), NotTheService},
		"name too long": {reaction{}, func(ctx context.Context, a *Admin) error {
			_, err := a.Destination(ctx, strings.Repeat("x", 4000))
			return err
		}, Refused},
		"hung":              {reaction{hang: true}, destinationCall, Connection},
		"destination no nm": {reaction{}, func(ctx context.Context, a *Admin) error { return a.CreateDestination(ctx, Instance, nil) }, Refused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, s := newAdmin(t)
				s.btp.change(func(b *btp) { b.onFind = func(int) reaction { return r.reaction } })
				err := r.call(t.Context(), a)
				if kindOf(err) != r.kind || strings.Contains(err.Error(), clientSecret) {
					t.Errorf("%v, want %v", err, r.kind)
				}
				if e, _ := errors.AsType[*Error](err); e != nil && (e.Op == "" || e.Name == "" && name != "destination no nm" || e.Detail() == "") {
					t.Errorf("%v, want to be told what was done to what", err)
				}
			})
		})
	}
}

func destinationCall(ctx context.Context, a *Admin) error {
	_, err := a.Destination(ctx, "d")
	return err
}

func publicKeysCall(l Level) func(context.Context, *Admin) error {
	return func(ctx context.Context, a *Admin) error { _, err := a.PublicKeys(ctx, l, "o.pem"); return err }
}

func certificateCall(l Level) func(context.Context, *Admin) error {
	return func(ctx context.Context, a *Admin) error {
		return a.CreateCertificate(ctx, l, CertificateRequest{Name: "orders.pem", CN: "trustbridge-orders", ValidityUnit: "DAYS", ValidityValue: 30, AutomaticRenew: true})
	}
}

func makeDestinationCall(ctx context.Context, a *Admin) error {
	return a.CreateDestination(ctx, Subaccount, map[string]string{"Name": "d", "Type": "HTTP"})
}

func TestAdminCreates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := newAdmin(t)
		csr := fixture(t, "pki/csr.pem")
		for _, err := range []error{
			certificateCall(Instance)(t.Context(), a),
			a.CreateCertificate(t.Context(), Subaccount, CertificateRequest{Name: "csr.pem", CN: "trustbridge-csr", ValidityUnit: "DAYS", ValidityValue: 30, AutomaticRenew: true, CSR: csr}),
			makeDestinationCall(t.Context(), a),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if s.btp.count("token") != 1 {
			t.Errorf("%d tokens for three calls, want one", s.btp.count("token"))
		}
		want := []string{
			"application/json /destination-configuration/v1/instanceCertificates ", "application/json /destination-configuration/v1/subaccountCertificates ",
			`application/json /destination-configuration/v1/subaccountDestinations {"Name":"d","Type":"HTTP"}`,
		}
		for i, posted := range s.btp.posted {
			if !strings.HasPrefix(posted, want[i]) {
				t.Errorf("posted %q, want %q", posted, want[i])
			}
		}
		for i, file := range []string{"certificates/generate-pem.json", "certificates/generate-csr.json"} {
			var fixed, got map[string]any
			if err := errors.Join(json.Unmarshal(fixture(t, file), &fixed), json.Unmarshal([]byte(strings.SplitN(s.btp.posted[i], " ", 3)[2]), &got)); err != nil {
				t.Fatal(err)
			}
			if attributes, _ := fixed["Attributes"].(map[string]any); attributes["CSR"] != nil {
				attributes["CSR"] = base64.StdEncoding.EncodeToString(csr)
			}
			if d := cmp.Diff(fixed, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		}
	})
}

// TestLostCreation: lost before its effect, the next attempt makes it; lost after it, the next attempt meets what it made, and
// the error says that this may be so.
func TestLostCreation(t *testing.T) {
	for name, r := range map[string]struct {
		lost reaction
		want Kind
	}{"before": {reaction{dropBefore: true}, 0}, "after": {reaction{dropAfter: true}, Exists}} {
		synctest.Test(t, func(t *testing.T) {
			a, s := newAdmin(t)
			s.btp.change(func(b *btp) {
				b.onFind = func(n int) reaction {
					if n == 1 {
						return r.lost
					}
					return reaction{}
				}
			})
			err := certificateCall(Instance)(t.Context(), a)
			if kindOf(err) != r.want || len(s.btp.posted) != 1 || err != nil && !strings.Contains(err.Error(), "this very call") {
				t.Errorf("lost %s: %v with %d made, want kind %q and one", name, err, len(s.btp.posted), r.want)
			}
		})
	}
}

func TestPublicKeys(t *testing.T) {
	var index struct {
		Keys []struct {
			File   string
			Anchor string `json:"anchor_sha256"`
			Leaf   string `json:"leaf_sha256"`
		} `json:"public_keys"`
	}
	if err := json.Unmarshal(fixture(t, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for _, r := range index.Keys {
		synctest.Test(t, func(t *testing.T) {
			a, s := newAdmin(t)
			s.btp.change(func(b *btp) { b.answer = fixture(t, r.File) })
			chain, err := a.PublicKeys(t.Context(), Instance, "orders.pem")
			if err != nil || len(chain) != 4 || digest(chain[0].Raw) != r.Leaf || digest(chain[3].Raw) != r.Anchor {
				t.Errorf("%s: %d certificates, %v; want leaf to root", r.File, len(chain), err)
			}
			if s.btp.path != "/destination-configuration/v1/instanceCertificates/orders.pem/publicKeys" {
				t.Errorf("%s: asked for %s", r.File, s.btp.path)
			}
		})
	}
	if len(index.Keys) != 3 {
		t.Errorf("%d fixtures, want 3", len(index.Keys))
	}
}

func TestOrderOfPublicKeys(t *testing.T) {
	got, e := readPublicKeys(&reply{status: 200, header: http.Header{}, body: fixture(t, "public-keys/pem.json")})
	if e != nil {
		t.Fatal(e)
	}
	for _, order := range [][]int{{3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}} {
		var shuffled []*x509.Certificate
		for _, i := range order {
			shuffled = append(shuffled, got[i])
		}
		for i, c := range ordered(shuffled) {
			if !c.Equal(got[i]) {
				t.Errorf("in the order %v, certificate %d is that of %s, want leaf to root", order, i, c.Subject.CommonName)
			}
		}
	}
	if alone := ordered(got[3:]); len(alone) != 1 || !alone[0].Equal(got[3]) {
		t.Errorf("a root alone gives %d certificates, want it", len(alone))
	}
	if two := ordered([]*x509.Certificate{got[0], got[3]}); len(two) != 1 {
		t.Errorf("a leaf and a root it has no path to give %d certificates, want the leaf", len(two))
	}
}

func FuzzReadPublicKeys(f *testing.F) {
	for _, name := range []string{"pem", "p12", "base64"} {
		f.Add(fixture(f, "public-keys/"+name+".json"))
	}
	f.Add([]byte(`[{"Content":""},null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		chain, e := readPublicKeys(&reply{status: 200, header: http.Header{}, body: body})
		if (e == nil) != (len(chain) > 0) {
			t.Fatalf("readPublicKeys = %d certificates beside %v", len(chain), e)
		}
		for i := range max(len(chain)-1, 0) {
			if err := chain[i].CheckSignatureFrom(chain[i+1]); err != nil {
				t.Errorf("certificate %d is not issued by the next: %v", i, err)
			}
		}
	})
}

// TestAdminReadsARotatedBinding: a 401 reads it again, as a Client does.
func TestAdminReadsARotatedBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s := newAdmin(t)
		s.btp.change(func(b *btp) { b.answer = []byte(`{"destinationConfiguration":{}}`) })
		if _, err := a.Destination(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
		s.btp.change(func(b *btp) { b.secret = "new"; clear(b.tokens) })
		s.mu.Lock()
		s.secret = "new"
		s.mu.Unlock()
		begin := time.Now()
		if _, err := a.Destination(t.Context(), "d"); err != nil || time.Since(begin) != 0 {
			t.Errorf("Destination = %v after %v, want the new secret used at once", err, time.Since(begin))
		}
	})
}

// TestAdminErrorsNameWhatIsAskedFor: before the call itself too, when a token is fetched or the binding read.
func TestAdminErrorsNameWhatIsAskedFor(t *testing.T) {
	for op, call := range map[string]func(context.Context, *Admin) error{
		`find destination "d"`:                    destinationCall,
		`read public keys of certificate "o.pem"`: publicKeysCall(Instance),
		`create certificate "orders.pem"`:         certificateCall(Instance),
		`create destination "d"`:                  makeDestinationCall,
	} {
		synctest.Test(t, func(t *testing.T) {
			a, s := newAdmin(t)
			s.btp.change(func(b *btp) { b.secret = "rotated" })
			words := strings.Fields(op)
			want := "fetch token for " + strings.Join(words[len(words)-2:], " ") + ":"
			if err := call(t.Context(), a); kindOf(err) != ClientRefused || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s by a wrong secret: %v, want %s", op, err, want)
			}
			s.mu.Lock()
			s.bindErr = errors.New("no binding")
			s.mu.Unlock()
			if err := call(t.Context(), a); kindOf(err) != Binding || !strings.HasPrefix(err.Error(), op+":") {
				t.Errorf("%s without a binding: %v, want it named", op, err)
			}
		})
	}
}

// watched counts the connections that are open.
type watched struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (w *watched) Close() error {
	w.once.Do(func() { w.open.Add(-1) })
	return w.Conn.Close()
}

func TestCloseEndsOwnConnectionsAlone(t *testing.T) {
	for name, given := range map[string]bool{"own": false, "given": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var open atomic.Int64
				var s *stage
				dial := func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := s.network.Dial(ctx, network, address)
					if err != nil {
						return nil, err
					}
					open.Add(1)
					return &watched{Conn: c, open: &open}, nil
				}
				var config Config
				s = newStage(t, func(c *Config) { config = *c })
				config.HTTPClient = nil
				shared := &http.Transport{DialContext: dial}
				defer shared.CloseIdleConnections()
				if given {
					config.HTTPClient = &http.Client{Transport: shared}
				}
				a, err := NewAdmin(config)
				if err != nil {
					t.Fatal(err)
				}
				if !given {
					a.service.plain.DialContext = dial
				}
				if _, err := a.Destination(t.Context(), "d"); err != nil {
					t.Fatal(err)
				}
				kept := open.Load()
				a.Close()
				synctest.Wait()
				if left := open.Load(); kept == 0 || left != 0 && !given || left != kept && given {
					t.Errorf("of %d connections %d are open after Close", kept, left)
				}
			})
		})
	}
}
