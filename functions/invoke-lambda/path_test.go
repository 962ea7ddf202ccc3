package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// path is the whole path of an event: HTTP, ingress, forward, the sink, and the stand-in's Lambda.
type path struct {
	*target
	log virtual.Log
}

func newPath(t *testing.T, change func(*settings), o local.Lambda) *path {
	t.Helper()
	p := &path{target: newTarget(t, change, o)}
	logger := slog.New(slog.NewJSONHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := forward.New(p.sink, forward.Config{Logger: logger, Counters: p.counters})
	p.Network.Serve(t, "bridge:80", ingress.New(ingress.Config{
		Forwarder: f, PlainType: "order.received.v1", PlainSource: "/erp", Logger: logger, Counters: p.counters,
	}))
	t.Cleanup(f.Close)
	return p
}

// answer is what a sender got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *path) post(header map[string]string, body string) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://bridge/", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := p.Network.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(out)}
}

// plain are the headers of a sender that knows no CloudEvents, cloudEvent those of one that does.
var (
	plain      = map[string]string{"Content-Type": "application/json"}
	cloudEvent = map[string]string{"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/x", "Ce-Type": "order.v1"}
)

// answers is the function that always answers so.
func answers(text string) local.Lambda {
	return local.Lambda{Handler: func(context.Context, []byte) ([]byte, error) { return []byte(text), nil }}
}

// failing is the function that fails with a message that quotes its input.
var failing = local.Lambda{Handler: func(_ context.Context, payload []byte) ([]byte, error) {
	return nil, fmt.Errorf("cannot price %s", payload)
}}

func TestPlainCallerGetsTheFunctionsAnswer(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		echo := local.Lambda{Handler: func(_ context.Context, payload []byte) ([]byte, error) {
			return []byte(`{ "got": ` + string(payload) + ` }`), nil
		}}
		p := newPath(t, func(s *settings) { waiting(s); sendData(s) }, echo)
		got := p.post(plain, `{"order":7.10}`)
		if got.status != 200 || got.body != `{ "got": {"order":7.10} }` || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("answer = %+v, want the function's own, byte for byte", got)
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Ce-") {
				t.Errorf("a plain caller is answered with %s", name)
			}
		}
		if refused := p.post(plain, `{"order":`); refused.status != 422 || !strings.Contains(refused.body, "LAMBDA_PAYLOAD=event") {
			t.Errorf("answer to what is not JSON = %+v, want 422", refused)
		}
	})
}

func TestPlainCallerGetsWhateverItIs(t *testing.T) {
	for text, want := range map[string]answer{
		"null": {200, nil, "null"}, `"done"`: {200, nil, `"done"`}, eventAnswer: {200, nil, eventAnswer}, "": {204, nil, ""},
		`"` + strings.Repeat("x", 6_291_556) + `"`: {204, nil, ""}, // more than Lambda passes on
	} {
		virtual.Run(t, func(t *testing.T) {
			p := newPath(t, wrapping, answers(text))
			if got := p.post(plain, "{}"); got.status != want.status || got.body != want.body {
				t.Errorf("answer to a function that says %.40q = %d %.100q, want %d %.100q", text, got.status, got.body, want.status, want.body)
			}
		})
	}
}

func TestFunctionErrorOnThePath(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		p := newPath(t, waiting, failing)
		got := p.post(plain, `{"order":"s3cret"}`)
		if got.status != 502 || got.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(got.body, "wrapError") && !strings.Contains(got.body, "errorString") {
			t.Errorf("a plain caller's answer = %+v, want 502 with the error's type", got)
		}
		asEvent := p.post(cloudEvent, `{"order":"s3cret"}`)
		if asEvent.status != 503 || asEvent.header.Get("Retry-After") == "" {
			t.Errorf("a CloudEvent sender's answer = %+v, want 503 with Retry-After", asEvent)
		}
		if n := p.Stand.AWS.InvocationCount(p.Set.FunctionARN); n != 2 {
			t.Errorf("the function ran %d times for two requests", n)
		}
		if text := got.body + asEvent.body + p.log.String(); strings.Contains(text, "s3cret") || strings.Contains(text, "cannot price") {
			t.Errorf("the payload or the function's message is shown:\n%s", text)
		}
	})
}

func TestCloudEventSenderGetsAnEventOrNothing(t *testing.T) {
	event := map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "r1", "Ce-Source": "https://example.com/a?x=%257a", "Ce-Type": "order.priced.v1", "Ce-Subject": "7",
		"Ce-Time": "2026-10-05T08:20:00Z", "Ce-Attempt": "3", "Ce-Traceparent": "00-x", "Ce-Dataschema": "HTTPS://Example.com/s",
		"Content-Type": "application/vnd.price+json",
	}
	for name, tc := range map[string]struct {
		says   string
		change func(*settings)
		status int
		header map[string]string
		body   string
	}{
		"event":          {eventAnswer, waiting, 200, event, `{"price":12345678901234567890.10}`},
		"event, wrapped": {eventAnswer, wrapping, 200, event, `{"price":12345678901234567890.10}`},
		"other":          {`{"price":7}`, waiting, 204, nil, ""},
		"other, wrapped": {`{"price":7}`, wrapping, 200, map[string]string{
			"Ce-Specversion": "1.0", "Ce-Id": "b353b3fa91ad60bb1d9a9b3b2c2a9b9f", "Ce-Source": "/trustbridge/invoke-lambda/orders", "Ce-Type": "reply.v1", "Ce-Subject": "1",
			"Content-Type": "application/json",
		}, `{"price":7}`},
		"null, wrapped":    {"null", wrapping, 204, nil, ""},
		"nothing, wrapped": {"", wrapping, 204, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				got := newPath(t, tc.change, answers(tc.says)).post(cloudEvent, "{}")
				if got.status != tc.status || got.body != tc.body {
					t.Errorf("answer = %d %s, want %d %s", got.status, got.body, tc.status, tc.body)
				}
				header := map[string]string{}
				for name := range got.header {
					if strings.HasPrefix(name, "Ce-") || name == "Content-Type" {
						header[name] = got.header.Get(name)
					}
				}
				if tc.header["Ce-Type"] == "reply.v1" && len(header["Ce-Id"]) == 64 {
					header["Ce-Id"] = tc.header["Ce-Id"] // a digest, see TestAnswersThatAreNoEvents
				}
				if diff := cmp.Diff(tc.header, header); diff != "" && len(tc.header)+len(header) > 0 {
					t.Errorf("headers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestSlowFunction: the sender's deadline ends the wait, not the limit of an attempt; and nothing is invoked again.
func TestSlowFunction(t *testing.T) {
	for name, headers := range map[string]map[string]string{"plain": plain, "CloudEvent": cloudEvent} {
		for took, want := range map[time.Duration]int{20 * time.Second: 200, 60 * time.Second: 503} {
			t.Run(fmt.Sprint(name, " ", took), func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					var started atomic.Int64
					p := newPath(t, wrapping, local.Lambda{Timeout: 300 * time.Second, Handler: func(context.Context, []byte) ([]byte, error) {
						started.Add(1)
						time.Sleep(took)
						return []byte("{}"), nil
					}})
					start := time.Now()
					got := p.post(headers, "{}")
					if waited := time.Since(start); got.status != want || waited != min(took, 24*time.Second) {
						t.Errorf("answer = %d %s after %v, want %d", got.status, got.body, waited, want)
					}
					time.Sleep(time.Hour)
					if started.Load() != 1 {
						t.Errorf("the function was started %d times, want once", started.Load())
					}
				})
			})
		}
	}
}

// TestFunctionThatIsCutOff: it may have done its work, so its caller is told to come again, not that it failed.
func TestFunctionThatIsCutOff(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		p := newPath(t, waiting, local.Lambda{Timeout: time.Second, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if got := p.post(plain, "{}"); got.status != 503 || !strings.Contains(got.body, "Sandbox.Timedout") {
			t.Errorf("answer = %+v, want 503, naming Sandbox.Timedout", got)
		}
	})
}

// TestEventsAreQueued: asynchronous, the sender is answered before the function has run, and hears nothing of its errors.
func TestEventsAreQueued(t *testing.T) {
	for name, headers := range map[string]map[string]string{"plain": plain, "CloudEvent": cloudEvent} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				var attempts atomic.Int64
				p := newPath(t, sendData, local.Lambda{Handler: func(context.Context, []byte) ([]byte, error) {
					time.Sleep(time.Second)
					if attempts.Add(1) == 1 {
						return nil, errors.New("not yet")
					}
					return []byte(`{"specversion":"1.0"}`), nil
				}})
				start := time.Now()
				if got := p.post(headers, `{"order":7}`); got.status != 204 || got.body != "" || time.Since(start) > 0 {
					t.Errorf("answer = %+v after %v, want 204 at once", got, time.Since(start))
				}
				runs := p.runs(2)
				if string(runs[0].Payload) != `{"order":7}` || runs[0].Type != "Event" || attempts.Load() != 2 {
					t.Errorf("runs = %+v, want the data, twice by Lambda's own retry", runs)
				}
			})
		})
	}
}

// TestPlainCallerMeetsAFullFunction: throttling is told as such, and the function is not called again for it.
func TestPlainCallerMeetsAFullFunction(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		p := newPath(t, waiting, local.Lambda{Concurrency: 1, Handler: func(context.Context, []byte) ([]byte, error) {
			time.Sleep(time.Second)
			return []byte("{}"), nil
		}})
		statuses := make(chan int, 2)
		for range cap(statuses) {
			go func() { statuses <- p.post(plain, "{}").status }()
		}
		if first, second := <-statuses, <-statuses; first != 429 || second != 200 {
			t.Errorf("answers = %d and %d, want 429 at once and 200", first, second)
		}
	})
}

// payloads are what the function got, read as JSON with numbers as they are written.
func (p *path) payloads(n int) []any {
	p.t.Helper()
	var out []any
	for _, run := range p.runs(n) {
		var v any
		d := json.NewDecoder(strings.NewReader(string(run.Payload)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			p.t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}
