package btp

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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
	// Subaccount is the customer's subaccount id; "" means a fixed one.
	Subaccount string
	// TokenLifetime is how long tokens live, in whole seconds; 0 means 12 hours, as XSUAA's do.
	TokenLifetime time.Duration
}

// Server is a stand-in. All methods may be called from many goroutines.
type Server struct {
	config Config

	mu           sync.Mutex // guards all below
	offset       time.Duration
	clientID     string
	secret       string
	tokens       map[string]time.Time // :: token → when it ends
	destinations map[entry][]byte     // :: place → properties as JSON
	certificates map[entry][]byte     // :: place → content
	faults       []*Injection
	requests     []Record
}

// entry is the place of a destination or certificate.
type entry struct {
	level Level
	name  string
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
		config: c, clientID: "sb-clone-standin!b123|destination-xsappname!b456", secret: random() + "$=/+&",
		tokens: make(map[string]time.Time), destinations: make(map[entry][]byte), certificates: make(map[entry][]byte),
	}
	return s, nil
}

// SetClockOffset moves the stand-in's clock that far ahead of the machine's, back if negative.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = d
}

// now is the stand-in's time. s.mu is held.
func (s *Server) now() time.Time { return time.Now().Add(s.offset) }

// RotateSecret gives the client another secret: the old one and all tokens are dead at once.
func (s *Server) RotateSecret() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = random() + "$=/+&"
	clear(s.tokens)
}

// RevokeTokens ends all tokens.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// ServiceKey is a service key of the Destination service, as SAP prints it, for a stand-in that is reached at base, for
// example https://127.0.0.1:8443/btp. It holds the client's secret.
func (s *Server) ServiceKey(base string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := json.MarshalIndent(map[string]any{
		"clientid": s.clientID, "clientsecret": s.secret, "credential-type": "binding-secret",
		"url": base, "uri": base, "uaadomain": "standin.example", "identityzone": "standin", "tenantid": s.config.Subaccount,
		"instanceid": "7a3e1f00-0000-4000-8000-7a3e1f000000", "xsappname": "standin!b456", "tenantmode": "dedicated",
	}, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return out
}

// VCAPServices is the same as Cloud Foundry gives it to an application.
func (s *Server) VCAPServices(base string) []byte {
	out, err := json.Marshal(map[string]any{"destination": []any{map[string]any{
		"name": "standin-destination", "instance_name": "standin-destination", "label": "destination", "plan": "lite",
		"tags": []string{"destination", "conn", "connsvc"}, "credentials": json.RawMessage(s.ServiceKey(base)),
	}}})
	if err != nil {
		panic(err) // JSON that was just made
	}
	return out
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
	now := s.now()
	s.mu.Unlock()
	return s.config.PKI.issue(l, s.config.Host, now)
}

// L is the locality that the service writes into the certificates of this subaccount.
func (s *Server) L() string { return s.config.Host + "/" + s.config.Subaccount }

// PutCertificate keeps a certificate with its key, or replaces it. The name's ending says its format.
func (s *Server) PutCertificate(level Level, name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.certificates[entry{level, name}] = content
}

// PutDestination makes a destination, or replaces it. Properties are those of an administrator's form; Name is added.
func (s *Server) PutDestination(level Level, name string, properties map[string]string) {
	all := map[string]string{"Name": name, "Type": "HTTP", "URL": "https://sns.eu-central-1.amazonaws.com", "ProxyType": "Internet"}
	maps.Copy(all, properties)
	body, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings only
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destinations[entry{level, name}] = body
}

// DeleteDestination removes a destination; that it does not exist is no error.
func (s *Server) DeleteDestination(level Level, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.destinations, entry{level, name})
}

// ClientCertificate are the properties of a destination that names a key store, as the set-up makes it.
func ClientCertificate(keyStore string) map[string]string {
	return map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": keyStore, "KeyStorePassword": ""}
}

// Record is one request that was answered. It holds no secret, no token and no key.
type Record struct {
	// Time is when it arrived, by the stand-in's clock.
	Time time.Time
	// Call is "token" or "find", "" for anything else.
	Call string
	// Name is the destination's.
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

// answer is what a request is answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// random is 32 hexadecimal digits that nobody can guess.
func random() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return hex.EncodeToString(b)
}
