package aws

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// whole hands net/http the request's body as a reader it knows. The SDK's own reader answers io.EOF from WriteTo once the
// SDK has closed it, which it does when the answer's head arrives; net/http may still be looking for the end of the body
// then, takes that for a failed write and closes the connection under the answer. Only a network without latency is so fast.
type whole struct{ http.RoundTripper }

func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return w.RoundTripper.RoundTrip(r)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(b))
	return w.RoundTripper.RoundTrip(again)
}

const endpoint = "http://aws.test"

// lab is a stand-in behind an in-memory network, with one of everything.
type lab struct {
	*Server
	client                                          *http.Client
	root, issuing, leaf                             testpki.Authority
	anchorARN, profileARN, roleARN, topic, queueARN string
	subscription                                    string
}

const anyTrust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},
	"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`

const publishAnywhere = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sns:Publish","Resource":"*"}}`

// bubble runs a test in virtual time at the end of 2026 against a stand-in of its own.
func bubble(t *testing.T, c Config, test func(*testing.T, *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)))
		test(t, newLab(t, c))
	})
}

// newServer is a stand-in that is closed when the test ends.
func newServer(t testing.TB, c Config) *Server {
	t.Helper()
	s := New(c)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close stand-in: %v", err)
		}
	})
	return s
}

func newLab(t *testing.T, c Config) *lab {
	t.Helper()
	l := serve(t, newServer(t, c))
	l.root = testpki.Root("root")
	l.issuing = l.root.Intermediate("issuing")
	l.leaf = l.issuing.Leaf("bridge")
	l.anchorARN = must(l.CreateTrustAnchor("anchor", l.root.Cert))(t)
	l.roleARN = must(l.CreateRole("events/Bridge", anyTrust))(t)
	if err := l.PutRolePolicy(l.roleARN, "publish", publishAnywhere); err != nil {
		t.Fatal(err)
	}
	l.profileARN = must(l.CreateProfile("profile", ProfileOptions{Roles: []string{l.roleARN}}))(t)
	l.topic = must(l.CreateTopic("orders"))(t)
	l.queueARN = must(l.CreateQueue("orders"))(t)
	l.subscription = must(l.Subscribe(l.topic, l.queueARN, true))(t)
	return l
}

// serve is a stand-in with nothing in it behind an in-memory network.
func serve(t *testing.T, s *Server) *lab {
	t.Helper()
	p := newPipes()
	server := &http.Server{Handler: s}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(p) })
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
		serving.Wait()
	})
	return &lab{Server: s, client: &http.Client{Transport: whole{transport}}}
}

// must is the value of a call that cannot fail in a sound test.
func must[V any](v V, err error) func(*testing.T) V {
	return func(t *testing.T) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (l *lab) config(c sdkaws.Credentials) sdkaws.Config {
	return sdkaws.Config{
		Region: l.Server.config.Region, HTTPClient: l.client, BaseEndpoint: new(endpoint),
		Retryer:     func() sdkaws.Retryer { return sdkaws.NopRetryer{} },
		Credentials: sdkaws.CredentialsProviderFunc(func(context.Context) (sdkaws.Credentials, error) { return c, nil }),
	}
}

func (l *lab) sns(c sdkaws.Credentials) *sns.Client { return sns.NewFromConfig(l.config(c)) }
func (l *lab) sqs(c sdkaws.Credentials) *sqs.Client { return sqs.NewFromConfig(l.config(c)) }

// url is the queue's, under the test's endpoint.
func (l *lab) url(queueARN string) *string {
	parts := strings.Split(queueARN, ":")
	return new(endpoint + "/" + parts[4] + "/" + parts[5])
}

// refused checks an SDK call's error. text may be a prefix that ends in "…".
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("error = %v, want %s: %s", err, code, text)
		return
	}
	prefix, open := strings.CutSuffix(text, "…")
	same := api.ErrorMessage() == text || open && strings.HasPrefix(api.ErrorMessage(), prefix)
	if api.ErrorCode() != code || !same {
		t.Errorf("error = %s: %q, want %s: %q", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
}

// ask is a CreateSession to be made; zero fields are the lab's right ones.
type ask struct {
	leaf    testpki.Authority
	chain   []*x509.Certificate
	members map[string]any
	query   url.Values
	region  string
	date    time.Time
	body    []byte // instead of members
	header  map[string]string
	edit    func(*http.Request) // after signing
}

// ask is a right request, which the test changes.
func (l *lab) ask() ask {
	return ask{
		leaf: l.leaf, chain: []*x509.Certificate{l.issuing.Cert}, region: l.Server.config.Region, date: time.Now(),
		members: map[string]any{"trustAnchorArn": l.anchorARN, "profileArn": l.profileARN, "roleArn": l.roleARN},
	}
}

// request signs the ask by code that shares nothing with the verifier.
func (a ask) request(t *testing.T) *http.Request {
	t.Helper()
	body := a.body
	if a.members != nil {
		b, err := json.Marshal(a.members)
		if err != nil {
			t.Fatal(err)
		}
		body = b
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+"/sessions?"+a.query.Encode(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	date := a.date.UTC().Format("20060102T150405Z")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amz-Date", date)
	r.Header.Set("X-Amz-X509", base64.StdEncoding.EncodeToString(a.leaf.Cert.Raw))
	var chain []string
	for _, c := range a.chain {
		chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	if chain != nil {
		r.Header.Set("X-Amz-X509-Chain", strings.Join(chain, ","))
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	canonical := "POST\n/sessions\n" + strings.ReplaceAll(a.query.Encode(), "+", "%20") + "\n"
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + hexSum(body)
	scope := date[:8] + "/" + a.region + "/rolesanywhere/aws4_request"
	const algorithm = "AWS4-X509-ECDSA-SHA256"
	digest := sha256.Sum256([]byte(strings.Join([]string{algorithm, date, scope, hexSum([]byte(canonical))}, "\n")))
	signature, err := a.leaf.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", algorithm+" Credential="+a.leaf.Cert.SerialNumber.String()+"/"+scope+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+hex.EncodeToString(signature))
	if a.edit != nil {
		a.edit(r)
	}
	return r
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sessionReply is an answer to CreateSession.
type sessionReply struct {
	status     int
	header     http.Header
	code, text string
	SubjectARN string `json:"subjectArn"`
	Sets       []struct {
		AssumedRoleUser map[string]string
		RoleARN         string `json:"roleArn"`
		SourceIdentity  string
		Credentials     *struct {
			AccessKeyID     string `json:"accessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		}
	} `json:"credentialSet"`
}

func (l *lab) send(t *testing.T, a ask) sessionReply {
	t.Helper()
	response, err := l.client.Do(a.request(t))
	if err != nil {
		t.Fatalf("CreateSession: %v", err)
	}
	b, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatalf("CreateSession: %v", err)
	}
	r := sessionReply{status: response.StatusCode, header: response.Header, code: response.Header.Get("X-Amzn-Errortype")}
	if r.code != "" {
		var e struct{ Message string }
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatalf("CreateSession: error is not JSON: %s", b)
		}
		r.text = e.Message
		return r
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("CreateSession: answer is not JSON: %s", b)
	}
	return r
}

// credentials are those of a session that is given out for an ask.
func (l *lab) credentials(t *testing.T, a ask) sdkaws.Credentials {
	t.Helper()
	r := l.send(t, a)
	if r.status != http.StatusCreated || len(r.Sets) != 1 || r.Sets[0].Credentials == nil {
		t.Fatalf("CreateSession = %d %s %q, want a session", r.status, r.code, r.text)
	}
	c := r.Sets[0].Credentials
	return sdkaws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}
