package rolesanywhere

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// sourceName is what credentials say of where they come from.
const sourceName = "TrustbridgeRolesAnywhere"

const (
	// early is how long before the true end the AWS SDK is told that credentials end: its own cache uses them to the last
	// second, and a request signed then would arrive late.
	early = 60 * time.Second
	// rejectPause is the least time between two sessions that are made because AWS rejected one.
	rejectPause = 10 * time.Second
	// handOutMax is how long credentials are handed out for if other ARNs may take the place of theirs: the AWS SDK's own cache
	// would go on as the old role for the rest of an hour.
	handOutMax = time.Minute
)

// Provider gives temporary credentials to the AWS SDK. Make one with [New]. Safe for concurrent use.
type Provider struct {
	caller *caller
	log    *slog.Logger
	wake   chan struct{} // capacity 1: something changed that run must look at
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended

	// current is the session that Retrieve hands out without a lock; nil if there is none. It is stored under mu.
	current atomic.Pointer[session]

	mu       sync.Mutex // guards all below: what is waited for and when what happens next
	flight   *flight    // the call under way or wanted; nil if there is none
	memory   *memory    // the last failure, while it answers for new calls
	closed   bool
	failures int       // calls failed in a row
	ended    time.Time // when the last call ended
	refresh  time.Time // when the current session is to be replaced; zero if there is none
	changed  time.Time // when to sign in with a changed identity; zero if it did not change
	changes  int       // how often the identity changed
	forced   time.Time // when a rejected session last forced a call
}

// flight is one call that any number of callers wait for. err may be read once done is closed.
type flight struct {
	done chan struct{}
	err  *Error
}

// memory answers calls with an earlier failure until a point in time.
type memory struct {
	err   *Error
	until time.Time
}

var _ aws.CredentialsProvider = (*Provider)(nil)

// New checks c and starts the provider; no call is made before the first Retrieve. Its error joins every [Problem] of c.
// Close the provider when it is no longer used.
func New(c Config) (*Provider, error) {
	u, problems := c.resolve()
	if len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, p := range problems {
			errs[i] = p
		}
		return nil, fmt.Errorf("configure roles anywhere: %w", errors.Join(errs...))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	caller, err := newCaller(c, u)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Provider{
		caller: caller, log: c.Logger, cancel: cancel,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go p.run(ctx)
	return p, nil
}

// Close ends what is under way and waits for it. Afterwards Retrieve gives an error of kind Closed.
func (p *Provider) Close() {
	p.cancel()
	<-p.done
}

// Region is the region of the trust anchor; "" while that is to come from the source and no session was made yet.
func (p *Provider) Region() string {
	if p.caller.fixed != nil {
		return p.caller.fixed.region
	}
	if s := p.current.Load(); s != nil {
		return s.target.region
	}
	return ""
}

// ClockOffset is AWS's time minus ours as last measured, to about two seconds; 0 if they agree or no answer came yet.
func (p *Provider) ClockOffset() time.Duration {
	offset, _ := p.caller.clock.offset()
	return offset
}

// LogValue is the configuration, and until when the present session is valid. It shows no secret.
func (p *Provider) LogValue() slog.Value {
	c, s := p.caller.config, p.current.Load()
	if s != nil {
		c.TrustAnchorARN, c.ProfileARN, c.RoleARN = s.target.anchor, s.target.profile, s.target.role
	}
	attrs := c.LogValue().Group()
	if s != nil {
		attrs = append(attrs, slog.Time("valid_until", s.expires))
	}
	return slog.GroupValue(attrs...)
}

// Retrieve returns credentials at once while any are valid. Else it waits for the one call under way, or starts it, until
// ctx ends; the call goes on without it. What the call failed with is returned as an [*Error], and answers later calls at
// once: a refusal for 10 s, an outage for half a second, growing to 10 s.
//
// The credentials' Expires is 60 s before their true end, on the local clock, but not before now + 1 s and never after the
// true end, and not after now + 1 min if ARNs came from the source, since others may take their place. With the AWS SDK's cache in between, use an expiry window of 0.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for {
		now := time.Now()
		if s := p.current.Load(); s != nil && s.valid(now) {
			if s.expires.Sub(now) < min(early, s.lifetime/5) {
				p.hurry(now)
			}
			return s.handOut(now), nil
		}
		f, err := p.join(now)
		if err != nil {
			return aws.Credentials{}, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return aws.Credentials{}, fmt.Errorf("wait for the sign-in to AWS: %w", context.Cause(ctx))
		}
		if f.err != nil {
			return aws.Credentials{}, f.err
		}
	}
}

// handOut is the credentials with the expiry that the SDK is told.
func (s *session) handOut(now time.Time) aws.Credentials {
	left := s.expires.Sub(now)
	c := s.credentials
	told := min(max(left-early, time.Second), left)
	if s.target.fromSource {
		told = min(told, handOutMax)
	}
	c.Expires = now.Add(told).Round(0)
	return c
}

// join returns the flight to wait for, started if need be, or the remembered failure.
func (p *Provider) join(now time.Time) (*flight, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, p.caller.complete(&Error{Kind: Closed}, prepared{})
	case p.flight == nil && p.memory != nil && now.Before(p.memory.until):
		if s := p.current.Load(); s == nil || !s.valid(now) {
			return nil, p.memory.err
		}
	}
	if s := p.current.Load(); s != nil && s.valid(now) {
		landed := make(chan struct{}) // a session came between the look without the lock and this one
		close(landed)
		return &flight{done: landed}, nil
	}
	return p.want(), nil
}

// want returns the flight under way, or asks run for one. p.mu is held.
func (p *Provider) want() *flight {
	if p.flight == nil {
		p.flight = &flight{done: make(chan struct{})}
		p.nudge()
	}
	return p.flight
}

// hurry makes sure that a call is under way in a session's last minute, but not within a second of the last one.
func (p *Provider) hurry(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.memory != nil && now.Before(p.memory.until) || now.Sub(p.ended) < time.Second {
		return
	}
	p.want()
}

// nudge makes run look again. It never blocks.
func (p *Provider) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// IdentityChanged tells that the source has another identity, or other properties beside it. A remembered refusal is forgotten, and a new session is made
// within a random 0 to 30 s, so that many instances do not call together. What is valid stays in use until then.
func (p *Provider) IdentityChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	p.memory, p.failures = nil, 0
	if p.changed.IsZero() {
		p.changed = time.Now().Add(spread(0, changeSpread))
	}
	p.nudge()
}

// Reject tells that AWS answered the session of this access key id with "expired" or "unknown". It is never handed out
// again, and the next Retrieve waits for a new session; when the new one is rejected too, there is no further one before
// 10 s have passed. Other access key ids have no effect: they were replaced already. A cache of the AWS SDK in between must be
// invalidated by the caller.
func (p *Provider) Reject(accessKeyID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.current.Load()
	if s == nil || s.credentials.AccessKeyID != accessKeyID {
		return
	}
	p.current.Store(nil)
	p.refresh = time.Time{}
	now := time.Now()
	if !p.forced.IsZero() && now.Sub(p.forced) < rejectPause {
		p.memory = &memory{err: p.caller.complete(&Error{Kind: SessionRejected}, prepared{}), until: p.forced.Add(rejectPause)}
		return
	}
	p.forced = now
	p.log.Warn("session was rejected by aws", "hint", "someone may have revoked the role's sessions")
	p.want()
}
