package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// How long a sender is asked to wait where the target did not say. An operator takes longer than a target.
const (
	retryDenied      = 30 * time.Second
	retryThrottled   = 5 * time.Second
	retryUnavailable = 10 * time.Second
)

// Limits in bytes, as JSON writes it, of what an answer repeats. With them the body for a single event stays under 700
// bytes whatever the event and the error hold: above 768 Knative's in-memory channel crashes when it writes a dead letter.
// Source: https://github.com/knative-extensions/eventing-natss/issues/434
const (
	detailMax = 330
	reasonMax = 110
	idMax     = 140
)

// statusOf is the status for an event with that error, and the only place where a kind becomes one.
func statusOf(err error) int {
	switch forward.KindOf(err) {
	case forward.Invalid:
		r, isRefusal := errors.AsType[*refusal](err)
		switch {
		case isRefusal:
			return r.status
		case errors.Is(err, forward.ErrTooLarge):
			return http.StatusRequestEntityTooLarge
		case errors.Is(err, forward.ErrContent):
			return http.StatusUnprocessableEntity
		}
		return http.StatusBadRequest
	case forward.Throttled:
		return http.StatusTooManyRequests
	case forward.Denied, forward.Unavailable, forward.BatchRefused:
	}
	return http.StatusServiceUnavailable
}

// ran reports whether the target ran the event and refused it by its own verdict.
func ran(err error) bool {
	e, ok := errors.AsType[*forward.Error](err)
	return ok && e.Ran
}

// retryAfter is how long the sender of an event with that error is asked to wait, 0 if it is not to come again.
func retryAfter(err error) time.Duration {
	asked := time.Duration(0)
	if e, ok := errors.AsType[*forward.Error](err); ok {
		asked = e.RetryAfter
	}
	switch forward.KindOf(err) {
	case forward.Invalid:
		return 0
	case forward.Denied:
		return retryDenied
	case forward.Throttled:
		if asked <= 0 {
			return retryThrottled
		}
		return asked
	case forward.Unavailable, forward.BatchRefused:
	}
	if asked <= 0 {
		return retryUnavailable
	}
	return asked
}

// answerRequest answers a request of which no event was read.
func (h *Handler) answerRequest(w http.ResponseWriter, err error) {
	if statusOf(err) == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	writeProblem(w, statusOf(err), retryAfter(err), appendEvent(nil, "", err))
}

// answerEvent answers a request that holds one event.
func (h *Handler) answerEvent(w http.ResponseWriter, a *arrival) {
	if a.err == nil {
		if !writeReply(w, a) {
			w.WriteHeader(h.successStatus)
		}
		return
	}
	status, wait := statusOf(a.err), retryAfter(a.err)
	if a.plain && ran(a.err) {
		status, wait = http.StatusBadGateway, 0 // it asked the target, and this is the target's answer
	}
	writeProblem(w, status, wait, appendEvent(nil, a.id, a.err))
}

// answerBatch answers a request that holds any number of events. Anything retryable makes the whole retryable: a sender
// that repeats it repeats the accepted ones too, but loses none.
func (h *Handler) answerBatch(w http.ResponseWriter, arrivals []arrival) {
	failed, invalid, throttled := 0, 0, 0
	wait := time.Duration(0)
	for i := range arrivals {
		err := arrivals[i].err
		if err == nil {
			continue
		}
		failed++
		wait = max(wait, retryAfter(err))
		switch forward.KindOf(err) {
		case forward.Invalid:
			invalid++
		case forward.Throttled:
			throttled++
		case forward.Denied, forward.Unavailable, forward.BatchRefused:
		}
	}
	status := http.StatusServiceUnavailable
	switch failed {
	case 0:
		w.WriteHeader(h.successStatus)
		return
	case invalid:
		status = http.StatusBadRequest
	case throttled:
		status = http.StatusTooManyRequests
	}
	detail := fmt.Sprintf("%d of %d events were not accepted; events tells the outcome of each, in their order", failed, len(arrivals))
	body := appendMember(nil, "detail", detail, detailMax)
	body = append(body, `,"events":[`...)
	for i := range arrivals {
		a := &arrivals[i]
		if i > 0 {
			body = append(body, ',')
		}
		outcome := h.successStatus
		if a.err != nil {
			outcome = statusOf(a.err)
		}
		body = strconv.AppendInt(append(body, `{"status":`...), int64(outcome), 10)
		body = append(appendEvent(body, a.id, a.err), '}')
	}
	writeProblem(w, status, wait, append(body, ']'))
}

// appendEvent appends what is told of one event: members, each after a comma, as far as there is something to tell.
func appendEvent(body []byte, id string, err error) []byte {
	if id != "" {
		body = appendMember(body, "id", id, idMax)
	}
	if err == nil {
		return body
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		body = appendMember(body, "reason", r.reason, reasonMax)
	}
	return appendMember(body, "detail", forward.Detail(err), detailMax)
}

func appendMember(body []byte, name, value string, limit int) []byte {
	body = append(append(append(body, `,"`...), name...), `":`...)
	return appendClipped(body, value, limit)
}

// appendClipped appends s as a JSON string of at most limit bytes; one that had to be cut ends in an ellipsis.
func appendClipped(body []byte, s string, limit int) []byte {
	start := len(body)
	body = rawjson.AppendString(body, s)
	for cut := min(len(s), limit); len(body)-start > limit; cut = cut * 3 / 4 {
		for cut > 0 && !utf8.RuneStart(s[min(cut, len(s)-1)]) {
			cut--
		}
		body = rawjson.AppendString(body[:start], s[:cut]+"…")
	}
	return body
}

// writeProblem answers with problem details: the members that every problem has, then the given ones, each of which
// begins with a comma.
// Source: https://www.rfc-editor.org/rfc/rfc9457
func writeProblem(w http.ResponseWriter, status int, wait time.Duration, members []byte) {
	body := append([]byte(`{"title":`), rawjson.AppendString(nil, http.StatusText(status))...)
	body = append(body, `,"status":`...)
	body = strconv.AppendInt(body, int64(status), 10)
	body = append(append(body, members...), '}', '\n')
	if wait > 0 {
		seconds := int64((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a sender that hung up has no use for it
}
