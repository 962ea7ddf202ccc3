package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// waiting is request-response.
func waiting(s *settings) { s.Lambda.Invocation = "request-response" }

func TestSinkConforms(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"event":                        nil,
		"event, data":                  func(s *settings) { s.Lambda.Payload = "data" },
		"request-response":             waiting,
		"request-response, data":       func(s *settings) { waiting(s); s.Lambda.Payload = "data" },
		"request-response, a limit":    func(s *settings) { waiting(s); s.Lambda.MaxBytes = 4 << 10 },
		"request-response, wrapping":   func(s *settings) { waiting(s); s.Lambda.WrapReply = "reply.v1" },
		"event, whose limit is Lambda": func(s *settings) { s.Lambda.MaxBytes = eventMaxBytes },
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Target { return newTarget(t, change, local.Lambda{}) })
		})
	}
}

// TestLimitsAreLambdas: the largest payload that passes Prepare is the largest that Lambda takes, not one byte less.
func TestLimitsAreLambdas(t *testing.T) {
	for name, change := range map[string]func(*settings){"event": nil, "request-response": waiting} {
		t.Run(name, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				g := newTarget(t, change, local.Lambda{})
				limit := g.ItemMax()
				e := g.Sized("large", limit+1)
				g.settings().Lambda.MaxBytes = 1 << 30 // let it through
				item, err := g.sink.Prepare(&e, "")
				if err != nil || item.Size != limit+1 {
					t.Fatalf("Prepare() = %d bytes, %v, want %d", item.Size, err, limit+1)
				}
				err = g.sink.Send(t.Context(), []forward.Item{item})[0]
				if err == nil || forward.KindOf(err) != forward.Invalid || !errors.Is(err, forward.ErrTooLarge) {
					t.Errorf("Send() of one byte more than the limit = %v, want Lambda to refuse it as too large", err)
				}
			})
		})
	}
}

// TestFunctionsAreFound: every form of the name reaches the version that it means, and the role is asked for exactly that.
func TestFunctionsAreFound(t *testing.T) {
	const arn = "arn:aws:lambda:eu-central-1:111122223333:function:orders"
	for name, want := range map[string]struct{ arn, version string }{
		"orders":                            {arn, "$LATEST"},
		"orders:live":                       {arn + ":live", "$LATEST"},
		"orders:1":                          {arn + ":1", "1"},
		"orders:$LATEST":                    {arn + ":$LATEST", "$LATEST"},
		"111122223333:function:orders":      {arn, "$LATEST"},
		"111122223333:function:orders:live": {arn + ":live", "$LATEST"},
		arn:                                 {arn, "$LATEST"},
		arn + ":live":                       {arn + ":live", "$LATEST"},
		arn + ":1":                          {arn + ":1", "1"},
		arn + ":$LATEST":                    {arn + ":$LATEST", "$LATEST"},
	} {
		for kind, change := range map[string]func(*settings){"event": func(*settings) {}, "request-response": waiting} {
			t.Run(name+" "+kind, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, func(s *settings) { change(s); s.Lambda.Function = name }, local.Lambda{})
					if _, err := g.Stand.AWS.PublishVersion(g.Set.FunctionARN); err != nil {
						t.Fatal(err)
					}
					g.allow(want.arn)
					if err := sendOne(t, g); err != nil {
						t.Fatal(err)
					}
					run := g.runs(1)[0]
					if diff := cmp.Diff([2]string{want.arn, want.version}, [2]string{run.ARN, run.Version}); diff != "" {
						t.Errorf("invoked (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

// sendOne sends one event.
func sendOne(t *testing.T, g *target) error {
	t.Helper()
	e := g.Event("1")
	item, err := g.sink.Prepare(&e, "")
	if err != nil {
		return err
	}
	return g.sink.Send(t.Context(), []forward.Item{item})[0]
}

// TestRequestResponseIsSentOnce: whatever is lost before or after the function ran, only the sender may send again.
func TestRequestResponseIsSentOnce(t *testing.T) {
	for name, fault := range map[string]aws.Fault{
		"connection": {Kind: aws.Drop}, "server": {Kind: aws.ServerError, Status: http.StatusServiceUnavailable},
		"throttled": {Kind: aws.Throttle}, "a page": {Kind: aws.HTMLPage, Status: http.StatusBadGateway},
	} {
		for phase, runs := range map[aws.Phase]int{aws.Before: 0, aws.After: 1} {
			t.Run(fmt.Sprintf("%s, phase %d", name, phase), func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, waiting, local.Lambda{})
					fault.Service, fault.Phase = "lambda", phase
					injection := g.Inject(fault)
					if err := sendOne(t, g); err == nil {
						t.Error("Send() = nil, want an error")
					}
					if n := len(g.Accepted()); n != runs || injection.Hits() != 1 {
						t.Errorf("the function ran %d times in %d calls, want %d in 1", n, injection.Hits(), runs)
					}
				})
			})
		}
	}
}

// TestEventsAreRetriedByTheSDK: an Event that Lambda may not have queued is sent again at once.
func TestEventsAreRetriedByTheSDK(t *testing.T) {
	for phase, runs := range map[aws.Phase]int{aws.Before: 1, aws.After: 2} {
		virtual.Run(t, func(t *testing.T) {
			g := newTarget(t, nil, local.Lambda{})
			injection := g.Inject(aws.Fault{Service: "lambda", Kind: aws.ServerError, Status: 503, Phase: phase, Count: 1})
			if err := sendOne(t, g); err != nil {
				t.Errorf("Send() after one fault in phase %d = %v, want accepted", phase, err)
			}
			if n := len(g.Accepted()); n != runs || injection.Hits() != 1 {
				t.Errorf("phase %d: the function ran %d times, want %d", phase, n, runs)
			}
		})
	}
}

// TestAnAnswerWithABodyIsNotLambdas, whatever its status.
func TestAnAnswerWithABodyIsNotLambdas(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		g := newTarget(t, nil, local.Lambda{})
		g.Inject(aws.Fault{Service: "lambda", Kind: aws.HTMLPage, Status: http.StatusAccepted, Phase: aws.Before})
		if err := sendOne(t, g); err == nil || forward.KindOf(err) != forward.Unavailable {
			t.Errorf("Send() to a proxy that answers 202 with a page = %v, want unavailable", err)
		}
	})
}

// TestTraceGoesOn: the function sees the event's trace, else the request's, else what the SDK would send.
func TestTraceGoesOn(t *testing.T) {
	const sdks = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "bridge")
	t.Setenv("_X_AMZN_TRACE_ID", sdks)
	for name, tc := range map[string]struct{ own, request, want string }{
		"own":        {"00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-00", trace, "Root=1-7c1f0a9b-e2d34455a6b7c8d9e0f1a2b3;Parent=1a2b3c4d5e6f7081;Sampled=0"},
		"request's":  {"", trace, "Root=1-7c1f0a9b-e2d34455a6b7c8d9e0f1a2b3;Parent=1a2b3c4d5e6f7081;Sampled=1"},
		"none":       {"", "", sdks},
		"broken one": {"00-x", "", sdks},
	} {
		for kind, change := range map[string]func(*settings){"event": nil, "request-response": waiting} {
			t.Run(name+" "+kind, func(t *testing.T) {
				virtual.Run(t, func(t *testing.T) {
					g := newTarget(t, change, local.Lambda{})
					e := g.Event("1")
					if tc.own != "" {
						e.SetExtension("traceparent", tc.own)
					}
					item, err := g.sink.Prepare(&e, tc.request)
					if err := errors.Join(append(g.sink.Send(t.Context(), []forward.Item{item}), err)...); err != nil {
						t.Fatal(err)
					}
					if got := g.runs(1)[0].TraceID; got != tc.want {
						t.Errorf("X-Amzn-Trace-Id = %q, want %q", got, tc.want)
					}
				})
			})
		}
	}
}

// TestConcurrencyIsBounded: of many events at once, no more invocations than configured are in flight.
func TestConcurrencyIsBounded(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		var now, most atomic.Int64
		g := newTarget(t, func(s *settings) { waiting(s); s.Lambda.Concurrency = 3 }, local.Lambda{Handler: func(context.Context, []byte) ([]byte, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
			}
			time.Sleep(time.Second)
			return []byte("{}"), nil
		}})
		f := forward.New(g.sink, forward.Config{})
		defer f.Close()
		start := time.Now()
		errs := make(chan error, 12)
		for i := range cap(errs) {
			go func() {
				e := g.Event(fmt.Sprint(i))
				_, err := f.Call(t.Context(), &e, "")
				errs <- err
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 3 || time.Since(start) < 4*time.Second {
			t.Errorf("at most %d ran at once, for %v; want 3, so 4 s for 12", most.Load(), time.Since(start))
		}
	})
}

func TestClients(t *testing.T) {
	given := awscall.NewHTTPClient(32, 8*time.Second).WithReadTimeout(5 * time.Minute)
	wide := pooled(given, 64).(*awshttp.BuildableClient)
	if n := wide.GetTransport().MaxIdleConnsPerHost; n != 64 || wide.GetTimeout() != 8*time.Second {
		t.Errorf("pooled() keeps %d idle connections with a timeout of %v, want 64 and 8s", n, wide.GetTimeout())
	}
	if n := wide.GetTransport().WriteBufferSize; n != 0 {
		t.Errorf("pooled() has %d bytes of write buffer for each of many connections, want net/http's own", n)
	}
	if n := pooled(given, 8).(*awshttp.BuildableClient).GetTransport().MaxIdleConnsPerHost; n != 32 {
		t.Errorf("pooled() for 8 calls keeps %d idle connections, want the 32 that were there", n)
	}
	calm := patient(wide).(*awshttp.BuildableClient)
	silence, _ := calm.GetReadTimeout()
	if calm.GetTimeout() != 0 || silence != 0 || calm.GetTransport().MaxIdleConnsPerHost != 64 {
		t.Errorf("patient() has timeouts %v and %v, want none, and the same pool", calm.GetTimeout(), silence)
	}
	if other := (&http.Client{}); pooled(other, 64) != any(other) || patient(other) != any(other) {
		t.Error("a client that is not the SDK's is replaced")
	}
}

// TestErrorsNameTheFunction, for the operator, and not to a sender.
func TestErrorsNameTheFunction(t *testing.T) {
	for name, change := range map[string]func(*settings){"event": nil, "request-response": waiting} {
		virtual.Run(t, func(t *testing.T) {
			g := newTarget(t, change, local.Lambda{})
			for _, f := range []sinktest.Fault{sinktest.NoTarget, sinktest.Permission, sinktest.Throttled, sinktest.ServerBefore, sinktest.Foreign} {
				g.Break(f, 0)
				err := sendOne(t, g)
				if err == nil || !strings.Contains(err.Error(), g.settings().Lambda.Function) {
					t.Errorf("%s, %s: Send() = %v, want the function named", name, f, err)
				}
				if detail := forward.Detail(err); strings.Contains(detail, "arn:") || strings.Contains(detail, "orders") {
					t.Errorf("%s, %s: a sender reads %q, want no name of a resource", name, f, detail)
				}
				g.Heal()
			}
		})
	}
}
