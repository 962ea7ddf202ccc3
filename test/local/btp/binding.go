package btp

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
)

const (
	identityZone = "standin"
	certPath     = "/cert"
	instanceID   = "7a3e1f00-0000-4000-8000-7a3e1f000000"
)

// BindingOptions is what a binding is to be. Zero values are the defaults.
type BindingOptions struct {
	// Name of the service instance, and of the folder that the binding is mounted at; "" means standin-destination.
	Name string
	// X509 gives it a client certificate instead of a secret.
	X509 bool
	// Validity of that certificate; 0 means 7 days, SAP's default.
	Validity time.Duration
	// PKCS8 writes its key as BEGIN PRIVATE KEY; else it is BEGIN RSA PRIVATE KEY.
	PKCS8 bool
}

// bindingDays is how long x509 bindings live.
// Source: https://github.com/SAP-docs/btp-cloud-platform (x.509 bindings: validity, default 7 days).
const bindingDays = 7 * day

// Binding is what a client is given to reach the service with.
type Binding struct {
	server  *Server
	name    string
	options BindingOptions
	// guarded by server.mu
	present credential
	past    []credential
	deleted bool
}

// credential is one generation of a binding.
type credential struct {
	clientID string
	secret   string    // "" with a certificate
	material *Material // nil with a secret
	ends     time.Time // when a replaced one dies
}

// Bind makes a binding.
func (s *Server) Bind(o BindingOptions) (*Binding, error) {
	if o.Name == "" {
		o.Name = "standin-destination"
	}
	if o.Validity == 0 {
		o.Validity = bindingDays
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &Binding{server: s, name: o.Name, options: o}
	var err error
	if b.present, err = s.newCredential(o); err != nil {
		return nil, fmt.Errorf("bind %s: %w", o.Name, err)
	}
	s.bindings = append(s.bindings, b)
	return b, nil
}

// newCredential makes a secret or a certificate. s.mu is held.
func (s *Server) newCredential(o BindingOptions) (credential, error) {
	c := credential{clientID: "sb-clone" + random()[:8] + "!b123|destination-xsappname!b456"}
	if !o.X509 {
		c.secret = newSecret()
		return c, nil
	}
	now := s.now()
	if err := s.keepIssuing(now); err != nil {
		return credential{}, err
	}
	var err error
	c.material, err = s.config.PKI.issue(&s.issuing, Leaf{
		CN: random(), Subaccount: s.config.Subaccount, NotAfter: now.Add(o.Validity),
	}, identityZone, now, nil)
	return c, err
}

// credentials are all that may ask for tokens now. s.mu is held.
func (s *Server) credentials() []credential {
	var all []credential
	now := s.now()
	for _, b := range s.bindings {
		if b.deleted {
			continue
		}
		all = append(all, b.present)
		for _, c := range b.past {
			if now.Before(c.ends) {
				all = append(all, c)
			}
		}
	}
	return all
}

// Rotate gives the binding new credentials, client id included, as the operator's rotation does. The old ones can ask for
// tokens for as long as keepOld; 0 means that they are dead at once. Tokens live on, as signed tokens do: see
// [Server.RevokeTokens].
func (b *Binding) Rotate(keepOld time.Duration) error {
	s := b.server
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.newCredential(b.options)
	if err != nil {
		return fmt.Errorf("rotate %s: %w", b.name, err)
	}
	old := b.present
	old.ends = s.now().Add(keepOld)
	b.past, b.present = append(b.past, old), next
	return nil
}

// Delete ends the binding: none of its credentials gets a token any more.
func (b *Binding) Delete() {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.deleted = true
}

// RotateSecret gives the first client, that of [Server.ServiceKey], another secret under the same id: the old one and all
// tokens are dead at once.
func (s *Server) RotateSecret() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main.present.secret = newSecret()
	clear(s.tokens)
}

// ServiceKey is a service key of the Destination service, as SAP prints it, for a stand-in that is reached at base, for
// example https://127.0.0.1:8443/btp. It holds the client's secret.
func (s *Server) ServiceKey(base string) []byte { return s.main.ServiceKey(base) }

// VCAPServices is the same as Cloud Foundry gives it to an application.
func (s *Server) VCAPServices(base string) []byte { return s.main.VCAPServices(base) }

// ServiceKey is the binding's credentials object alone, as SAP prints a service key. It holds a secret or a private key.
func (b *Binding) ServiceKey(base string) []byte {
	out, err := json.MarshalIndent(b.properties(base), "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return out
}

// VCAPServices is the binding as Cloud Foundry gives it to an application.
func (b *Binding) VCAPServices(base string) []byte {
	out, err := json.Marshal(map[string]any{"destination": []any{map[string]any{
		"name": b.name, "instance_name": b.name, "label": "destination", "plan": "lite", "binding_name": nil,
		"tags": tags(), "credentials": b.properties(base),
	}}})
	if err != nil {
		panic(err) // maps and strings
	}
	return out
}

func tags() []string { return []string{"destination", "conn", "connsvc"} }

// properties are the credentials: strings by their names.
func (b *Binding) properties(base string) map[string]string {
	s := b.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := b.present
	out := map[string]string{
		"clientid": c.clientID, "url": base, "uri": base, "uaadomain": "standin.example", "identityzone": identityZone,
		"tenantid": s.config.Subaccount, "instanceid": instanceID, "xsappname": "standin!b456", "tenantmode": "dedicated",
	}
	if c.material == nil {
		maps.Copy(out, map[string]string{"clientsecret": c.secret, "credential-type": "binding-secret"})
		return out
	}
	var certificate strings.Builder
	for _, one := range c.material.Chain[:len(c.material.Chain)-1] { // the root stays away
		certificate.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Raw}))
	}
	maps.Copy(out, map[string]string{
		"certificate": certificate.String(), "key": b.key(c.material), "certurl": certURL(base), "credential-type": "x509",
	})
	return out
}

// key is the private key in the form that the binding was made for.
func (b *Binding) key(m *Material) string {
	if rsaKey, ok := m.Key.(*rsa.PrivateKey); ok && !b.options.PKCS8 {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))
	}
	der, err := x509.MarshalPKCS8PrivateKey(m.Key)
	if err != nil {
		panic(err) // a key that was just made
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// certURL is where client certificates are asked for: the host of SAP's form if base has one, else the path /cert.
func certURL(base string) string {
	u, err := url.Parse(base)
	if err == nil && strings.Contains(u.Host, ".authentication.") {
		u.Host = strings.Replace(u.Host, ".authentication.", ".authentication.cert.", 1)
		return u.String()
	}
	return base + certPath
}
