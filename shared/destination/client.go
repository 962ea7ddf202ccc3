package destination

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

const (
	// lookPause is the least time between two looks while there is no usable identity.
	lookPause = 10 * time.Second
	// lookTimeout bounds one look with all its attempts.
	lookTimeout = 60 * time.Second
	// retryAfterKept is the longest wait the service may ask for between two looks.
	retryAfterKept = time.Minute
)

// Client is a source of identities from one destination. Make one with [New]. Safe for concurrent use.
type Client struct {
	config Config
	log    *slog.Logger
	looks  sync.WaitGroup // the goroutine of a look

	mu       sync.Mutex // guards all below: what is known, and the one look under way
	held     *snapshot  // nil if there is none
	rejected bool       // AWS refused the identity, and no look has succeeded since
	err      error      // of the last look; nil if it succeeded
	looked   time.Time
	next     time.Time // when to look again while the identity is usable
	pause    time.Duration
	flight   *flight
	closed   bool

	memory memory // of the one look under way
}

// snapshot is what one look found: an identity, and the destination's own properties beside it. It never changes.
type snapshot struct {
	identity   *keystore.Identity
	properties map[string]string
}

// equal is true if the other is of the same material and says the same.
func (s *snapshot) equal(other *snapshot) bool {
	return other != nil && s.identity.Version == other.identity.Version && maps.Equal(s.properties, other.properties)
}

// flight is one look that any number of callers wait for. found and err may be read once done is closed.
type flight struct {
	done   chan struct{}
	cancel context.CancelFunc
	found  *snapshot
	err    error
}

// New checks c. No call is made before the first Identity or Run. Close the client when it is no longer used.
func New(c Config) (*Client, error) {
	c, problems := c.complete()
	if problems = append(problems, c.checkSource()...); len(problems) > 0 {
		return nil, fmt.Errorf("configure destination client: %w", errors.Join(problems...))
	}
	return &Client{config: c, log: c.Logger.With(c.attr()), memory: memory{service: newService(c)}}, nil
}

// Identity returns the present identity. While it is usable it comes from memory at once; when the last look is older than
// the interval another one begins beside it. Without a usable one it waits for a look, which goes on if ctx ends; within 10 s
// of the last look it returns what that found. An identity that AWS refused or that is out of its validity is still returned
// if the look finds no other: the clock may be wrong, and the cure may lie at AWS. Errors are [*Error], or ctx's own.
func (c *Client) Identity(ctx context.Context) (*keystore.Identity, error) {
	id, _, err := c.Snapshot(ctx)
	return id, err
}

// Snapshot is Identity with those properties of the destination, from the same answer, whose names begin with "aws.". They
// must not be changed; a certificate by name has none.
func (c *Client) Snapshot(ctx context.Context) (*keystore.Identity, map[string]string, error) {
	f, held, err := c.ask(ctx, time.Now())
	if f != nil {
		select {
		case <-f.done:
			held, err = f.found, f.err
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("wait for the certificate of %s: %w", c.config.called(), context.Cause(ctx))
		}
	}
	if held == nil {
		return nil, nil, err
	}
	return held.identity, held.properties, err
}

// ask returns the look to wait for, or what is known already.
func (c *Client) ask(ctx context.Context, now time.Time) (*flight, *snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, &Error{Kind: Closed, Op: c.config.op(), Name: c.config.named()}
	}
	if c.usable(now) {
		if !now.Before(c.next) {
			c.look(ctx)
		}
		return nil, c.held, nil
	}
	if c.flight == nil && !c.looked.IsZero() && now.Before(c.looked.Add(c.pause)) {
		held, err := c.found()
		return nil, held, err
	}
	return c.look(ctx), nil, nil
}

// usable is true if the identity needs no other look before the interval has passed. c.mu is held.
func (c *Client) usable(now time.Time) bool {
	return c.held != nil && !c.rejected && current(c.held.identity.Leaf, now)
}

// found is what the last look leaves to give: after a success, and of an identity that AWS refused, the identity; else the
// error. c.mu is held.
func (c *Client) found() (*snapshot, error) {
	if c.held != nil && (c.err == nil || current(c.held.identity.Leaf, time.Now())) {
		return c.held, nil
	}
	return nil, c.err
}

// look returns the look under way, and starts it if there is none. It is detached from ctx's end. c.mu is held.
func (c *Client) look(ctx context.Context) *flight {
	if c.flight != nil {
		return c.flight
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	f := &flight{done: make(chan struct{}), cancel: cancel}
	c.flight = f
	c.looks.Go(func() {
		defer cancel()
		c.fly(ctx, f)
	})
	return f
}

// Run looks for a changed certificate at once and then at every interval, until ctx ends.
func (c *Client) Run(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		wait := time.Until(c.next)
		var f *flight
		if wait <= 0 && !c.closed {
			f = c.look(ctx)
		}
		closed := c.closed
		c.mu.Unlock()
		switch {
		case closed:
			return
		case f == nil:
			sleep(ctx, wait)
		default:
			select {
			case <-f.done:
			case <-ctx.Done():
			}
		}
	}
}

// Reject tells that AWS refused the identity of this version, or that properties beside it are of no use. The next Identity looks for another, not sooner than 10 s after
// the last look. Other versions have no effect: they were replaced already.
func (c *Client) Reject(version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil && c.held.identity.Version == version {
		c.rejected = true
	}
}

// Close ends the look under way and waits for it. Afterwards Identity gives an error of kind Closed.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	if c.flight != nil {
		c.flight.cancel()
	}
	c.mu.Unlock()
	c.looks.Wait()
	c.memory.service.close()
}

// spread is d give or take a tenth, so that many instances do not look together.
func spread(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth)
}

// validity is a certificate in an operator's words.
func validity(c *x509.Certificate) string {
	return fmt.Sprintf("the certificate of %q, serial %s, is valid from %s until %s", keystore.Subject(c), c.SerialNumber,
		c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
}
