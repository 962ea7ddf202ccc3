package ingress

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// eventHead is a request with an event but for its body, of which length bytes are announced.
func eventHead(length string, more ...string) string {
	lines := append([]string{"ce-specversion: 1.0", "ce-id: e-1", "ce-source: /s", "ce-type: t", "Content-Length: " + length}, more...)
	return request(http.MethodPost, "/", "", lines...)
}

// conversation is one connection to a handler in a bubble.
type conversation struct {
	net.Conn
	reader *bufio.Reader
}

func converse(t *testing.T, h *harness, base context.Context) *conversation {
	t.Helper()
	network, stop := serve(h.handler, base)
	conn, err := network.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		stop()
		time.Sleep(time.Second) // net/http lingers half a second on a connection that it closes; nothing may outlive the bubble
	})
	return &conversation{conn, bufio.NewReader(conn)}
}

func (c *conversation) write(t *testing.T, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatalf("write %q: %v", raw, err)
	}
}

// want reads an answer and checks its status, Retry-After and a part of its body.
func (c *conversation) want(t *testing.T, status int, retryAfter, part string) answer {
	t.Helper()
	got, err := readAnswer(c.reader)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	if got.status != status || got.header.Get("Retry-After") != retryAfter || !strings.Contains(got.body, part) {
		t.Errorf("answer = %+v, want %d, Retry-After %q, %q", got, status, retryAfter, part)
	}
	return got
}

// waiting is a Forwarder that has no verdict before ctx ends, as one whose target does not answer.
func waiting(ctx context.Context, events []event.Event, _ string) []error {
	<-ctx.Done()
	errs := make([]error, len(events))
	for i := range errs {
		errs[i] = &forward.Error{Op: "wait for the verdict", Kind: forward.Unavailable, Err: ctx.Err()}
	}
	return errs
}

func TestASlowBodyIsAnsweredBeforeItsSenderGivesUp(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(Config{Forwarder: &recorder{}, RequestTimeout: 25 * time.Second})
		c := converse(t, h, nil)
		start := time.Now()
		c.write(t, eventHead("10")+"12345")
		response := c.want(t, http.StatusServiceUnavailable, "10", "did not arrive in time")
		if took := time.Since(start); took != 24*time.Second {
			t.Errorf("the answer took %v, want 24s", took)
		}
		if !response.closed {
			t.Errorf("the connection stays open, though the rest of the body may still come")
		}
		if n := h.counters.Value(countRequestsRefused); n != 1 {
			t.Errorf("%s = %d, want 1", countRequestsRefused, n)
		}
	})
}

func TestForwardHasWhatTheBodyLeftOfTheTime(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var deadline time.Time
		h := newHarness(Config{RequestTimeout: 25 * time.Second, Forwarder: forwarderFunc(func(ctx context.Context, events []event.Event, trace string) []error {
			deadline, _ = ctx.Deadline()
			return waiting(ctx, events, trace)
		})})
		c := converse(t, h, nil)
		start := time.Now()
		c.write(t, eventHead("10")+"12345")
		time.Sleep(10 * time.Second)
		c.write(t, "67890")
		c.want(t, http.StatusServiceUnavailable, "10", `"id":"e-1"`)
		if got := deadline.Sub(start); got != 24*time.Second {
			t.Errorf("Forward had until %v after the headers, want 24s", got)
		}
		if took := time.Since(start); took != 24*time.Second {
			t.Errorf("the answer took %v, want 24s", took)
		}
	})
}

func TestAShortPatienceIsShared(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(Config{Forwarder: forwarderFunc(waiting), RequestTimeout: time.Second})
		c := converse(t, h, nil)
		start := time.Now()
		c.write(t, eventHead("1")+"1")
		c.want(t, http.StatusServiceUnavailable, "10", "")
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("the answer took %v, want 500ms", took)
		}
	})
}

// TestTheConnectionIsUsableAfterItsDeadline: what ended the time of one request must not end the next one's.
func TestTheConnectionIsUsableAfterItsDeadline(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(Config{Forwarder: &recorder{}, RequestTimeout: 25 * time.Second})
		c := converse(t, h, nil)
		for range 3 {
			c.write(t, eventHead("10")+"12345")
			time.Sleep(23 * time.Second)
			c.write(t, "67890")
			c.want(t, http.StatusNoContent, "", "")
			time.Sleep(40 * time.Second)
		}
	})
}

// TestASenderHangsUp in the middle of the body, before the verdict, and after the effect but before the answer.
func TestASenderHangsUp(t *testing.T) {
	t.Run("in the body", func(t *testing.T) {
		virtual.Run(t, func(t *testing.T) {
			var got recorder
			h := newHarness(Config{Forwarder: &got})
			c := converse(t, h, nil)
			c.write(t, eventHead("10")+"12345")
			_ = c.Close()
			synctest.Wait()
			if len(got.events) != 0 {
				t.Errorf("half an event was forwarded: %v", got.events)
			}
			if log := h.log.String(); !strings.Contains(log, `level=DEBUG msg="request refused" status=503`) {
				t.Errorf("log = %s, want a Debug line", log)
			}
		})
	})
	t.Run("before the verdict", func(t *testing.T) {
		virtual.Run(t, func(t *testing.T) {
			h := newHarness(Config{Forwarder: forwarderFunc(waiting)})
			c := converse(t, h, nil)
			start := time.Now()
			c.write(t, eventHead("1")+"1")
			time.Sleep(time.Second)
			_ = c.Close()
			synctest.Wait()
			if n := h.counters.Value(countUnavailable); n != 1 || time.Since(start) != time.Second {
				t.Errorf("%s = %d after %v, want 1 after 1s", countUnavailable, n, time.Since(start))
			}
			if log := h.log.String(); !strings.Contains(log, `level=DEBUG msg="event given up, since its sender hung up"`) || strings.Contains(log, "WARN") {
				t.Errorf("log = %s, want a Debug line alone", log)
			}
		})
	})
	t.Run("after the effect", func(t *testing.T) {
		virtual.Run(t, func(t *testing.T) {
			release := make(chan struct{})
			h := newHarness(Config{Forwarder: forwarderFunc(func(_ context.Context, events []event.Event, _ string) []error {
				<-release
				return make([]error, len(events))
			})})
			c := converse(t, h, nil)
			c.write(t, eventHead("1")+"1")
			_ = c.Close()
			synctest.Wait()
			close(release)
			synctest.Wait()
			if n := h.counters.Value(countAccepted); n != 1 {
				t.Errorf("%s = %d, want 1: the target has it", countAccepted, n)
			}
		})
	})
}

// TestTheRuntimeEndsRequests: when the runtime's own context ends, a body that does not come and a verdict that does not
// come are both given up at once, answered, and not mistaken for senders that hung up.
func TestTheRuntimeEndsRequests(t *testing.T) {
	for name, body := range map[string]string{"in the body": "1", "before the verdict": "1234567890"} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				h := newHarness(Config{Forwarder: forwarderFunc(waiting)})
				base, end := context.WithCancelCause(t.Context())
				c := converse(t, h, base)
				start := time.Now()
				c.write(t, eventHead("10")+body)
				time.Sleep(3 * time.Second)
				end(errors.New("the grace period is over"))
				c.want(t, http.StatusServiceUnavailable, "10", "")
				if took := time.Since(start); took != 3*time.Second {
					t.Errorf("the answer took %v, want 3s", took)
				}
				synctest.Wait()
				if log := h.log.String(); !strings.Contains(log, "level=WARN") {
					t.Errorf("log = %s, want a Warn line", log)
				}
			})
		})
	}
}

// TestExpectContinue: a body is asked for only if it can be wanted.
func TestExpectContinue(t *testing.T) {
	for _, row := range []struct {
		name, head string
		asked      bool
		status     int
	}{
		{"a good event", eventHead("1", "Expect: 100-continue"), true, http.StatusNoContent},
		{"too large", eventHead("1048577", "Expect: 100-continue"), false, http.StatusRequestEntityTooLarge},
		{"no CloudEvent", request(http.MethodPost, "/", "", "Content-Type: text/plain", "Content-Length: 1", "Expect: 100-continue"), false, http.StatusUnsupportedMediaType},
	} {
		t.Run(row.name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				c := converse(t, newHarness(Config{Forwarder: &recorder{}}), nil)
				c.write(t, row.head)
				if row.asked {
					c.want(t, http.StatusContinue, "", "")
					c.write(t, "1")
				}
				c.want(t, row.status, "", "")
			})
		})
	}
}

// slowDeadline is a ResponseWriter whose connection takes a second to set a deadline.
type slowDeadline struct {
	http.ResponseWriter
	set bool
}

func (s *slowDeadline) SetReadDeadline(time.Time) error {
	time.Sleep(time.Second)
	s.set = true
	return nil
}

// endless is a body that ends when ctx does.
type endless struct{ ended <-chan struct{} }

func (e endless) Read([]byte) (int, error) {
	<-e.ended
	return 0, io.ErrUnexpectedEOF
}

// TestADeadlineIsSetBeforeTheRequestEnds: a deadline that comes late would end the connection's next request.
func TestADeadlineIsSetBeforeTheRequestEnds(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := &slowDeadline{ResponseWriter: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", endless{ctx.Done()})
		if _, err := readBody(ctx, w, r, 10); forward.KindOf(err) != forward.Unavailable || !w.set {
			t.Errorf("readBody = %v with the deadline set: %v, want Unavailable and true", err, w.set)
		}
	})
}

// TestAHugeBodyCostsLittle: 100 MB in chunks are cut off at the limit.
func TestAHugeBodyCostsLittle(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(Config{Forwarder: &recorder{}})
		c := converse(t, h, nil)
		head := request(http.MethodPost, "/", "", "ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: t", "Transfer-Encoding: chunked")
		sent := make(chan int)
		go func() {
			n, _ := io.WriteString(c, head)
			chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
			for range 100 << 20 / 0x10000 {
				m, err := io.WriteString(c, chunk)
				n += m
				if err != nil {
					break
				}
			}
			sent <- n
		}()
		response := c.want(t, http.StatusRequestEntityTooLarge, "", "over the limit of 1048576 bytes")
		if !response.closed {
			t.Errorf("the connection stays open for the rest")
		}
		_ = c.Close()
		if n := <-sent; n > 2<<20 {
			t.Errorf("%d bytes were read, want about the limit of 1 MiB", n)
		}
	})
}
