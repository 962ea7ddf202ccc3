package ingress

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Authenticator decides who may send. It is asked once for each POST, before a byte of its body is read; webhook
// handshakes and other methods are answered without it.
type Authenticator interface {
	// Authenticate returns nil if the sender of r may send, else an [AuthError]; any other error means that it could not
	// decide, and nobody comes in without a decision. It looks at the header and the connection, never at the body, ends
	// soon after r.Context() does, and is called by many goroutines at once. It logs its refusals itself, since it knows
	// which are worth a line, and never what a sender must keep secret.
	Authenticate(r *http.Request) error
}

// AuthError says why a request may not come in. All of it reaches whoever sent the request, so it holds nothing that only
// we or another sender may know.
type AuthError struct {
	// Status answers the request: 401 if we do not know who sent it, 403 if we know and he may not send, 503 if it could
	// not be decided now. Anything else is answered 503.
	Status int
	// Reason is a word for programs, Detail a sentence for people that says what cures it.
	Reason, Detail string
	// Challenge is the WWW-Authenticate header that a 401 must have.
	// Source: https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate
	Challenge string
	// RetryAfter is how long to wait before a 503 may have become another answer. 0 means 10 s.
	RetryAfter time.Duration
}

// Error is the reason and the detail.
func (e *AuthError) Error() string { return e.Reason + ": " + e.Detail }

// The counters of requests that were not let in, beside requests_refused, which counts them too.
const (
	countUnauthenticated = "requests_refused_unauthenticated"
	countForbidden       = "requests_refused_forbidden"
	countUndecided       = "requests_refused_undecided"
)

// admit reports whether the sender may send, and answers the request if not.
func (h *Handler) admit(ctx context.Context, w http.ResponseWriter, r *http.Request) bool {
	if h.authenticator == nil {
		return true
	}
	err := h.authenticator.Authenticate(r.WithContext(ctx))
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*AuthError](err)
	if !ok {
		h.logger.LogAttrs(ctx, slog.LevelError, "it could not be decided who sent a request", slog.String("error", err.Error()))
		e = &AuthError{Reason: "undecided", Detail: "the bridge could not decide who sent this; send it again"}
	}
	h.refuseSender(ctx, w, r, e)
	return false
}

// refuseSender answers a request that may not come in.
func (h *Handler) refuseSender(ctx context.Context, w http.ResponseWriter, r *http.Request, e *AuthError) {
	status, counter, wait := e.Status, countUndecided, time.Duration(0)
	switch status {
	case http.StatusUnauthorized:
		counter = countUnauthenticated
		w.Header().Set("WWW-Authenticate", e.Challenge)
	case http.StatusForbidden:
		counter = countForbidden
	default:
		status, wait = http.StatusServiceUnavailable, e.RetryAfter
		if wait <= 0 {
			wait = retryUnavailable
		}
	}
	h.counters.Add(countRequestsRefused, 1)
	h.counters.Add(counter, 1)
	h.logger.LogAttrs(ctx, slog.LevelDebug, "sender not let in", slog.Int("status", status), slog.String("reason", e.Reason))
	leaveBody(w, r)
	members := appendMember(nil, "reason", e.Reason, reasonMax)
	writeProblem(w, status, wait, appendMember(members, "detail", e.Detail, detailMax))
}

// leaveTime is how long the body of a request that was refused unread may still come, so that its sender sees the answer
// and not a broken connection.
const leaveTime = time.Second

// leaveBody has the server answer now and hang up. Else it would read up to 256 KiB of the body before it answers, and the
// same after it, for as long as the sender likes: a stranger could hold any number of connections.
// Source: https://github.com/golang/go/blob/go1.26.0/src/net/http/server.go (chunkWriter.writeHeader, response.finishRequest).
func leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(leaveTime)) // every server of net/http can
	}
}
