package ingress

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// The counters, beside those of repair.go.
const (
	countRequests        = "requests_received"
	countRequestsRefused = "requests_refused"
	countEvents          = "events_received"
	countAccepted        = "events_accepted"
	countInvalid         = "events_refused_invalid"
	countDenied          = "events_refused_denied"
	countThrottled       = "events_refused_throttled"
	countUnavailable     = "events_refused_unavailable"
	countUnwrapDropped   = "unwrap_members_dropped"
)

// report counts what became of the events of a request, and logs each outcome that is not a success; events of a batch
// that failed alike are one line.
func (h *Handler) report(ctx context.Context, r *http.Request, arrivals []arrival) {
	h.counters.Add(countEvents, int64(len(arrivals)))
	accepted := int64(0)
	for i := range arrivals {
		a := &arrivals[i]
		if a.repairs != 0 && a.event.Context != nil {
			h.reportRepairs(ctx, a)
		}
		if a.err == nil {
			accepted++
		}
	}
	h.counters.Add(countAccepted, accepted)
	if accepted > 0 && h.logger.Enabled(ctx, slog.LevelDebug) {
		h.logAccepted(ctx, arrivals)
	}
	if accepted < int64(len(arrivals)) {
		h.reportFailures(ctx, r, arrivals)
	}
}

func (h *Handler) logAccepted(ctx context.Context, arrivals []arrival) {
	for i := range arrivals {
		if arrivals[i].err == nil {
			h.logger.LogAttrs(ctx, slog.LevelDebug, "event accepted", arrivals[i].name()...)
		}
	}
}

// name is what the log says of which event this is.
func (a *arrival) name() []slog.Attr {
	attrs := make([]slog.Attr, 0, 3)
	for _, text := range [...]struct{ key, value string }{{"event_id", a.id}, {"event_source", a.source}, {"event_type", a.typ}} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, clip(text.value)))
		}
	}
	return attrs
}

// reportFailures counts each failed event by its kind, and logs a line for those that failed alike.
func (h *Handler) reportFailures(ctx context.Context, r *http.Request, arrivals []arrival) {
	type alike struct {
		first *arrival
		count int
	}
	var groups []*alike
	byText := make(map[string]*alike)
	for i := range arrivals {
		a := &arrivals[i]
		if a.err == nil {
			continue
		}
		h.counters.Add(refusedCounter(forward.KindOf(a.err)), 1)
		text := a.err.Error()
		g, found := byText[text]
		if !found {
			g = &alike{first: a}
			byText[text] = g
			groups = append(groups, g)
		}
		g.count++
	}
	for _, g := range groups {
		h.logOutcome(ctx, r, g.first, g.count)
	}
}

func (h *Handler) reportRepairs(ctx context.Context, a *arrival) {
	for _, l := range leniencies() {
		if a.repairs&l.repair == 0 {
			continue
		}
		h.counters.Add(l.counter, 1)
		source := clip(a.source)
		if h.repaired.First(l.name + " " + source) {
			h.logger.LogAttrs(ctx, slog.LevelInfo, "a sender's events need a repair, which is told once for each source",
				slog.String("repair", l.name), slog.String("event_source", source), slog.String("event_type", clip(a.typ)))
		}
	}
	if a.droppedByUnwrapping > 0 {
		h.counters.Add(countUnwrapDropped, int64(a.droppedByUnwrapping))
	}
}

func refusedCounter(k forward.Kind) string {
	switch k {
	case forward.Invalid:
		return countInvalid
	case forward.Denied:
		return countDenied
	case forward.Throttled:
		return countThrottled
	case forward.Unavailable, forward.BatchRefused:
	}
	return countUnavailable
}

func (h *Handler) logOutcome(ctx context.Context, r *http.Request, a *arrival, count int) {
	kind := forward.KindOf(a.err)
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs, slog.String("kind", kind.String()), slog.Int("status", statusOf(a.err)), slog.String("error", a.err.Error()))
	if count > 1 {
		attrs = append(attrs, slog.Int("events", count))
	}
	attrs = append(attrs, a.name()...)
	switch {
	case kind == forward.Invalid:
		h.logger.LogAttrs(ctx, slog.LevelWarn, "event refused", attrs...)
	case kind == forward.Denied:
		h.logger.LogAttrs(ctx, slog.LevelError, "event not delivered", attrs...)
	case kind == forward.Unavailable && gone(r):
		h.logger.LogAttrs(ctx, slog.LevelDebug, "event given up, since its sender hung up", attrs...)
	default:
		h.logger.LogAttrs(ctx, slog.LevelWarn, "event not delivered", attrs...)
	}
}

// reportRequest counts and logs a request of which no event was read.
func (h *Handler) reportRequest(ctx context.Context, r *http.Request, err error) {
	h.counters.Add(countRequestsRefused, 1)
	level := slog.LevelWarn
	if gone(r) {
		level = slog.LevelDebug
	}
	h.logger.LogAttrs(ctx, level, "request refused", slog.Int("status", statusOf(err)), slog.String("error", err.Error()),
		slog.String("content_type", clip(r.Header.Get("Content-Type"))))
}

// gone reports whether the sender hung up, which net/http tells by cancelling the request. A runtime that ends requests
// itself gives another cause, or a deadline.
func gone(r *http.Request) bool { return errors.Is(context.Cause(r.Context()), context.Canceled) }

// clipMax bounds in bytes what a line of the log repeats of an attribute that a sender chose.
const clipMax = 256

func clip(s string) string {
	if len(s) <= clipMax {
		return s
	}
	cut := clipMax
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
