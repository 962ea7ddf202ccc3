package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// asErrors reports whether both typed errors are in err's chain, and sets them.
func asErrors(err error, f **forward.Error, r **refusal) bool {
	return errors.As(err, f) && errors.As(err, r)
}

// TestEveryKindHasItsAnswer holds the table of architecture.md; a kind that is added without an answer fails.
func TestEveryKindHasItsAnswer(t *testing.T) {
	for _, row := range []struct {
		err    error
		status int
		wait   time.Duration
	}{
		{&forward.Error{Kind: forward.Invalid, RetryAfter: time.Minute}, 400, 0},
		{&forward.Error{Kind: forward.Invalid, Err: fmt.Errorf("x: %w", forward.ErrTooLarge)}, 413, 0},
		{&forward.Error{Kind: forward.Invalid, Err: fmt.Errorf("x: %w", forward.ErrContent)}, 422, 0},
		{fmt.Errorf("wrapped: %w", &forward.Error{Kind: forward.Invalid}), 400, 0},
		{missingAttribute("id").invalid(), 400, 0},
		{eventTooLarge(1).invalid(), 413, 0},
		{tooManyEvents(1).invalid(), 413, 0},
		{notCloudEvent().invalid(), 415, 0},
		{methodNotAllowed().invalid(), 405, 0},
		{&forward.Error{Kind: forward.Denied}, 503, 30 * time.Second},
		{&forward.Error{Kind: forward.Denied, RetryAfter: time.Second}, 503, 30 * time.Second},
		{&forward.Error{Kind: forward.Throttled}, 429, 5 * time.Second},
		{&forward.Error{Kind: forward.Throttled, RetryAfter: time.Second}, 429, time.Second},
		{&forward.Error{Kind: forward.Throttled, RetryAfter: -time.Second}, 429, 5 * time.Second},
		{&forward.Error{Kind: forward.Unavailable}, 503, 10 * time.Second},
		{&forward.Error{Kind: forward.Unavailable, RetryAfter: 2 * time.Second}, 503, 2 * time.Second},
		{&forward.Error{Kind: forward.Unavailable, Ran: true}, 503, 10 * time.Second},
		{&forward.Error{Kind: forward.BatchRefused}, 503, 10 * time.Second},
		{&forward.Error{}, 503, 10 * time.Second},
		{errors.New("no kind"), 503, 10 * time.Second},
		{context.DeadlineExceeded, 503, 10 * time.Second},
	} {
		if got := statusOf(row.err); got != row.status {
			t.Errorf("statusOf(%#v) = %d, want %d", row.err, got, row.status)
		}
		if got := retryAfter(row.err); got != row.wait {
			t.Errorf("retryAfter(%#v) = %v, want %v", row.err, got, row.wait)
		}
	}
}

// FuzzAnswerIsShort: whatever an id, a name and an error's text hold, the answer for one event is JSON in UTF-8 of fewer
// than 700 bytes that tells the status.
func FuzzAnswerIsShort(f *testing.F) {
	f.Add("1", "x", "detail")
	f.Add(strings.Repeat("\x00", 5000), strings.Repeat(`"\`, 300), strings.Repeat("\x01", 2000))
	f.Add(strings.Repeat("📦", 200), strings.Repeat("\xff", 300), strings.Repeat("ä\"", 700))
	f.Add(strings.Repeat("z", 140), "a-b", strings.Repeat("d", 331))
	f.Fuzz(func(t *testing.T, id, name, detail string) {
		h := New(Config{})
		for _, err := range []error{
			illegalName(name).invalid(), illegalValue(name, ruleScalar).invalid(), duplicateName(name).invalid(),
			&forward.Error{Kind: forward.Denied, Err: forward.WithDetail(errors.New("cause"), detail)},
			&forward.Error{Kind: forward.Invalid, Err: fmt.Errorf("%s: %w", detail, forward.ErrTooLarge)},
		} {
			w := httptest.NewRecorder()
			h.answerEvent(w, &arrival{id: id, err: err})
			var problem struct {
				Status int
				Detail string
			}
			body := w.Body.Bytes()
			if err := json.Unmarshal(body, &problem); err != nil || !utf8.Valid(body) || problem.Status != w.Code || len(body) >= 700 {
				t.Errorf("answer of %d bytes, %v: %s", len(body), err, body)
			}
			if detail == "" || problem.Detail == "" && forward.Detail(err) != "" {
				continue
			}
			if want := strings.ToValidUTF8(forward.Detail(err), "\uFFFD"); len(want) < 50 && utf8.ValidString(detail) && problem.Detail != want {
				t.Errorf("detail = %q, want %q", problem.Detail, want)
			}
		}
	})
}

// TestBatchOutcomesKeepTheirPlaces: in random batches with random faults each event is told its own outcome, and a
// success is told only of events that were forwarded and accepted.
func TestBatchOutcomesKeepTheirPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]*forward.Error{
		"invalid": {Kind: forward.Invalid}, "denied": {Kind: forward.Denied}, "throttled": {Kind: forward.Throttled}, "unavailable": {Kind: forward.Unavailable},
	}
	status := map[string]int{"accepted": 204, "invalid": 400, "denied": 503, "throttled": 429, "unavailable": 503, "broken": 400}
	words := []string{"accepted", "invalid", "denied", "throttled", "unavailable", "broken"}
	h := New(Config{Forwarder: forwarderFunc(func(_ context.Context, events []event.Event, _ string) []error {
		errs := make([]error, len(events))
		for i := range events {
			if err := kinds[events[i].Type()]; err != nil {
				errs[i] = err
			}
		}
		return errs
	})})
	for range 300 {
		n := 1 + random.IntN(8)
		var elements []string
		var want []int
		for i := range n {
			word := words[random.IntN(len(words))]
			want = append(want, status[word])
			if word == "broken" {
				elements = append(elements, fmt.Sprintf(`{"specversion":"1.0","id":"%d","type":"t"}`, i))
				continue
			}
			elements = append(elements, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"%s"}`, i, word))
		}
		body := "[" + strings.Join(elements, ",") + "]"
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("content-type", "application/cloudevents-batch+json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		checkBatchAnswer(t, body, w, want)
	}
}

func checkBatchAnswer(t *testing.T, body string, w *httptest.ResponseRecorder, want []int) {
	t.Helper()
	seen := map[int]int{}
	for _, s := range want {
		seen[s]++
	}
	overall := http.StatusServiceUnavailable
	switch failed := len(want) - seen[204]; failed {
	case 0:
		overall = http.StatusNoContent
	case seen[400]:
		overall = http.StatusBadRequest
	case seen[429]:
		overall = http.StatusTooManyRequests
	}
	if w.Code != overall {
		t.Errorf("%s: status = %d, want %d", body, w.Code, overall)
	}
	if overall == http.StatusNoContent {
		return
	}
	var problem struct {
		Events []struct {
			ID     string
			Status int
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || len(problem.Events) != len(want) {
		t.Fatalf("%s: answer %s, %v", body, w.Body, err)
	}
	for i, outcome := range problem.Events {
		if outcome.Status != want[i] || outcome.ID != fmt.Sprint(i) {
			t.Errorf("%s: event %d is told %+v, want status %d", body, i, outcome, want[i])
		}
	}
}

// TestNothingOfAnEventLeaks: neither data nor values of attributes stand in an answer or the log, but for the three that
// name the event, whatever goes wrong.
func TestNothingOfAnEventLeaks(t *testing.T) {
	const secret = "TOPSECRET"
	members := `"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"` + secret + `","x":"` + secret + `","data":{"name":"` + secret + `"}`
	bodies := []string{
		`{` + members + `}`, `{` + members, `{` + members + `,"time":"` + secret + `"}`, `{` + members + `,"dataschema":"` + secret + `"}`,
		`{` + members + `,"x":"` + secret + `"}`, `{` + members + `,"data_base64":"` + secret + `!"}`, `{` + members + `,"datacontenttype":"` + secret + `"}`,
		`{` + members + `,"y":"` + secret + `\u0000"}`, `{` + members + `,"y":["` + secret + `"]}`, secret, `"` + secret + `"`,
	}
	for _, verdict := range []error{nil, &forward.Error{Op: "publish", Kind: forward.Denied, Err: errors.New("no")}, &forward.Error{Op: "publish", Kind: forward.Invalid, Err: errors.New("no")}} {
		h := newHarness(Config{Forwarder: forwarderFunc(func(_ context.Context, events []event.Event, _ string) []error {
			errs := make([]error, len(events))
			for i := range errs {
				errs[i] = verdict
			}
			return errs
		})})
		for _, body := range bodies {
			for _, contentType := range []string{"application/cloudevents+json", "application/json", "application/cloudevents-batch+json"} {
				if contentType == "application/cloudevents-batch+json" {
					body = "[" + body + "]"
				}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+secret, bytes.NewReader([]byte(body)))
				r.Header.Set("content-type", contentType)
				r.Header.Set("authorization", secret)
				w := httptest.NewRecorder()
				h.handler.ServeHTTP(w, r)
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s: the answer holds it: %s", body, w.Body)
				}
			}
		}
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds it: %s", h.log.String())
		}
		if !strings.Contains(h.log.String(), "event_id=1 event_source=/s event_type=t") {
			t.Errorf("the log does not name the event: %s", h.log.String())
		}
	}
}

func TestSuccessIsDebug(t *testing.T) {
	h := newHarness(Config{Forwarder: &recorder{}})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	r.Header = sampleHeader()
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	want := `level=DEBUG msg="event accepted" event_id=0e2c7d5b-71a4-4f3e-b9b6-5d1c3a7f2e64 event_source=/default/sap.kyma/shop event_type=order.received.v1` + "\n"
	if w.Code != http.StatusNoContent || h.log.String() != want {
		t.Errorf("answer %d, log %q, want 204 and %q", w.Code, h.log.String(), want)
	}
}

// TestTheLogIsShort: attributes are as long as a sender likes, lines of the log are not.
func TestTheLogIsShort(t *testing.T) {
	h := newHarness(Config{Forwarder: forwarderFunc(func(context.Context, []event.Event, string) []error { return []error{errors.New("no")} })})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	for name, value := range map[string]string{"specversion": "1.0", "id": strings.Repeat("i", 5000), "source": "/" + strings.Repeat("ä", 5000), "type": "t"} {
		r.Header.Set("ce-"+name, value)
	}
	h.handler.ServeHTTP(httptest.NewRecorder(), r)
	if log := h.log.String(); len(log) > 1000 || !utf8.ValidString(log) || !strings.Contains(log, strings.Repeat("i", 256)+"…") || !strings.Contains(log, "ää… ") {
		t.Errorf("log = %s, want it cut", log)
	}
}

// TestRepairsAreRememberedBoundedly: senders name their own source; what is remembered of them has an end.
func TestRepairsAreRememberedBoundedly(t *testing.T) {
	h := newHarness(Config{Forwarder: &recorder{}})
	const requests = 1100
	for i := range requests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/%d","type":"t"}`, i)))
		h.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if n := strings.Count(h.log.String(), "repair=structured-under-json"); n != 1000 {
		t.Errorf("%d lines for %d sources, want 1000", n, requests)
	}
	if n := h.counters.Value("repair_structured_under_json"); n != requests {
		t.Errorf("counted %d, want %d", n, requests)
	}
}
