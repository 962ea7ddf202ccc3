package btp

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Config is what a stand-in is, each field with a default.
type Config struct {
	// PKI issues the certificates; required.
	PKI *PKI
	// Host is the Destination service's name in the L of its certificates; "" means
	// destination-configuration.cfapps.standin.example.
	Host string
	// Subaccount is the customer's subaccount id, which is its tenant id too; "" means a fixed one.
	Subaccount string
	// TokenLifetime is how long tokens live, in whole seconds; 0 means 12 hours, as XSUAA's do.
	TokenLifetime time.Duration
	// EC gives generated certificates P-256 keys, which take no time to make; SAP's have RSA.
	EC bool
	// Bits is the size of their RSA keys; 0 means 2048. SAP's have 4096.
	Bits int
}

// Server is a stand-in. All methods may be called from many goroutines.
type Server struct {
	config Config

	mu           sync.Mutex // guards all below
	offset       time.Duration
	main         *Binding
	bindings     []*Binding
	subscribers  map[string]string   // :: subdomain → tenant id
	tokens       map[string]issued   // :: token → what it is good for
	destinations map[entry][]byte    // :: place → properties as JSON
	keyStores    map[entry]*keyStore // :: place → certificate
	issuing      authority           // the present issuing CA
	renewal      struct {
		off bool
		// from is when automatic renewal was last switched on; nothing was renewed before it.
		from time.Time
	}
	findETagOfProperties bool
	faults               []*Injection
	requests             []Record
}

// entry is the place of a destination or certificate.
type entry struct {
	tenant string // "" is the provider's own
	level  Level
	name   string
}

// Level is where destinations and certificates live.
type Level string

// The two levels of version 1, in the order in which find looks.
const (
	Instance   Level = "instance"
	Subaccount Level = "subaccount"
)

// New makes a stand-in without destinations, with one client.
func New(c Config) (*Server, error) {
	if c.PKI == nil {
		return nil, fmt.Errorf("new stand-in of BTP: a PKI is needed")
	}
	if c.Host == "" {
		c.Host = "destination-configuration.cfapps.standin.example"
	}
	if c.Subaccount == "" {
		c.Subaccount = "0d4f6f0e-aaaa-4bbb-8ccc-3f1c6f0e9a11"
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = 12 * time.Hour
	}
	s := &Server{
		config: c, subscribers: make(map[string]string), tokens: make(map[string]issued),
		destinations: make(map[entry][]byte), keyStores: make(map[entry]*keyStore), issuing: c.PKI.issuing,
	}
	s.main = &Binding{server: s, name: "standin-destination", present: credential{
		clientID: "sb-clone-standin!b123|destination-xsappname!b456", secret: newSecret(),
	}}
	s.bindings = []*Binding{s.main}
	return s, nil
}

// newSecret has every character that a client could forget to encode.
func newSecret() string { return random() + "$=/+&" }

// SetClockOffset moves the stand-in's clock that far ahead of the machine's, back if negative.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = d
}

// now is the stand-in's time. s.mu is held.
func (s *Server) now() time.Time { return time.Now().Add(s.offset) }

// SetTokenLifetime changes how long tokens live from now on, in whole seconds.
func (s *Server) SetTokenLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.TokenLifetime = d
}

// RevokeTokens ends all tokens.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Subscribe makes a subscriber's tenant, so that tokens can be asked for in its name: by the header X-zid, or by its subdomain
// as the first label of the token endpoint's host.
func (s *Server) Subscribe(subdomain, tenantID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[subdomain] = tenantID
}

// Issue makes a certificate as the service does, without keeping it.
func (s *Server) Issue(l Leaf) (*Material, error) {
	if l.Subaccount == "" {
		l.Subaccount = s.config.Subaccount
	}
	if l.CN == "" {
		l.CN = "trustbridge-orders"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err := s.keepIssuing(now); err != nil {
		return nil, err
	}
	return s.config.PKI.issue(&s.issuing, l, s.config.Host, now, nil)
}

// keepIssuing replaces the issuing CA in time, as SAP's is. s.mu is held.
func (s *Server) keepIssuing(now time.Time) error {
	if now.Before(s.issuing.certificate.NotAfter.Add(-issuingDays / 2)) {
		return nil
	}
	next, err := s.config.PKI.newIssuing(now)
	if err == nil {
		s.issuing = next
	}
	return err
}

// SwitchIssuingCA replaces the issuing CA by another one of the same name, as happens without notice. Certificates that are
// there already keep their issuer.
func (s *Server) SwitchIssuingCA() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.config.PKI.newIssuing(s.now())
	if err != nil {
		return err
	}
	s.issuing = next
	return nil
}

// L is the locality that the service writes into the certificates of this subaccount.
func (s *Server) L() string { return s.config.Host + "/" + s.config.Subaccount }

// PutCertificate keeps a certificate with its key, as an upload does, or replaces one. The name's ending says its format.
func (s *Server) PutCertificate(level Level, name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keyStores[entry{"", level, name}] = &keyStore{content: content}
}

// PutDestination makes a destination, or replaces it. Properties are those of an administrator's form; Name is added.
func (s *Server) PutDestination(level Level, name string, properties map[string]string) {
	s.PutSubscriberDestination("", level, name, properties)
}

// PutSubscriberDestination is PutDestination in a subscriber's tenant; "" is the provider's.
func (s *Server) PutSubscriberDestination(tenantID string, level Level, name string, properties map[string]string) {
	all := map[string]string{"Name": name, "Type": "HTTP", "URL": "https://sns.eu-central-1.amazonaws.com", "ProxyType": "Internet"}
	maps.Copy(all, properties)
	body, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings only
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destinations[entry{tenantID, level, name}] = body
}

// DeleteDestination removes a destination; that it does not exist is no error.
func (s *Server) DeleteDestination(level Level, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.destinations, entry{"", level, name})
}

// ClientCertificate are the properties of a destination that names a key store, as the set-up makes it.
func ClientCertificate(keyStore string) map[string]string {
	return map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": keyStore, "KeyStorePassword": ""}
}

// KeepFindETag decides whether the ETag of find ignores that a certificate was renewed; whether SAP's does is not documented.
// By default it changes with everything.
func (s *Server) KeepFindETag(keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.findETagOfProperties = keep
}

// Record is one request that was answered. It holds no secret, no token and no key.
type Record struct {
	// Time is when it arrived, by the stand-in's clock.
	Time time.Time
	// Call is one of those of [Fault], "" for anything else.
	Call string
	// Name is the destination's or certificate's, "" where a call has none in its path.
	Name string
	// Status is the answer's; 0 if the connection was dropped.
	Status int
	// Duration is how long it took.
	Duration time.Duration
}

// recordsMax bounds what a stand-in remembers.
const recordsMax = 10_000

// Requests are the latest requests in the order in which they were answered.
func (s *Server) Requests() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Record(nil), s.requests...)
}

func (s *Server) record(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == recordsMax {
		s.requests = s.requests[1:]
	}
	s.requests = append(s.requests, r)
}

// random is 32 hexadecimal digits that nobody can guess.
func random() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return hex.EncodeToString(b)
}
