package aws

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Record is one request that was answered. It holds no secret, no token and no payload.
type Record struct {
	// Time is when it arrived, by the stand-in's clock.
	Time time.Time
	// ID is the answer's x-amzn-RequestId.
	ID string
	// Service and Action are what the request claimed.
	Service, Action string
	// Resource is the topic, queue, role, table or function that the request named.
	Resource string
	// Identity is the ARN of the role's session that signed, "seed", or for CreateSession the certificate's subject; ""
	// if nothing was proved.
	Identity string
	// Status is the answer's; 0 if the connection was dropped.
	Status int
	// Code and Text are the error's, "" of a success.
	Code, Text string
	// Reason says what the answer keeps to itself, for example which part of a signature is wrong.
	Reason string
	// Effect says what happened, for example "published 10"; "" if nothing did. It is there even if the answer was lost.
	Effect string
	// Faults are the kinds of the faults that hit the request.
	Faults []string
	// Duration is how long it took, by the machine's clock.
	Duration time.Duration
}

// requestLog remembers the latest requests.
type requestLog struct {
	most int

	mu      sync.Mutex // guards what follows
	records []Record   // a ring once it holds most
	next    int        // where the oldest is, once it is a ring
	total   int
}

func (l *requestLog) add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if len(l.records) < l.most {
		l.records = append(l.records, r)
		return
	}
	l.records[l.next] = r
	l.next = (l.next + 1) % l.most
}

// Requests are the latest requests in the order in which they were answered, at most [Config.KeepRequests].
func (s *Server) Requests() []Record {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append(append([]Record(nil), s.log.records[s.log.next:]...), s.log.records[:s.log.next]...)
}

// RequestCount is how many requests were answered in all.
func (s *Server) RequestCount() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.total
}

func (s *Server) record(c *call, a *answer, took time.Duration) {
	r := Record{
		Time: c.started, ID: c.id, Service: c.claim.Service, Action: c.claim.Action, Resource: c.claim.Resource,
		Status: a.status, Code: a.code, Text: a.text, Reason: c.reason, Effect: c.effect, Faults: c.faults, Duration: took,
	}
	if c.identity != nil {
		r.Identity = c.identity.arn
	}
	if a.cut == cutAll {
		r.Status = 0
	}
	s.log.add(r)
	s.logger.LogAttrs(c.Context(), slog.LevelDebug, "request answered",
		slog.String("service", r.Service), slog.String("action", r.Action), slog.String("resource", r.Resource),
		slog.String("identity", r.Identity), slog.Int("status", r.Status), slog.String("code", r.Code), slog.String("text", r.Text),
		slog.String("reason", r.Reason), slog.String("effect", r.Effect), slog.String("faults", strings.Join(r.Faults, ",")),
		slog.Duration("duration", took), slog.String("request_id", r.ID))
}
