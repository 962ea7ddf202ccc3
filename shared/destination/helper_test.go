package destination

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/telemetry"
	"github.com/trustbridge/trustbridge/test/virtual"
)

const (
	dir          = "../../test/testdata/sap-destination/"
	clientID     = "sb-clone5e7d19a0!b40417|destination-xsappname!b62"
	clientSecret = "5e7d19a0$Rk+v/0=&x"
)

func fixture(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.FromSlash(dir + path))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// reaction is what the fake does with one request; the zero reaction answers as usual.
type reaction struct {
	dropBefore, dropAfter bool // the connection is lost before or after a token was issued or a find answered
	hang                  bool
	cut                   bool // the body ends before its stated length
	status                int
	header                map[string]string
	body                  string
	delay                 time.Duration
}

// btp is a token endpoint and a Destination Service as far as these tests need them.
type btp struct {
	mu       sync.Mutex // guards all below
	secret   string     // that the token endpoint accepts
	lifetime int        // of tokens in seconds
	tokens   map[string]time.Time
	answer   []byte // of a find
	etag     string
	requests []string // "token", "find", "find if-none-match"
	path     string   // of the last find
	posted   []string // :: path and body of what was made
	onToken  func(n int) reaction
	onFind   func(n int) reaction
}

func (s *btp) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (s *btp) change(f func(*btp)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *btp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	isToken := r.URL.Path == "/oauth/token"
	name, hook := "find", s.onFind
	if isToken {
		name, hook = "token", s.onToken
	}
	if r.Header.Get("If-None-Match") != "" {
		name += " if-none-match"
	}
	s.requests = append(s.requests, name)
	n := 0
	for _, other := range s.requests {
		if strings.HasPrefix(other, strings.Fields(name)[0]) {
			n++
		}
	}
	var a reaction
	if hook != nil {
		a = hook(n)
	}
	s.mu.Unlock()
	if a.hang {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	time.Sleep(a.delay)
	w.Header().Set("X-Vcap-Request-Id", fmt.Sprintf("vcap-%d", n))
	if a.dropBefore {
		panic(http.ErrAbortHandler)
	}
	if a.status != 0 {
		w.Header().Set("Content-Type", "") // a nil value keeps net/http from guessing
		w.Header()["Content-Type"] = nil
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if isToken {
		s.issue(w, r, a)
		return
	}
	s.find(w, r, a)
}

func (s *btp) issue(w http.ResponseWriter, r *http.Request, a reaction) {
	if r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("client_id") != clientID || r.Form.Get("client_secret") != s.secret {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"unauthorized","error_description":"Bad credentials"}`)
		return
	}
	t := fmt.Sprintf("tOKEN-%d", len(s.tokens)+1)
	s.tokens[t] = time.Now().Add(time.Duration(s.lifetime) * time.Second)
	if a.dropAfter {
		panic(http.ErrAbortHandler)
	}
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":%d}`, t, s.lifetime)
}

// make keeps what is posted, each once.
func (s *btp) make(w http.ResponseWriter, r *http.Request, a reaction) {
	body, _ := io.ReadAll(r.Body)
	made := r.Header.Get("Content-Type") + " " + r.RequestURI + " " + string(body)
	if slices.Contains(s.posted, made) {
		http.Error(w, "Duplicate key", http.StatusConflict)
		return
	}
	s.posted = append(s.posted, made)
	if a.dropAfter {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
}

func (s *btp) find(w http.ResponseWriter, r *http.Request, a reaction) {
	ends, known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known || !time.Now().Before(ends) {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	s.path = r.RequestURI
	if r.Method == http.MethodPost {
		s.make(w, r, a)
		return
	}
	if s.etag != "" {
		w.Header().Set("Etag", s.etag)
	}
	switch {
	case a.dropAfter:
		panic(http.ErrAbortHandler)
	case s.etag != "" && r.Header.Get("If-None-Match") == s.etag:
		w.WriteHeader(http.StatusNotModified)
	case a.cut:
		w.Header().Set("Content-Length", fmt.Sprint(len(s.answer)))
		_, _ = w.Write(s.answer[:len(s.answer)/2])
		panic(http.ErrAbortHandler)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(s.answer)
	}
}

// stage is a client in front of a fake, in a bubble.
type stage struct {
	*Client
	btp      *btp
	log      *virtual.Log
	counters *telemetry.Counters
	network  *virtual.Network
	mu       sync.Mutex // guards all below
	secret   string     // in the binding
	bindErr  error
	bound    int // how often the binding was read
	changes  []string
}

// newStage must run in a bubble; all it starts ends with the test.
func newStage(t *testing.T, change func(*Config)) *stage {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	s := &stage{
		log: new(virtual.Log), counters: new(telemetry.Counters), secret: clientSecret,
		btp: &btp{secret: clientSecret, lifetime: 43199, tokens: map[string]time.Time{}, etag: "e1", answer: generated(t, "orders", 30*day)},
	}
	s.network = &virtual.Network{}
	s.network.Serve(t, "", s.btp)
	c := Config{
		Name: "aws-orders", Counters: s.counters, Binding: s.bind,
		HTTPClient: s.network.Client(),
		Logger:     slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnChange: func(version string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changes = append(s.changes, version)
		},
	}
	if change != nil {
		change(&c)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client
	t.Cleanup(client.Close)
	return s
}

func (s *stage) bind() (*binding.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound++
	if s.bindErr != nil {
		return nil, s.bindErr
	}
	return &binding.Binding{ClientID: clientID, ClientSecret: binding.NewSecret(s.secret), URL: "http://127.0.0.1:81", URI: "http://127.0.0.1:82"}, nil
}

// told is the versions that OnChange was told, once all looks that have begun are done.
func (s *stage) told() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

func (s *stage) bindingReads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound
}

// generated is the answer of a find whose certificate begins an hour ago, for a new key each time.
func generated(tb testing.TB, name string, validFor time.Duration) []byte {
	tb.Helper()
	now := time.Now()
	return generatedFor(tb, name, now.Add(-time.Hour), now.Add(validFor))
}

func generatedFor(tb testing.TB, name string, from, until time.Time) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	store := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return answerWith(tb, map[string]string{"Authentication": "ClientCertificateAuthentication", "KeyStoreLocation": "orders.pem"}, store)
}

func answerWith(tb testing.TB, configuration map[string]string, store []byte) []byte {
	tb.Helper()
	b, err := json.Marshal(map[string]any{
		"destinationConfiguration": configuration,
		"certificates":             []map[string]any{{"Name": "orders.pem", "Type": nil, "Content": base64.StdEncoding.EncodeToString(store)}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
