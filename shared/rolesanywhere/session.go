package rolesanywhere

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

const (
	attemptsMax    = 3
	attemptTimeout = 10 * time.Second
	retryBase      = 500 * time.Millisecond
	retryCap       = 5 * time.Second
	// retryAfterMax is the longest wait that is spent inside a call; a longer one ends it.
	retryAfterMax = 10 * time.Second
)

// session is what one CreateSession call gave.
type session struct {
	credentials aws.Credentials // without Expires
	// expires is on the local clock, with its monotonic reading: a local clock that is set meanwhile cannot lengthen the
	// session's life.
	expires  time.Time
	lifetime time.Duration
	version  string  // of the identity that signed
	target   *target // what was asked for
	// algorithm and signing say how the request was signed and how long that took, for the log.
	algorithm string
	signing   time.Duration
}

// valid wants both clocks to agree: the wall clock may be set back, and the monotonic one stands still while a machine
// sleeps.
func (s *session) valid(now time.Time) bool {
	return now.Before(s.expires) && now.Round(0).Before(s.expires.Round(0))
}

// LogValue and String show no secret.
func (s *session) LogValue() slog.Value {
	return slog.GroupValue(slog.Time("expires", s.expires), slog.String("identity_version", s.version))
}

// Format keeps every verb of package fmt from reaching the keys.
func (s *session) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "session until "+stamp(s.expires))
}

// caller makes CreateSession calls. Its clock aside it never changes.
type caller struct {
	source Source
	http   Doer
	fixed  *target // nil if ARNs come from the source
	config Config
	log    *slog.Logger
	clock  clock
	warned string // the version whose warnings were logged; of the one goroutine that calls
}

func newCaller(c Config, u *url.URL) (*caller, error) {
	out := &caller{source: c.Source, http: ownClient(c.HTTPClient), config: c, log: c.Logger}
	if c.ARNsFromSource && (c.TrustAnchorARN == "" || c.ProfileARN == "" || c.RoleARN == "") {
		return out, nil
	}
	var err error
	out.fixed, err = newTarget(c, u)
	return out, err
}

// snapshot is an identity and what is asked for with it, from one look of the source. The target is nil beside an error.
func (c *caller) snapshot(ctx context.Context) (*keystore.Identity, *target, *Error) {
	var id *keystore.Identity
	var properties map[string]string
	var err error
	if from, gives := c.source.(snapshotter); gives && c.fixed == nil {
		id, properties, err = from.Snapshot(ctx)
	} else {
		id, err = c.source.Identity(ctx)
	}
	if err == nil && (id == nil || id.Leaf == nil || id.Signer == nil) {
		err = errors.New("the source gave neither an identity nor an error")
	}
	if err != nil {
		return nil, nil, &Error{Kind: NoIdentity, Err: err}
	}
	if c.fixed != nil {
		return id, c.fixed, nil
	}
	t, e := c.config.withProperties(properties)
	return id, t, e
}

// ownClient follows no redirects, whatever client was given: the request is signed for one host.
func ownClient(d Doer) Doer {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	switch c := d.(type) {
	case nil:
		t, _ := http.DefaultTransport.(*http.Transport)
		if t == nil {
			t = &http.Transport{Proxy: http.ProxyFromEnvironment}
		}
		return &http.Client{Transport: t.Clone(), CheckRedirect: refuse} // TLS 1.2 is the least that crypto/tls speaks
	case *http.Client:
		return &http.Client{Transport: c.Transport, Timeout: c.Timeout, CheckRedirect: refuse}
	case interface{ GetTransport() *http.Transport }:
		return &http.Client{Transport: c.GetTransport(), CheckRedirect: refuse}
	default:
		return d
	}
}

// call makes a session: at most three attempts, and one more if the clock was the cause. Every attempt asks the source and
// is signed anew.
func (c *caller) call(ctx context.Context) (*session, *Error) {
	limit, corrected := attemptsMax, false
	for sent := 0; ; {
		r, e := c.prepare(ctx)
		if e != nil {
			e.Attempts = sent
			return nil, c.complete(e, r)
		}
		sent++
		c.config.Counters.Add("create_session_attempts", 1)
		s, e := c.send(ctx, r)
		c.reportClock()
		if e == nil {
			return s, nil
		}
		e.Attempts = sent
		if e.Kind == ClockSkew && !corrected {
			c.clock.correct()
			c.reportClock()
			limit, corrected = limit+1, true
			continue
		}
		if !e.retry || sent >= limit || e.RetryAfter > retryAfterMax {
			return nil, c.complete(e, r)
		}
		wait := max(e.RetryAfter, rand.N(min(retryCap, retryBase<<(sent-1))))
		if !sleep(ctx, wait) {
			return nil, c.complete(e, r)
		}
	}
}

// complete fills in what the call knows, and lets the preflight name a refusal that AWS gave no name.
func (c *caller) complete(e *Error, r prepared) *Error {
	id := r.identity
	if id != nil && e.Status != 0 && !e.Outage() {
		now, _ := c.clock.now()
		if kind, rule := broken(id, now); rule != "" {
			e.Kind, e.Rule = kind, rule
		}
	}
	e.ClockOffset, _ = c.clock.offset()
	if e.Kind != NoIdentity {
		switch {
		case r.target != nil:
			e.TrustAnchorARN, e.ProfileARN, e.RoleARN = r.target.anchor, r.target.profile, r.target.role
		case e.Kind != Unconfigured: // which says what there is
			e.TrustAnchorARN, e.ProfileARN, e.RoleARN = c.config.TrustAnchorARN, c.config.ProfileARN, c.config.RoleARN
		}
		e = e.about(id)
	}
	curable := e.aboutMaterial() || e.aboutARNs() && (r.target == nil || r.target.fromSource)
	if source, can := c.source.(interface{ Reject(version string) }); can && id != nil && curable {
		source.Reject(id.Version)
	}
	return e
}

// prepared is a request signed with one snapshot of the identity.
type prepared struct {
	identity *keystore.Identity
	target   *target
	header   http.Header
	applied  time.Duration // what the clock was corrected by
	signing  time.Duration // how long the signature took
}

// prepare asks the source and signs. Nothing is sent.
func (c *caller) prepare(ctx context.Context) (prepared, *Error) {
	id, t, e := c.snapshot(ctx)
	if e != nil {
		return prepared{identity: id}, e
	}
	now, applied := c.clock.now()
	r := prepared{identity: id, target: t, applied: applied}
	if e := c.check(id, now); e != nil {
		return r, e
	}
	start := time.Now()
	signed, err := Sign(id, Request{Host: t.url.Host, Path: t.url.EscapedPath(), Region: t.region, Body: t.body, Time: now})
	if err != nil {
		return r, &Error{Kind: KeyMismatch, Rule: "the key cannot sign", Err: err}
	}
	r.signing = time.Since(start)
	r.header = signed.Header()
	r.header.Set("User-Agent", "trustbridge")
	return r, nil
}

// send makes one attempt.
func (c *caller) send(ctx context.Context, r prepared) (*session, *Error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.target.url.String(), bytes.NewReader(r.target.body))
	if err != nil {
		return nil, &Error{Kind: Connection, Err: err}
	}
	request.Header, request.Host = r.header, r.target.url.Host
	sent := time.Now()
	response, err := c.http.Do(request)
	received := time.Now()
	if err != nil {
		return nil, &Error{Kind: Connection, Err: err, retry: ctx.Err() == nil || isTimeout(err)}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMaxBytes+1))
	if err != nil {
		return nil, &Error{Kind: Connection, Status: response.StatusCode, Err: fmt.Errorf("read the answer: %w", err), retry: true}
	}
	offset := r.applied
	if c.clock.observe(response.Header, sent, received) {
		offset, _ = c.clock.offset()
	}
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK {
		return nil, refusal(response.StatusCode, response.Header, body, offset-r.applied)
	}
	s, e := c.accept(response, body, offset)
	if e != nil {
		return nil, e
	}
	if s.credentials.AccountID == "" {
		s.credentials.AccountID = r.target.account
	}
	s.version, s.target, s.signing = r.identity.Version, r.target, r.signing
	s.algorithm, _, _ = strings.Cut(r.header.Get("Authorization"), " ")
	return s, nil
}

// accept reads an answer that grants. offset is AWS's clock minus ours.
func (c *caller) accept(response *http.Response, body []byte, offset time.Duration) (*session, *Error) {
	now := time.Now()
	fail := func(kind Kind, rule string) *Error {
		return &Error{Kind: kind, Rule: rule, Status: response.StatusCode, RequestID: bounded(response.Header.Get("X-Amzn-Requestid"))}
	}
	if len(body) > answerMaxBytes {
		return nil, fail(Malformed, fmt.Sprintf("the answer is larger than %d bytes", answerMaxBytes))
	}
	if trimmed := bytes.TrimSpace(body); !isJSONType(response.Header) && !bytes.HasPrefix(trimmed, []byte("{")) {
		e := fail(NotAWS, "the answer is not JSON")
		e.ContentType = bounded(response.Header.Get("Content-Type"))
		return nil, e
	}
	g, err := parseGrant(body, now.Add(offset))
	if err != nil {
		return nil, fail(Malformed, err.Error())
	}
	lifetime := g.expiration.Sub(now.Add(offset))
	s := &session{credentials: g.credentials, lifetime: lifetime, expires: now.Add(lifetime)}
	s.credentials.Source = sourceName
	return s, nil
}

// check is the preflight. Before the first answer a breach of validity is left to AWS: the clock that tells it may be
// wrong, and AWS's answer brings the time to tell it by.
func (c *caller) check(id *keystore.Identity, now time.Time) *Error {
	warnings, err := Preflight(id, now)
	if e, refused := errors.AsType[*Error](err); refused {
		_, measured := c.clock.offset()
		if measured || e.Kind != Expired && e.Kind != NotYetValid {
			return e
		}
	}
	if c.warned != id.Version {
		c.warned = id.Version
		for _, w := range warnings {
			c.log.Warn("certificate may be refused", "reason", w, "subject", keystore.Subject(id.Leaf), "serial", id.Leaf.SerialNumber.String())
		}
	}
	return nil
}

// reportClock says once that the clock is wrong, and again when that changes.
func (c *caller) reportClock() {
	offset, changed := c.clock.news()
	switch {
	case !changed:
	case offset == 0:
		c.log.Info("clock agrees with aws again")
	default:
		c.config.Counters.Add("clock_skew_corrected", 1)
		c.log.Warn("clock is wrong and corrected for aws", "offset", offset.Round(time.Second), "hint", "set the clock of this host")
	}
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func isTimeout(err error) bool {
	n, found := errors.AsType[net.Error](err)
	return found && n.Timeout()
}
