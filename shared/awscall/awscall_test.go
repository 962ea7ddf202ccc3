package awscall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// answers is a target that gives the next answer of a list to each request, and keeps what it was asked.
type answers struct {
	list []answer

	mu       sync.Mutex
	requests []string // access key id + body of each request
}

type answer struct {
	status int
	code   string
	header http.Header
	body   string // instead of an error document
	err    error  // no answer at all
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	next := a.list[min(len(a.requests), len(a.list)-1)]
	a.requests = append(a.requests, key+" "+string(body))
	if next.err != nil {
		return nil, next.err
	}
	text := next.body
	if text == "" && next.status >= 300 {
		text = fmt.Sprintf(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>`, next.code)
	}
	if text == "" {
		text = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`
	}
	header := next.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "text/xml")
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// keys is a provider whose credentials change when one is rejected.
type keys struct {
	mu       sync.Mutex
	n        int
	err      error
	asked    int
	rejected []string
	session  *Session // of a test that plays another call
}

func (k *keys) Retrieve(context.Context) (aws.Credentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return aws.Credentials{AccessKeyID: fmt.Sprintf("KEY%d", k.n), SecretAccessKey: "s", SessionToken: "t"}, k.err
}

func (k *keys) reject(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rejected = append(k.rejected, id)
	k.n++
}

func publish(t *testing.T, target *answers, k *keys) error {
	t.Helper()
	return call(t, target, NewSession(k, k.reject))
}

func call(t *testing.T, target *answers, session *Session) error {
	t.Helper()
	client := sns.New(sns.Options{
		Region: "eu-central-1", HTTPClient: target, Credentials: session.Credentials(), BaseEndpoint: aws.String("https://sns.example"),
		RetryMaxAttempts: 1,
	}, sns.WithAPIOptions(session.RetryExpired))
	_, err := client.Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:t"), Message: aws.String("hello")})
	return err
}

func TestExpiredSessionIsReplacedOnce(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"} {
		t.Run(code, func(t *testing.T) {
			target, k := &answers{list: []answer{{status: 403, code: code}, {status: 200}}}, &keys{}
			if err := publish(t, target, k); err != nil {
				t.Fatalf("Publish() = %v, want it to succeed with another session", err)
			}
			if len(target.requests) != 2 || !strings.HasPrefix(target.requests[0], "KEY0 ") || !strings.HasPrefix(target.requests[1], "KEY1 ") {
				t.Errorf("requests = %q, want one with each key", target.requests)
			}
			if !strings.Contains(target.requests[1], "Message=hello") {
				t.Errorf("the second request was %q, want the whole body again", target.requests[1])
			}
			if len(k.rejected) != 1 || k.rejected[0] != "KEY0" {
				t.Errorf("rejected %v, want KEY0 once", k.rejected)
			}
		})
	}
}

func TestASecondExpiryIsTheVerdict(t *testing.T) {
	target, k := &answers{list: []answer{{status: 403, code: "ExpiredToken"}}}, &keys{}
	err := publish(t, target, k)
	if kind := Classify("publish", err).Kind; kind != forward.Unavailable {
		t.Errorf("Classify(%v) = %v, want unavailable", err, kind)
	}
	if len(target.requests) != 2 {
		t.Errorf("%d requests, want 2: one more and no third", len(target.requests))
	}
}

// TestOtherCallsAreMadeOnce: what is accepted must not be sent again, and what fails otherwise is no reason to sign in.
func TestOtherCallsAreMadeOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   answer
		keys     error
		requests int
	}{
		"accepted":       {answer{status: 200}, nil, 1},
		"refused":        {answer{status: 403, code: "AuthorizationError"}, nil, 1},
		"no answer":      {answer{err: io.ErrUnexpectedEOF}, nil, 1},
		"no credentials": {answer{status: 200}, identity{errors.New("x"), true}, 0},
	} {
		target, k := &answers{list: []answer{tc.answer}}, &keys{err: tc.keys}
		if err := publish(t, target, k); (err == nil) != (name == "accepted") {
			t.Errorf("%s: Publish() = %v", name, err)
		}
		if len(target.requests) != tc.requests || len(k.rejected) != 0 {
			t.Errorf("%s: %d requests, rejected %v; want %d and none", name, len(target.requests), k.rejected, tc.requests)
		}
	}
}

func TestExpired(t *testing.T) {
	if Expired(nil) || Expired(io.ErrUnexpectedEOF) {
		t.Error("Expired() is true for what is no answer of AWS")
	}
}

type identity struct {
	error
	outage bool
}

func (i identity) Outage() bool       { return i.outage }
func (identity) RetryableError() bool { return false }
func (identity) Detail() string       { return "the identity's own sentence" }

func TestClassify(t *testing.T) {
	for name, tc := range map[string]struct {
		answer  answer
		keys    error
		want    forward.Kind
		after   time.Duration
		says    string // in the detail
		unknown bool   // for Unrecognised
	}{
		"permission, sns":        {answer: answer{status: 403, code: "AuthorizationError"}, want: forward.Denied, says: "not permitted"},
		"permission, common":     {answer: answer{status: 400, code: "NotAuthorized"}, want: forward.Denied, says: "not permitted"},
		"permission, others":     {answer: answer{status: 400, code: "AccessDeniedException"}, want: forward.Denied, says: "not permitted"},
		"key":                    {answer: answer{status: 400, code: "KMSAccessDenied"}, want: forward.Denied, says: "key"},
		"key throttled":          {answer: answer{status: 400, code: "KMSThrottling"}, want: forward.Throttled},
		"throttled":              {answer: answer{status: 400, code: "Throttling"}, want: forward.Throttled},
		"throttled, sns's own":   {answer: answer{status: 429, code: "Throttled"}, want: forward.Throttled},
		"throttled, with 503":    {answer: answer{status: 503, code: "ThrottlingException"}, want: forward.Throttled},
		"429 of another name":    {answer: answer{status: 429, code: "Other"}, want: forward.Throttled},
		"retry-after in seconds": {answer: answer{status: 429, code: "Throttled", header: http.Header{"Retry-After": {"7"}}}, want: forward.Throttled, after: 7 * time.Second},
		"retry-after in ms":      {answer: answer{status: 429, code: "Throttled", header: http.Header{"X-Amz-Retry-After": {"250"}}}, want: forward.Throttled, after: 250 * time.Millisecond},
		"retry-after twice": {answer: answer{status: 429, code: "Throttled", header: http.Header{"X-Amz-Retry-After": {"250"}, "Retry-After": {"7"}}},
			want: forward.Throttled, after: 250 * time.Millisecond},
		"retry-after zero in ms": {answer: answer{status: 503, code: "X", header: http.Header{"X-Amz-Retry-After": {"0"}, "Retry-After": {"7"}}},
			want: forward.Unavailable, after: 7 * time.Second},
		"retry-after a date":         {answer: answer{status: 503, code: "X", header: http.Header{"Retry-After": {"Wed, 21 Oct 2026 07:28:00 GMT"}}}, want: forward.Unavailable},
		"retry-after huge":           {answer: answer{status: 503, code: "X", header: http.Header{"Retry-After": {"99999999999"}}}, want: forward.Unavailable},
		"signature":                  {answer: answer{status: 403, code: "SignatureDoesNotMatch"}, want: forward.Denied, says: "clock"},
		"signature, others":          {answer: answer{status: 403, code: "InvalidSignatureException"}, want: forward.Denied, says: "clock"},
		"clock":                      {answer: answer{status: 400, code: "RequestExpired"}, want: forward.Denied, says: "clock"},
		"signature that lacks parts": {answer: answer{status: 400, code: "IncompleteSignature"}, want: forward.Denied, says: "clock"},
		"clock, skewed":              {answer: answer{status: 403, code: "RequestTimeTooSkewed"}, want: forward.Denied, says: "clock"},
		"clock, ahead":               {answer: answer{status: 403, code: "RequestInTheFuture"}, want: forward.Denied, says: "clock"},
		"timeout, others":            {answer: answer{status: 400, code: "RequestTimeoutException"}, want: forward.Unavailable},
		"timeout":                    {answer: answer{status: 400, code: "RequestTimeout"}, want: forward.Unavailable},
		"timeout by its status":      {answer: answer{status: 408, code: "Other"}, want: forward.Unavailable},
		"500":                        {answer: answer{status: 500, code: "InternalError"}, want: forward.Unavailable},
		"html of a proxy":            {answer: answer{status: 502, body: "<html>bad gateway</html>"}, want: forward.Unavailable},
		"200 that is no answer":      {answer: answer{status: 200, body: "<html>welcome"}, want: forward.Unavailable},
		"no answer":                  {answer: answer{err: io.ErrUnexpectedEOF}, want: forward.Unavailable},
		"403 of a proxy":             {answer: answer{status: 403, body: "<html>blocked</html>"}, want: forward.Unavailable},
		"redirect":                   {answer: answer{status: 307, code: "TemporaryRedirect"}, want: forward.Unavailable},
		"unknown 4xx":                {answer: answer{status: 400, code: "SomethingNew"}, want: forward.Denied, says: "configuration", unknown: true},
		"unknown 5xx":                {answer: answer{status: 500, code: "SomethingNew"}, want: forward.Unavailable},
		"key failed inside":          {answer: answer{status: 500, code: "KMSInternalException"}, want: forward.Unavailable},
		"identity refused":           {keys: identity{errors.New("x"), false}, want: forward.Denied},
		"identity cannot be had":     {keys: identity{errors.New("x"), true}, want: forward.Unavailable},
		"session ended, both times":  {answer: answer{status: 403, code: "ExpiredToken"}, want: forward.Unavailable, says: "signs in again"},
	} {
		t.Run(name, func(t *testing.T) {
			err := publish(t, &answers{list: []answer{tc.answer}}, &keys{err: tc.keys})
			if err == nil {
				t.Fatal("Publish() = nil, want an error")
			}
			got := Classify("publish", err)
			if got.Kind != tc.want || got.RetryAfter != tc.after {
				t.Errorf("Classify(%v) = %v after %v, want %v after %v", err, got.Kind, got.RetryAfter, tc.want, tc.after)
			}
			detail := forward.Detail(got)
			if detail == "" || strings.Contains(detail, "arn:") || strings.Contains(detail, "sns.example") {
				t.Errorf("Detail() = %q, want a sentence without ARN and host", detail)
			}
			if !strings.Contains(detail, tc.says) {
				t.Errorf("Detail() = %q, want it to say %q", detail, tc.says)
			}
			if unknown := Unrecognised(err); unknown != tc.unknown {
				t.Errorf("Unrecognised(%v) = %t, want %t", err, unknown, tc.unknown)
			}
			if tc.keys != nil && detail != "the identity's own sentence" {
				t.Errorf("Detail() = %q, want the identity's", detail)
			}
		})
	}
}

// TestAnIdentitysErrorIsNeverTheEntrys whatever stands deeper in it: CreateSession is a call to AWS too.
func TestAnIdentitysErrorIsNeverTheEntrys(t *testing.T) {
	refused := publish(t, &answers{list: []answer{{status: 400, code: "SomethingNew"}}}, &keys{})
	err := identity{fmt.Errorf("create session: %w", refused), false}
	if !Unrecognised(refused) || Unrecognised(wrapped{err, refused}) {
		t.Error("Unrecognised() of an identity's error is true, want false: no entry caused it")
	}
	if got := Classify("publish", wrapped{err, refused}); got.Kind != forward.Denied || forward.Detail(got) != "the identity's own sentence" {
		t.Errorf("Classify() = %v, %q; want the identity's verdict", got, forward.Detail(got))
	}
}

// wrapped is an error with two causes.
type wrapped struct{ a, b error }

func (w wrapped) Error() string   { return w.a.Error() }
func (w wrapped) Unwrap() []error { return []error{w.b, w.a} }

func TestThrottled(t *testing.T) {
	for _, code := range []string{
		"Throttling", "Throttled", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestThrottled",
		"ProvisionedThroughputExceededException", "RequestLimitExceeded", "KMSThrottling", "KMSThrottlingException",
	} {
		if !Throttled(code) {
			t.Errorf("Throttled(%q) = false, want true", code)
		}
	}
	if Throttled("KMSAccessDenied") || Throttled("") {
		t.Error("Throttled() is true for what is no throttling")
	}
}

// TestARejectedSessionIsNotDroppedTwice: another call may have got the next one already, which is good.
func TestARejectedSessionIsNotDroppedTwice(t *testing.T) {
	k := &keys{}
	session := NewSession(k, func(id string) {
		k.reject(id)
		session := k.session
		session.cache.Invalidate() // as the other call does
		if _, err := session.cache.Retrieve(t.Context()); err != nil {
			t.Error(err)
		}
	})
	k.session = session
	target := &answers{list: []answer{{status: 403, code: "ExpiredToken"}, {status: 200}}}
	if err := call(t, target, session); err != nil {
		t.Fatal(err)
	}
	if k.asked != 2 {
		t.Errorf("the provider was asked %d times, want twice: for the first session and for the one after it", k.asked)
	}
}

func TestHTTPClientKeepsConnections(t *testing.T) {
	client := NewHTTPClient(160, 8*time.Second)
	if client.GetTimeout() != 8*time.Second {
		t.Errorf("an attempt may take %v, want 8s", client.GetTimeout())
	}
	transport := client.GetTransport()
	if transport.MaxIdleConnsPerHost != 160 || transport.MaxIdleConns != 0 || transport.IdleConnTimeout != 15*time.Second {
		t.Errorf("idle connections: %d a host, %d in all, %v; want 160, no limit, %v",
			transport.MaxIdleConnsPerHost, transport.MaxIdleConns, transport.IdleConnTimeout, 15*time.Second)
	}
}
