package senders

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Options are what every sender needs beside its files.
type Options struct {
	// Client sends; required. Its timeout does not count as the sender's.
	Client *http.Client
	// Token gets the token that Event Hub presents, one that IAS issued for the application; nil presents none.
	Token func(ctx context.Context) (string, error)
	// Wrapped makes Event Hub's bodies {"data":…,"<extension>":…}, as CAP publishes; else the body is the data, and extensions are headers.
	Wrapped bool
	// ConsumerTenant is Event Hub's ce-sapconsumertenant; "" means a fixed id.
	ConsumerTenant string
	// Unverified are habits that nothing confirms.
	Unverified Unverified
}

// Unverified are the habits that neither documentation nor source says. Zero values are guesses on the careful side.
type Unverified struct {
	// WebhookTimeout is how long Event Mesh and Event Hub wait for an answer; 0 means 30 s. Unverified.
	WebhookTimeout time.Duration
	// RetryGrowth is the factor between the pauses of Event Mesh, from 15 minutes up to a day; 0 means 2. Only the first and the last
	// pause are documented.
	RetryGrowth int
	// Origin is what Event Mesh sends as WebHook-Request-Origin; "" means eventmesh.standin.example. Unverified.
	Origin string
	// EventHubPause and EventHubDeliveries are Event Hub's repetition; 0 means 1 minute, and 10 in all. Unverified.
	EventHubPause      time.Duration
	EventHubDeliveries int
	// EventHubTakes204 makes 204 a success for Event Hub too; its own receiver answers 200. Unverified.
	EventHubTakes204 bool
}

// Sender delivers events as one of SAP's senders does. Make it with NewEventMesh, NewCAP, NewAdvancedEventMesh, NewEventHub or NewKyma.
// Safe for concurrent use; each call of Deliver has a queue of its own.
type Sender struct {
	kind, subscription, queue string
	client                    *http.Client
	habits                    habits
	// begin is what comes before the first event; nil means nothing.
	begin func(ctx context.Context) error
	// request makes one delivery of an event, or says why there is none.
	request func(ctx context.Context, e Event) (*http.Request, error)
	// screen tells whether the broker takes an event, and whether the subscription is for it.
	screen func(e Event) (Outcome, string)
}

// habits are how a sender delivers.
type habits struct {
	// parallel is how many events may be unanswered or waiting for their repetition; a further one waits.
	parallel int
	// timeout ends a request; 0 never.
	timeout time.Duration
	// duplicateAfter sends the event again beside a request that has not been answered; 0 never.
	duplicateAfter time.Duration
	// pause is the time until the next delivery, by the number of failures.
	pause func(failures int) time.Duration
	// deliveries is how often an event is sent in all; 0 means without limit.
	deliveries int
	success    func(status int) bool
}

// twoHundreds is what most senders take for success.
func twoHundreds(status int) bool { return status >= 200 && status < 300 }

// Deliver delivers events in order, as many at a time as the sender does, and returns when each was accepted or given up and no
// request is left, or when ctx ends. The error is of what comes before the first event: a handshake that was refused is a
// *HandshakeError. What was not delivered is in the report, not in the error.
func (s *Sender) Deliver(ctx context.Context, events ...Event) (*Report, error) {
	report := &Report{Sender: s.kind, Subscription: s.subscription, Queue: s.queue, Deliveries: make([]Delivery, len(events))}
	for i, e := range events {
		d := &report.Deliveries[i]
		d.Event = e
		if e.ID == "" || e.Source == "" || e.Type == "" || e.Data != nil && !json.Valid(e.Data) {
			return nil, fmt.Errorf("deliver event %d by %s: it needs id, source and type, and JSON as data", i, s.kind)
		}
		d.Outcome, d.Reason = s.screen(e)
	}
	if s.begin != nil {
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
	}
	slots := make(chan struct{}, s.habits.parallel)
	var all sync.WaitGroup
	defer all.Wait()
	for i := range report.Deliveries {
		d := &report.Deliveries[i]
		if d.Outcome != Pending {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return report, nil
		}
		all.Go(func() { s.deliver(ctx, d, func() { <-slots }) })
	}
	all.Wait()
	return report, nil
}

// deliver sends one event until it is settled, calls settled once, and returns when its requests have ended.
func (s *Sender) deliver(ctx context.Context, d *Delivery, settled func()) {
	var mu sync.Mutex // guards d.Attempts
	var running sync.WaitGroup
	defer running.Wait()
	defer settled()
	answers, over := make(chan Attempt), make(chan struct{})
	defer close(over)
	for n := 1; ; n++ {
		running.Go(func() {
			a := s.attempt(ctx, d.Event)
			mu.Lock()
			d.Attempts = append(d.Attempts, a)
			mu.Unlock()
			select {
			case answers <- a:
			case <-over:
			}
		})
		if done := s.await(ctx, d, n, answers); done {
			return
		}
	}
}

// await waits for what ends the nth delivery: success, the pause after a failure, or the time after which a duplicate is sent. done
// means that the event is settled.
func (s *Sender) await(ctx context.Context, d *Delivery, n int, answers <-chan Attempt) (done bool) {
	timer := time.NewTimer(s.habits.duplicateAfter)
	defer timer.Stop()
	if s.habits.duplicateAfter == 0 {
		timer.Stop()
	}
	last := s.habits.deliveries > 0 && n >= s.habits.deliveries
	for {
		select {
		case a := <-answers:
			if a.Accepted {
				d.Outcome = Delivered
				return true
			}
			if last {
				d.Outcome, d.Reason = Lost, fmt.Sprintf("given up after %d deliveries", n)
				return true
			}
			timer.Reset(s.habits.pause(n))
		case <-timer.C:
			if last {
				d.Outcome, d.Reason = Lost, fmt.Sprintf("given up after %d deliveries, the last without an answer", n)
			}
			return last
		case <-ctx.Done():
			return true // pending
		}
	}
}

// answerMax bounds what is read of an answer.
const answerMax = 64 << 10

// attempt sends one request.
func (s *Sender) attempt(ctx context.Context, e Event) Attempt {
	a := Attempt{Start: time.Now()}
	if s.habits.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.habits.timeout)
		defer cancel()
	}
	a.Status, a.Err = s.send(ctx, e)
	a.Accepted = a.Err == nil && s.habits.success(a.Status)
	a.Duration = time.Since(a.Start)
	return a
}

func (s *Sender) send(ctx context.Context, e Event) (int, error) {
	r, err := s.request(ctx, e)
	if err != nil {
		return 0, err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, answerMax))
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// post is a request with a body.
func post(ctx context.Context, url, contentType string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	return r, nil
}

// messageMax is how large a message may be for Event Mesh and Event Hub.
// Source: https://github.com/SAP-docs/btp-integration-suite (Event Mesh: 1 MB); https://github.com/cap-js/event-broker.
const messageMax = 1 << 20

func tooLarge(body []byte) (Outcome, string) {
	if len(body) > messageMax {
		return Refused, fmt.Sprintf("the message has %d bytes, the broker takes %d", len(body), messageMax)
	}
	return Pending, ""
}
