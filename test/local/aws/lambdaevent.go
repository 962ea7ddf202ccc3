package aws

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/lambda"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

// What becomes of an Event whose function fails: it runs again after the first and after the second of the waits; and one
// that has waited too long for its function is given up.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
const (
	eventAttempts  = 3
	eventFirstWait = time.Minute
	eventNextWait  = 2 * time.Minute
	eventAgeMax    = 6 * time.Hour

	eventsMax = 200_000 // that wait; a caller is told 429 above
)

// queuedEvent is an invocation that was accepted and is still to run.
type queuedEvent struct {
	lambda.Invocation
	version  string
	run      *lambda.Function
	accepted time.Time // by the stand-in's clock
	attempts int       // so far
	due      time.Time // by this machine's
}

// eventQueue holds the events of a function that wait.
type eventQueue struct {
	wake chan struct{} // holds one value when there is something new

	mu    sync.Mutex     // guards what follows
	ready []*queuedEvent // in the order in which they came
	later []*queuedEvent // retries, the first due first
}

func (q *eventQueue) init() { q.wake = make(chan struct{}, 1) }

// add takes a new event; false if too many wait.
func (q *eventQueue) add(e *queuedEvent) bool {
	q.mu.Lock()
	full := len(q.ready)+len(q.later) >= eventsMax
	if !full {
		q.ready = append(q.ready, e)
	}
	q.mu.Unlock()
	q.notify()
	return !full
}

// retry takes an event again, for later.
func (q *eventQueue) retry(e *queuedEvent, wait time.Duration) {
	e.due = time.Now().Add(wait)
	q.mu.Lock()
	at, _ := slices.BinarySearchFunc(q.later, e, func(a, b *queuedEvent) int { return a.due.Compare(b.due) })
	q.later = slices.Insert(q.later, at, e)
	q.mu.Unlock()
	q.notify()
}

func (q *eventQueue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next is the event to run now, or nil and how long until one is due, negative if none is.
func (q *eventQueue) next() (*queuedEvent, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := time.Duration(-1)
	if len(q.later) > 0 {
		if wait = max(0, time.Until(q.later[0].due)); wait == 0 {
			e := q.later[0]
			q.later = q.later[1:]
			return e, 0
		}
	}
	if len(q.ready) > 0 {
		e := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		return e, 0
	}
	return nil, wait
}

// runEvents is the goroutine of a function's events. Each runs in a goroutine of its own, as many at once as the function's
// concurrency leaves room for.
func (s *Server) runEvents(f *function) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e, wait := f.events.next()
		if e == nil {
			if wait < 0 {
				wait = time.Hour
			}
			timer.Reset(wait)
			select {
			case <-f.events.wake:
			case <-timer.C:
			case <-f.gone:
				return
			case <-s.done:
				return
			}
			continue
		}
		select {
		case f.slots <- struct{}{}:
			s.workers.Go(func() {
				defer func() { <-f.slots }()
				s.runEvent(f, e)
			})
		case <-f.gone:
			return
		case <-s.done:
			return
		}
	}
}

// runEvent runs an event once and decides what becomes of it.
func (s *Server) runEvent(f *function, e *queuedEvent) {
	if s.now().Sub(e.accepted) > eventAgeMax {
		s.giveUp(f, e, "EventAgeExceeded", lambda.Outcome{})
		return
	}
	out, err := e.run.Invoke(e.Invocation)
	if err != nil {
		return // the function is closed and its events with it
	}
	e.attempts++
	f.runs.add(s.ran(e.Invocation, out, invocationEvent, e.version, e.attempts))
	switch {
	case !out.Failed():
	case e.attempts == 1:
		f.events.retry(e, eventFirstWait)
	case e.attempts < eventAttempts:
		f.events.retry(e, eventNextWait)
	default:
		s.giveUp(f, e, "RetriesExhausted", out)
	}
}

// failedEvent is what a destination gets.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type failedEvent struct {
	Version         string          `json:"version"`
	Timestamp       string          `json:"timestamp"`
	RequestContext  failedRequest   `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponseContext *failedResponse `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage `json:"responsePayload,omitempty"`
}

type failedRequest struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type failedResponse struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// giveUp sends an event to the function's destination. Without one it is lost, as at AWS.
func (s *Server) giveUp(f *function, e *queuedEvent, condition string, out lambda.Outcome) {
	arn := e.ARN
	if arn == f.arn {
		arn += ":" + latestVersion
	}
	now := s.now()
	record := failedEvent{
		Version: "1.0", Timestamp: now.UTC().Format(timestampFormat), RequestPayload: e.Payload,
		RequestContext: failedRequest{RequestID: e.RequestID, FunctionARN: arn, Condition: condition, ApproximateInvokeCount: e.attempts},
	}
	if out.Failed() {
		record.ResponseContext = &failedResponse{StatusCode: 200, ExecutedVersion: e.version, FunctionError: "Unhandled"}
		if json.Valid(out.Payload) {
			record.ResponsePayload = out.Payload
		}
	}
	q := s.destination(f, e.ARN)
	body := string(marshalJSON(record))
	if q == nil || len(body) > q.messageBytes() {
		s.logger.Warn("event lost", slog.String("function", f.arn), slog.String("request_id", e.RequestID), slog.String("condition", condition))
		return
	}
	q.Send(queue.Message{ID: uuid.NewString(), Body: body, SenderID: "lambda.amazonaws.com", Sent: now}, -1)
}
