package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/sigv4"
)

const (
	// bodyBytesMax is above the largest request that any service takes.
	bodyBytesMax = 17 << 20

	defaultClockWindow = 10 * time.Minute
)

// Config is what a stand-in is, each field with a default.
type Config struct {
	// Account is the twelve digits of the only account; "" means 111122223333.
	Account string
	// Region is the only region; "" means eu-central-1.
	Region string
	// Partition is the one of all ARNs; "" means aws.
	Partition string
	// Logger gets one line a request at Debug; nil means no log.
	Logger *slog.Logger
	// ClockWindow is how far the date of a CreateSession may be from now; 0 means 10 minutes, as observed. The window of
	// the other services is 5 minutes.
	ClockWindow time.Duration
	// SessionsPerSecond is the rate of CreateSession above which it is throttled, 10 at AWS; 0 means no limit.
	SessionsPerSecond int
	// RequireClientAuth refuses a certificate whose extended key usage lacks client authentication. Whether AWS does is
	// not documented.
	RequireClientAuth bool
	// KeepRequests is how many requests [Server.Requests] remembers; 0 means 10,000.
	KeepRequests int
}

// Server is a stand-in. All methods may be called from many goroutines.
type Server struct {
	config   Config
	logger   *slog.Logger
	offset   atomic.Int64 // nanoseconds that the stand-in's clock is ahead
	verifier sigv4.Verifier

	mu            sync.RWMutex // guards the maps and what their values point to, and closed
	anchors       map[string]*anchor
	profiles      map[string]*profile
	roles         map[string]*role
	topics        map[string]*topic
	subscriptions map[string]*subscription // :: subscription ARN → subscription
	queues        map[string]*sqsQueue
	functions     map[string]*function
	alarms        map[string]alarmProperties
	closed        bool

	tables dynamodb.Store
	keys   keyring
	rate   rate
	faults faults
	log    requestLog

	done    chan struct{} // closed by Close
	workers sync.WaitGroup
}

// New makes a stand-in without any resources. It starts no goroutine; each subscription starts one.
func New(c Config) *Server {
	if c.Account == "" {
		c.Account = "111122223333"
	}
	if c.Region == "" {
		c.Region = "eu-central-1"
	}
	if c.Partition == "" {
		c.Partition = "aws"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ClockWindow == 0 {
		c.ClockWindow = defaultClockWindow
	}
	if c.KeepRequests == 0 {
		c.KeepRequests = 10_000
	}
	s := &Server{
		config:        c,
		logger:        c.Logger,
		anchors:       make(map[string]*anchor),
		profiles:      make(map[string]*profile),
		roles:         make(map[string]*role),
		topics:        make(map[string]*topic),
		subscriptions: make(map[string]*subscription),
		queues:        make(map[string]*sqsQueue),
		done:          make(chan struct{}),
	}
	s.log.most = c.KeepRequests
	s.keys.init()
	s.verifier = sigv4.Verifier{Region: c.Region, Global: map[string]string{serviceIAM: iamRegion}, Lookup: s.keys.lookup}
	return s
}

// Close stops all deliveries and functions and waits for their goroutines and children; notifications not yet delivered and
// events not yet run are lost, and receivers that wait for a message get none. Requests that are under way belong to the
// listener: stop it first. Later requests are answered 503. A second Close does nothing. The error is always nil; it makes
// the stand-in an [io.Closer].
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		for _, q := range s.queues {
			q.Close()
		}
	}
	s.mu.Unlock()
	s.closeFunctions()
	s.workers.Wait()
	return nil
}

// SetClockOffset moves the stand-in's clock that far ahead of the machine's, back if negative. Checks of dates, expiry and
// the Date header follow it.
func (s *Server) SetClockOffset(d time.Duration) { s.offset.Store(int64(d)) }

func (s *Server) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// call is one request on its way through the stand-in. It belongs to the request's goroutine.
type call struct {
	*http.Request
	id       string
	started  time.Time
	body     []byte
	form     form      // of the query protocol
	tree     any       // of DynamoDB's JSON, once claimed
	treeErr  error     // why tree cannot be read
	claim    Call      // what the request says it is
	service  string    // proved, "" before
	identity *identity // proved, nil before
	effect   string
	reason   string // why it was refused, for the log
	faults   []string
}

// ServeHTTP answers one request: faults before the effect, body, signature, permission, service, faults after the effect.
// The body is read first of all, since faults match what it says.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, id: uuid.NewString(), started: s.now()}
	local := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyBytesMax+1))
	if err != nil {
		// The client went away or broke the transfer: nobody is there to be answered.
		panic(http.ErrAbortHandler)
	}
	c.body = body
	if !s.claimInvocation(c) {
		c.readClaim()
	}
	a := s.before(c)
	if a == nil {
		a = s.after(c, s.answer(c))
	}
	s.record(c, a, time.Since(local))
	s.write(w, c, a)
}

// answer lets the service that the signature proves answer.
func (s *Server) answer(c *call) *answer {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return s.refuse(c, &refusal{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", text: "stand-in: it is closed"})
	case len(c.body) > bodyBytesMax:
		return s.refuse(c, &refusal{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge",
			text: fmt.Sprintf("stand-in: the body has more than %d bytes", bodyBytesMax)})
	case c.claim.Service == serviceRolesAnywhere && c.claim.Action == "CreateSession":
		return s.rolesAnywhere(c)
	}
	a, err := s.verifier.Verify(c.Request, c.body, c.started)
	if err != nil {
		return s.refuse(c, signatureRefusal(c, err))
	}
	c.service = a.Service
	c.identity = s.keys.identity(a.Key)
	if c.identity == nil {
		return s.refuse(c, signatureRefusal(c, &sigv4.Refusal{Kind: sigv4.UnknownKey, Rule: "the session was revoked",
			Text: "The security token included in the request is invalid."}))
	}
	switch c.service {
	case serviceSNS:
		return s.sns(c)
	case serviceSQS:
		return s.sqs(c)
	case serviceLambda:
		return s.lambda(c)
	case serviceDynamoDB:
		return s.dynamoDB(c)
	case serviceSTS:
		return s.sts(c)
	case serviceRolesAnywhere:
		return s.trustControl(c)
	case serviceIAM:
		return s.iam(c)
	case serviceCloudWatch:
		return s.cloudWatch(c)
	}
	return s.refuse(c, &refusal{status: http.StatusForbidden, code: "SignatureDoesNotMatch",
		text: "stand-in: Credential should be scoped to a service that is here"})
}

// write sends an answer, whole or broken as a fault says.
func (s *Server) write(w http.ResponseWriter, c *call, a *answer) {
	if a.cut == cutAll {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	maps.Copy(h, a.header)
	h.Set("X-Amzn-Requestid", c.id)
	h.Set("Date", s.now().UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	if a.cut == cutHalf {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	// A client that is gone does not undo the effect; the log of requests has it already.
	_, _ = w.Write(a.body)
}

// pause waits, unless the client leaves or the stand-in closes.
func (s *Server) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return errors.New("the stand-in is closed")
	}
}

// identity is who signed a request.
type identity struct {
	arn  string // of the role's session, or "seed"
	seed bool
	session
}

// authorize decides whether the caller may do action on a resource. The text of a refusal is the one users report.
func (s *Server) authorize(c *call, action, resource string) *refusal {
	return s.authorizeWith(c, action, resource, nil)
}

// authorizeWith is authorize with the service's own condition keys.
func (s *Server) authorizeWith(c *call, action, resource string, keys map[string][]string) *refusal {
	if c.identity.seed {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	ends := fmt.Sprintf("because no identity-based policy allows the %s action", action)
	verdict := policy.Silent
	if r := s.roles[c.identity.roleARN]; r != nil {
		request := policy.Request{Action: action, Resource: resource, Keys: s.conditionKeys(c)}
		for name, values := range keys {
			request.Keys.Set(name, values...)
		}
		verdict = r.evaluate(request)
		if verdict == policy.Deny {
			ends = "with an explicit deny in an identity-based policy"
		}
		if boundary := c.identity.boundary; verdict == policy.Allow && boundary != nil {
			verdict = boundary.Evaluate(request)
			if verdict == policy.Deny {
				ends = "with an explicit deny in a session policy"
			} else {
				ends = fmt.Sprintf("because no session policy allows the %s action", action)
			}
		}
	}
	if verdict == policy.Allow {
		return nil
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", c.identity.arn, action, resource, ends)
	return denied(c.service, text)
}
