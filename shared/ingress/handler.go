package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// Forwarder takes events on their way; it is [forward.Forwarder].
type Forwarder interface {
	// Forward returns when each event has its verdict: the result is aligned with events and has as many elements, nil
	// meaning accepted. It ends soon after ctx does, with an error for each event whose acceptance was not proven. trace
	// is the traceparent of the request, "" if it had none. Forward is called by many goroutines at once, never with no
	// events, and may keep the events.
	Forward(ctx context.Context, events []event.Event, trace string) []error
}

// Caller is a [Forwarder] whose target may answer; [forward.Forwarder] is one. The one event of a request goes by Call, and
// the answer back to its sender; the events of a batch request go by Forward.
type Caller interface {
	Forwarder
	// Call returns the target's answer to the event, the zero Reply if it gave none, or the error that Forward would.
	Call(ctx context.Context, e *event.Event, trace string) (forward.Reply, error)
}

// Unwrap says what becomes of a body in which Event Hub wraps the data: {"data":…,"header":…}.
type Unwrap string

// The values of EVENT_HUB_UNWRAP. A body is looked at only in binary mode, if the extension sapconsumertenant is there.
const (
	// UnwrapAuto unwraps a body if all its other members can become extensions. It is the meaning of "" too.
	UnwrapAuto Unwrap = "auto"
	// UnwrapAlways unwraps every body that has data; members that cannot become extensions are dropped and counted.
	UnwrapAlways Unwrap = "always"
	// UnwrapNever takes every body for the data.
	UnwrapNever Unwrap = "never"
)

// Config is what a [Handler] needs. Only Forwarder is required.
type Config struct {
	// Forwarder takes the events.
	Forwarder Forwarder
	// MaxEventBytes is the largest event: of a structured one its JSON, of a binary one its body and ce- headers. 0 means
	// 1 MiB.
	MaxEventBytes int64
	// MaxBodyBytes is the largest body of a batch request. 0 means 4 MiB.
	MaxBodyBytes int64
	// MaxBatchEvents is the largest number of events in a batch request. 0 means 100.
	MaxBatchEvents int
	// RequestTimeout is how long a sender waits. The request is answered a second earlier. 0 means 25 s.
	RequestTimeout time.Duration
	// SuccessStatus answers a request whose events were all accepted: 200, 202 or 204, without a body. 0 means 204.
	SuccessStatus int
	// Strict switches every leniency off. DefaultSource and EventHubUnwrap then have no effect.
	Strict bool
	// DefaultSource stands for a source that is the empty string. "" means that such an event is refused. It is judged
	// as a received source is: see cloudevent.ParseSource.
	DefaultSource string
	// EventHubUnwrap is [UnwrapAuto] if "".
	EventHubUnwrap Unwrap
	// PlainType and PlainSource are type and source of the event that a POST without any mark of CloudEvents becomes. ""
	// means that such a request is refused.
	PlainType, PlainSource string
	// Authenticator decides who may send. nil lets everyone in.
	Authenticator Authenticator
	// WebhookOrigins are the origins that a webhook handshake is granted to, compared exactly but without regard to the case
	// of A to Z. None means that every handshake is refused. There is no wildcard: a star is an origin like any other.
	WebhookOrigins []string
	// Logger gets one line an outcome that is not a success. nil means no log.
	Logger *slog.Logger
	// Counters counts requests, events, outcomes and repairs. nil counts nothing.
	Counters *telemetry.Counters
}

// answerTime is what remains of a sender's patience when it is answered: 1 s, for the answer to reach it.
const answerTime = time.Second

// Handler is the http.Handler of [New]. It may serve many requests at once.
type Handler struct {
	forwarder      Forwarder
	caller         Caller // the forwarder, if it passes answers back; else nil
	authenticator  Authenticator
	webhookOrigins map[string]struct{} // in small letters
	decoder        decoder
	maxBodyBytes   int64
	maxBatch       int
	timeout        time.Duration
	successStatus  int
	logger         *slog.Logger
	counters       *telemetry.Counters
	repaired       telemetry.Once
	granted        telemetry.Once // origins
	refused        telemetry.Once // apart, so that strangers cannot use up the room of those we know
}

// New makes a Handler. It does not check the configuration, which the runtime has done with the variables' names.
func New(c Config) *Handler {
	h := &Handler{
		forwarder:      c.Forwarder,
		authenticator:  c.Authenticator,
		webhookOrigins: make(map[string]struct{}, len(c.WebhookOrigins)),
		decoder: decoder{
			strict:        c.Strict,
			defaultSource: c.DefaultSource,
			unwrap:        c.EventHubUnwrap,
			maxBytes:      c.MaxEventBytes,
			plainType:     c.PlainType,
			plainSource:   c.PlainSource,
		},
		maxBodyBytes:  c.MaxBodyBytes,
		maxBatch:      c.MaxBatchEvents,
		timeout:       c.RequestTimeout,
		successStatus: c.SuccessStatus,
		logger:        c.Logger,
		counters:      c.Counters,
	}
	if h.decoder.maxBytes == 0 {
		h.decoder.maxBytes = 1 << 20
	}
	if h.maxBodyBytes == 0 {
		h.maxBodyBytes = 4 << 20
	}
	if h.maxBatch == 0 {
		h.maxBatch = 100
	}
	if h.timeout == 0 {
		h.timeout = 25 * time.Second
	}
	for _, origin := range c.WebhookOrigins {
		h.webhookOrigins[lowerASCII(origin)] = struct{}{}
	}
	h.caller, _ = c.Forwarder.(Caller)
	// A patience of less than two seconds is shared equally, so that there is always time for both.
	h.timeout = max(h.timeout-answerTime, h.timeout/2)
	if h.successStatus == 0 {
		h.successStatus = http.StatusNoContent
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	return h
}

// ServeHTTP takes one request: authenticates, reads, decodes, forwards, reports, answers; or answers a webhook handshake.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.counters.Add(countRequests, 1)
	ctx, cancel := context.WithTimeout(r.Context(), h.timeout)
	defer cancel()
	if isHandshake(r) {
		h.handshake(ctx, w, r)
		return
	}
	// Another method gets its constant answer from receive: checking a password for it would be wasted.
	if r.Method != http.MethodPost {
		leaveBody(w, r)
	} else if !h.admit(ctx, w, r) {
		return
	}
	m, arrivals, err := h.receive(ctx, w, r)
	if err != nil {
		h.reportRequest(ctx, r, err)
		h.answerRequest(w, err)
		return
	}
	if trace := traceparent(r.Header); m != batchMode && h.caller != nil {
		h.call(ctx, &arrivals[0], trace)
	} else {
		h.forward(ctx, arrivals, trace)
	}
	h.report(ctx, r, arrivals)
	if m == batchMode {
		h.answerBatch(w, arrivals)
		return
	}
	h.answerEvent(w, &arrivals[0])
}

// receive reads the request as far as needed to judge it. An error is the verdict on the request as a whole.
func (h *Handler) receive(ctx context.Context, w http.ResponseWriter, r *http.Request) (mode, []arrival, error) {
	m, refused := h.decoder.mode(r)
	if refused != nil {
		return m, nil, refused.invalid()
	}
	limit, tooLarge := h.decoder.maxBytes, eventTooLarge
	if m == batchMode {
		limit, tooLarge = h.maxBodyBytes, batchTooLarge
	}
	body, err := readBody(ctx, w, r, limit)
	if errors.Is(err, forward.ErrTooLarge) {
		return m, nil, tooLarge(limit).invalid()
	}
	if err != nil {
		return m, nil, err
	}
	arrivals, refused := h.decode(m, r.Header, body)
	if refused != nil {
		return m, nil, refused.invalid()
	}
	return m, arrivals, nil
}

// decode makes events of a body. A refusal says that there is none in it to judge by itself.
func (h *Handler) decode(m mode, header http.Header, body []byte) ([]arrival, *refusal) {
	switch m {
	case batchMode:
		return h.decoder.batch(body, h.maxBatch)
	case binaryMode:
		return []arrival{h.decoder.binary(header, body)}, nil
	case structuredMode:
		return []arrival{h.decoder.structured(body)}, nil
	case plainMode:
		return []arrival{h.decoder.plain(header, body)}, nil
	case maybeMode:
	}
	a, refused := h.decoder.maybe(header, body)
	return []arrival{a}, refused
}

// call sends the one event of a request on its way and keeps the target's answer.
func (h *Handler) call(ctx context.Context, a *arrival, trace string) {
	if a.err == nil {
		a.reply, a.err = h.caller.Call(ctx, &a.event, trace)
	}
}

// forward sends the arrivals that could be decoded on their way and gives each its verdict.
func (h *Handler) forward(ctx context.Context, arrivals []arrival, trace string) {
	events := make([]event.Event, 0, len(arrivals))
	for i := range arrivals {
		if arrivals[i].err == nil {
			events = append(events, arrivals[i].event)
		}
	}
	if len(events) == 0 {
		return
	}
	errs := h.forwarder.Forward(ctx, events, trace)
	if len(errs) != len(events) {
		err := &forward.Error{Op: "forward", Kind: forward.Unavailable, Err: fmt.Errorf(
			"the forwarder gave %d verdicts on %d events, so none is proven; this is a bug of the bridge", len(errs), len(events))}
		h.logger.LogAttrs(ctx, slog.LevelError, "the forwarder broke its contract", slog.Int("events", len(events)), slog.Int("verdicts", len(errs)))
		errs = make([]error, len(events))
		for i := range errs {
			errs[i] = err
		}
	}
	at := 0
	for i := range arrivals {
		if arrivals[i].err == nil {
			arrivals[i].err = errs[at]
			at++
		}
	}
}
