package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
)

// The headers of the webhook handshake, in the form that net/http gives header names.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
const (
	requestOrigin = "Webhook-Request-Origin"
	allowedOrigin = "WebHook-Allowed-Origin"
	allowedRate   = "WebHook-Allowed-Rate"
)

// noRateLimit grants any rate: there is no fixed number of requests a minute, what is too much is answered 429.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#422-webhook-allowed-rate
const noRateLimit = "*"

// The counters of handshakes. A refused one is counted in requests_refused too.
const (
	countHandshakesGranted = "handshakes_granted"
	countHandshakesRefused = "handshakes_refused"
)

// isHandshake reports whether the request is one of a webhook's handshake. Nothing else makes it one or keeps it from
// being one: a browser's preflight headers beside it have no meaning here.
func isHandshake(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header[requestOrigin] != nil
}

// handshake tells a sender whether this address expects its events: it protects others from being flooded by a sender that
// was given their address, and lets nobody in. So it needs no authentication, and says nothing but yes or no to the one
// origin. The body is not read, a WebHook-Request-Callback address is never called, and permission is not checked again on
// POST: that is authentication's part.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#42-validation-response
func (h *Handler) handshake(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	leaveBody(w, r)
	w.Header().Set("Allow", http.MethodPost)
	origins := r.Header[requestOrigin]
	origin := lowerASCII(origins[0])
	if _, granted := h.webhookOrigins[origin]; len(origins) != 1 || !granted {
		h.refuseHandshake(ctx, w, origins[0])
		return
	}
	h.counters.Add(countHandshakesGranted, 1)
	if h.granted.First(origin) {
		h.logger.LogAttrs(ctx, slog.LevelInfo, "webhook handshake granted, which is told once for each origin", slog.String("origin", origin))
	}
	w.Header().Set(allowedOrigin, origins[0]) // it equals one of ours, so it holds nothing that a header may not
	w.Header().Set(allowedRate, noRateLimit)
	w.WriteHeader(http.StatusOK)
}

func (h *Handler) refuseHandshake(ctx context.Context, w http.ResponseWriter, origin string) {
	h.counters.Add(countRequestsRefused, 1)
	h.counters.Add(countHandshakesRefused, 1)
	if shown := clip(origin); h.refused.First(lowerASCII(shown)) {
		h.logger.LogAttrs(ctx, slog.LevelWarn, "webhook handshake refused, which is told once for each origin; if events are expected from it, add it to WEBHOOK_ORIGINS",
			slog.String("origin", shown))
	}
	members := appendMember(nil, "reason", "origin-not-allowed", reasonMax)
	writeProblem(w, http.StatusForbidden, 0, appendMember(members, "detail",
		"events are not expected from this origin; an operator of the bridge can allow it by WEBHOOK_ORIGINS", detailMax))
}

// lowerASCII is s with A to Z made small. Other letters stay: what Unicode folds together (K and the Kelvin sign) are two
// origins.
func lowerASCII(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + ('a' - 'A')
		}
		return c
	}, s)
}
