package destination

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/binding"
)

func TestSubdomain(t *testing.T) {
	secret := binding.Binding{URL: "https://" + urlHost, UAADomain: uaaDomain}
	port := binding.Binding{URL: "https://" + urlHost + ":8443/x", UAADomain: uaaDomain}
	mutual := binding.Binding{CertURL: "https://" + certHost, UAADomain: uaaDomain, Certificate: binding.NewCertificate(issue(t, "x", time.Now(), time.Now()))}
	foreign := secret
	foreign.URL = "https://elsewhere.example"
	deeper := secret
	deeper.URL = "https://a." + urlHost
	none := secret
	none.UAADomain = ""
	for name, r := range map[string]struct {
		b         binding.Binding
		subdomain string
		want      string // "" for an error
	}{
		"none":            {secret, "", "https://" + urlHost + "/oauth/token"},
		"secret":          {secret, "customer-1", "https://customer-1." + uaaDomain + "/oauth/token"},
		"port and path":   {port, "c", "https://c." + uaaDomain + ":8443/x/oauth/token"},
		"certificate":     {mutual, "customer-1", "https://customer-1.authentication.cert.xx10.test.example/oauth/token"},
		"none of mutual":  {mutual, "", "https://" + certHost + "/oauth/token"},
		"another host":    {foreign, "c", ""},
		"deeper host":     {deeper, "c", ""},
		"without domain":  {none, "c", ""},
		"no need for one": {none, "", "https://" + urlHost + "/oauth/token"},
	} {
		s := &service{config: Config{Subdomain: r.subdomain}}
		got, err := s.endpoint(&r.b)
		if got != r.want || (err == nil) != (r.want != "") || err != nil && !strings.Contains(err.Error(), "DESTINATION_SUBDOMAIN") {
			t.Errorf("%s: endpoint = %q, %v; want %q", name, got, err, r.want)
		}
	}
}

// TestSubdomainAtWork: tokens come from the subscriber's host; a host that must not get the client is never called.
func TestSubdomainAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMutualStage(t, func(c *Config) { c.Subdomain = "customer" })
		if m.version(t) == "" {
			t.Fatalf("no identity:\n%s", m.log)
		}
		if n := m.door.get(func(d *door) int { return d.shown["customer.authentication.cert.xx10.test.example"] }); n != 1 {
			t.Errorf("the subscriber's host was asked %d times, want once", n)
		}
		m.bind(func(b *binding.Binding) { b.UAADomain = "other.example" })
		m.btp.change(func(b *btp) { clear(b.tokens) })
		time.Sleep(6 * time.Minute)
		m.version(t)
		synctest.Wait()
		if m.btp.count("token") != 1 || m.log.Count("DESTINATION_SUBDOMAIN") == 0 {
			t.Errorf("%d tokens, want none from a host outside of the binding's domain:\n%s", m.btp.count("token"), m.log)
		}
	})
}

func TestPaths(t *testing.T) {
	certificate := func(t *testing.T) []byte { return fixture(t, "certificates/get-pem.json") }
	for name, r := range map[string]struct {
		change func(*Config)
		answer func(*testing.T) []byte
		path   string
	}{
		"version 2": {func(c *Config) { c.Level = Subaccount }, func(t *testing.T) []byte { return fixture(t, "find/07-v2-pem.json") },
			"/destination-configuration/v2/destinations/aws-orders@subaccount"},
		"version 2, an @ in the name": {func(c *Config) { c.Name, c.Level = "a@b", ProviderInstance }, func(t *testing.T) []byte { return fixture(t, "find/07-v2-pem.json") },
			"/destination-configuration/v2/destinations/a%40b@provider_instance"},
		"version 2, levels behind names": {func(c *Config) { c.Level = Instance }, func(t *testing.T) []byte {
			return []byte(strings.Replace(string(fixture(t, "find/07-v2-pem.json")), `"KeyStoreLocation": "orders.pem"`, `"KeyStoreLocation": "orders.pem@instance"`, 1))
		}, "/destination-configuration/v2/destinations/aws-orders@instance"},
		"certificate": {func(c *Config) { c.Name, c.CertificateName, c.CertificateLevel = "", "orders.pem", Instance }, certificate,
			"/destination-configuration/v1/instanceCertificates/orders.pem"},
		"certificate of the subaccount": {func(c *Config) { c.Name, c.CertificateName, c.CertificateLevel = "", "o@ s.pem", Subaccount }, certificate,
			"/destination-configuration/v1/subaccountCertificates/o%40%20s.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, r.change)
				s.btp.change(func(b *btp) { b.answer = r.answer(t) })
				id, properties, err := s.Snapshot(t.Context())
				if err != nil || id.Leaf.Subject.CommonName != "trustbridge-orders" || len(properties) != 0 || s.btp.path != r.path {
					t.Errorf("asked for %s: %v, %v; want the certificate from %s", s.btp.path, properties, err, r.path)
				}
			})
		})
	}
}

func TestCertificateErrors(t *testing.T) {
	for name, r := range map[string]struct {
		reaction reaction
		answer   string
		kind     Kind
	}{
		"missing":     {reaction{status: 404, body: `{"ErrorMessage":"x"}`}, "", NoCertificate},
		"no content":  {reaction{}, `{"Name":"orders.pem"}`, BadAnswer},
		"an array":    {reaction{}, `[]`, NotTheService},
		"cut off":     {reaction{}, `{"Name":"orders.pem"`, CutOff},
		"no base64":   {reaction{}, `{"Name":"orders.pem","Content":"-"}`, KeyStore},
		"lost before": {reaction{dropBefore: true}, `{}`, Connection},
		"lost after":  {reaction{dropAfter: true}, `{}`, Connection},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, func(c *Config) { c.Name, c.CertificateName, c.CertificateLevel = "", "orders.pem", Instance })
			s.btp.change(func(b *btp) { b.answer, b.onFind = []byte(r.answer), func(int) reaction { return r.reaction } })
			_, err := s.Identity(t.Context())
			e, _ := errors.AsType[*Error](err)
			if e == nil || e.Kind != r.kind || e.Name != "orders.pem" || !strings.HasPrefix(err.Error(), `fetch certificate "orders.pem"`) {
				t.Errorf("%s: Identity = %v, want %v of the certificate", name, err, r.kind)
			}
		})
	}
}

func TestNewChecksPlaces(t *testing.T) {
	bind := func() (*binding.Binding, error) { return nil, nil }
	for says, c := range map[string]Config{
		"both set":                     {Name: "a", CertificateName: "b", CertificateLevel: Instance},
		"CertificateLevel is":          {CertificateName: "b", CertificateLevel: ProviderInstance},
		"without CertificateName":      {Name: "a", CertificateLevel: Instance},
		"Level is of a destination":    {CertificateName: "b", CertificateLevel: Instance, Level: Instance},
		`Level is "x"`:                 {Name: "a", Level: "x"},
		`Subdomain is "a.b"`:           {Name: "a", Subdomain: "a.b"},
		"more than the service takes":  {CertificateName: strings.Repeat("x", 4000), CertificateLevel: Instance},
		"CertificateName are missing:": {},
	} {
		c.Binding = bind
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v, want it to say %q", err, says)
		}
	}
	for _, c := range []Config{{Name: "a", Level: ProviderSubaccount, Subdomain: "a-1"}, {CertificateName: "b", CertificateLevel: Subaccount, KeyPath: "/x"}} {
		c.Binding = bind
		if _, err := New(c); err != nil {
			t.Errorf("New = %v, want none", err)
		}
	}
}

// withProperties is an answer whose destination has more properties.
func withProperties(t *testing.T, answer []byte, more map[string]any) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(answer, &all); err != nil {
		t.Fatal(err)
	}
	configuration, _ := all["destinationConfiguration"].(map[string]any)
	maps.Copy(configuration, more)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		plain := s.btp.answer
		s.btp.change(func(b *btp) {
			b.answer = withProperties(t, plain, map[string]any{"aws.roleArn": "r", "AWS.profileArn": "p", "aws.n": 7, "aws.": "x", "awsx": "x", "$metadata": map[string]any{"aws.x": "y"}})
		})
		id, got, err := s.Snapshot(t.Context())
		if d := cmp.Diff(map[string]string{"aws.roleArn": "r", "AWS.profileArn": "p"}, got); d != "" || err != nil {
			t.Errorf("Snapshot: %v, properties (-want +got):\n%s", err, d)
		}
		// Changed alone, they are told as a change of the same identity.
		s.btp.change(func(b *btp) {
			b.answer, b.etag = withProperties(t, plain, map[string]any{"aws.roleArn": "secret-r2"}), "e2"
		})
		time.Sleep(6 * time.Minute)
		s.version(t)
		if told := s.told(); len(told) != 1 || told[0] != id.Version {
			t.Errorf("told %v, want the same version once", told)
		}
		if _, got, _ := s.Snapshot(t.Context()); got["aws.roleArn"] != "secret-r2" || len(got) != 1 {
			t.Errorf("properties %v, want the changed ones", got)
		}
		if s.log.Count("properties of the destination changed") != 1 || s.log.Count("certificate found") != 1 || s.log.Count("secret-r2") != 0 {
			t.Errorf("want the change logged by names alone:\n%s", s.log)
		}
		time.Sleep(2 * time.Hour) // an unconditional look finds the same
		s.version(t)
		if told := s.told(); len(told) != 1 {
			t.Errorf("told %v, want no more", told)
		}
	})
}

// TestRejectedPropertiesAreLookedUpAgain: what the administrator set a moment ago counts after 10 s, not after an interval.
func TestRejectedPropertiesAreLookedUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		first := s.version(t)
		s.Reject(first)
		s.btp.change(func(b *btp) { b.answer = withProperties(t, b.answer, map[string]any{"aws.roleArn": "r"}) }) // under the same etag
		time.Sleep(lookPause)
		if _, got, err := s.Snapshot(t.Context()); got["aws.roleArn"] != "r" || err != nil {
			t.Errorf("properties %v, %v; want the new one 10 s later", got, err)
		}
	})
}

func TestOwnClientCanPresentCertificates(t *testing.T) {
	for name, given := range map[string]Doer{"none": nil, "of the defaults": &http.Client{}} {
		if _, base := ownClient(Config{HTTPClient: given}); base == nil {
			t.Errorf("%s: no transport to connect with a certificate", name)
		}
	}
}
