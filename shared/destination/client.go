package destination

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/shared/binding"
	"github.com/trustbridge/trustbridge/shared/keystore"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

const (
	// lookPause is the least time between two looks while there is no usable identity.
	lookPause = 10 * time.Second
	// lookTimeout bounds one look with all its attempts.
	lookTimeout = 60 * time.Second
	// retryAfterKept is the longest wait the service may ask for between two looks.
	retryAfterKept = time.Minute

	defaultConnect  = 2 * time.Second
	defaultCall     = 30 * time.Second
	defaultInterval = 5 * time.Minute
)

// Doer sends requests, as *http.Client does. Redirects must not be followed: of an *http.Client the transport alone is used, and
// none is followed.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// Config is what a [Client] needs. It holds no secret.
type Config struct {
	// Binding gives the service binding; required. It is asked at first, after a 401 and when the last look failed, so that a
	// rotated binding is seen. *binding.Error is passed on with its own sentence.
	Binding func() (*binding.Binding, error)
	// Name is the destination's name; required.
	Name string
	// HTTPClient sends the requests; nil means one of our own, with the proxy of the environment and the system's roots.
	HTTPClient Doer
	// ConnectTimeout is for a connection of our own HTTPClient; 0 means 2 s.
	ConnectTimeout time.Duration
	// CallTimeout is for one request and its answer; 0 means 30 s.
	CallTimeout time.Duration
	// Interval lies between two looks while the identity is usable, give or take a tenth; 0 means 5 min. SAP asks to keep answers
	// for 3 to 5 min.
	Interval time.Duration
	// Logger takes changes and warnings; nil logs nothing.
	Logger *slog.Logger
	// Counters counts looks, failures and changes; nil counts nothing.
	Counters *telemetry.Counters
	// OnChange is told the version of an identity that takes the place of an earlier one, after it has; nil tells nobody. It is
	// called from the look's goroutine and must not wait for Identity.
	OnChange func(version string)
}

// LogValue is the configuration.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("destination", c.Name), slog.Duration("interval", c.Interval))
}

// Client is a source of identities from one destination. Make one with [New]. Safe for concurrent use.
type Client struct {
	config Config
	http   Doer
	log    *slog.Logger
	looks  sync.WaitGroup // the goroutine of a look

	mu       sync.Mutex // guards all below: what is known, and the one look under way
	identity *keystore.Identity
	rejected bool  // AWS refused the identity, and no look has succeeded since
	err      error // of the last look; nil if it succeeded
	looked   time.Time
	next     time.Time // when to look again while the identity is usable
	pause    time.Duration
	flight   *flight
	closed   bool

	memory memory // of the one look under way
}

// flight is one look that any number of callers wait for. identity and err may be read once done is closed.
type flight struct {
	done     chan struct{}
	cancel   context.CancelFunc
	identity *keystore.Identity
	err      error
}

// New checks c. No call is made before the first Identity or Run. Close the client when it is no longer used.
func New(c Config) (*Client, error) {
	var problems []error
	if c.Binding == nil {
		problems = append(problems, errors.New("the field Binding is missing"))
	}
	switch {
	case c.Name == "":
		problems = append(problems, errors.New("the field Name, the destination's name, is missing"))
	case len(findPath+escapeName(c.Name)) > pathMaxLength:
		problems = append(problems, fmt.Errorf("the field Name has %d characters, which is more than the service takes", len(c.Name)))
	}
	if c.ConnectTimeout < 0 || c.CallTimeout < 0 || c.Interval < 0 {
		problems = append(problems, errors.New("the fields ConnectTimeout, CallTimeout and Interval must not be negative"))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("configure destination client: %w", errors.Join(problems...))
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.ConnectTimeout, defaultConnect)
	set(&c.CallTimeout, defaultCall)
	set(&c.Interval, defaultInterval)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Client{config: c, http: ownClient(c), log: c.Logger}, nil
}

// ownClient follows no redirects: a token must not reach another host.
func ownClient(c Config) Doer {
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	switch given := c.HTTPClient.(type) {
	case nil:
		return &http.Client{CheckRedirect: refuse, Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: c.ConnectTimeout}).DialContext,
			TLSHandshakeTimeout: 2 * c.ConnectTimeout,
			ForceAttemptHTTP2:   true,
			IdleConnTimeout:     15 * time.Second, // looks are minutes apart: nothing is gained by holding on
		}}
	case *http.Client:
		return &http.Client{Transport: given.Transport, Timeout: given.Timeout, CheckRedirect: refuse}
	default:
		return given
	}
}

// Identity returns the present identity. While it is usable it comes from memory at once; when the last look is older than
// the interval another one begins beside it. Without a usable one it waits for a look, which goes on if ctx ends; within 10 s
// of the last look it returns what that found. An identity that AWS refused or that is out of its validity is still returned
// if the look finds no other: the clock may be wrong, and the cure may lie at AWS. Errors are [*Error], or ctx's own.
func (c *Client) Identity(ctx context.Context) (*keystore.Identity, error) {
	f, id, err := c.ask(ctx, time.Now())
	if f == nil {
		return id, err
	}
	select {
	case <-f.done:
		return f.identity, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the certificate of destination %q: %w", c.config.Name, context.Cause(ctx))
	}
}

// ask returns the look to wait for, or what is known already.
func (c *Client) ask(ctx context.Context, now time.Time) (*flight, *keystore.Identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, &Error{Kind: Closed, Op: "find destination", Name: c.config.Name}
	}
	if c.usable(now) {
		if !now.Before(c.next) {
			c.look(ctx)
		}
		return nil, c.identity, nil
	}
	if c.flight == nil && !c.looked.IsZero() && now.Before(c.looked.Add(c.pause)) {
		id, err := c.found()
		return nil, id, err
	}
	return c.look(ctx), nil, nil
}

// usable is true if the identity needs no other look before the interval has passed. c.mu is held.
func (c *Client) usable(now time.Time) bool {
	return c.identity != nil && !c.rejected && current(c.identity.Leaf, now)
}

// found is what the last look leaves to give: after a success, and of an identity that AWS refused, the identity; else the
// error. c.mu is held.
func (c *Client) found() (*keystore.Identity, error) {
	if c.identity != nil && (c.err == nil || current(c.identity.Leaf, time.Now())) {
		return c.identity, nil
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

// Reject tells that AWS refused the identity of this version. The next Identity looks for another, not sooner than 10 s after
// the last look. Other versions have no effect: they were replaced already.
func (c *Client) Reject(version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.identity != nil && c.identity.Version == version {
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
