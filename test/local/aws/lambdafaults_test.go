package aws

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestFaultsOfInvoke has every fault that hits a whole call, before and after its effect, and counts the runs.
func TestFaultsOfInvoke(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  Fault
		status int    // of the SDK's response; 0 is none
		code   string // of the API error; "" is none
	}{
		{"throttled", Fault{Kind: Throttle}, 429, "TooManyRequestsException"},
		{"internal error", Fault{Kind: ServerError}, 500, "ServiceException"},
		{"not ready", Fault{Kind: ServerError, Status: 502}, 502, "ResourceNotReadyException"},
		{"unavailable", Fault{Kind: ServerError, Status: 503}, 503, "ServiceUnavailableException"},
		{"bad gateway as a page", Fault{Kind: HTMLPage, Status: 502}, 502, ""},
		{"connection dropped", Fault{Kind: Drop}, 0, ""},
		{"answer cut", Fault{Kind: Truncated}, 200, ""},
		{"session expired", Fault{Kind: SessionExpired}, 403, "ExpiredTokenException"},
		{"session unknown", Fault{Kind: SessionUnknown}, 403, "UnrecognizedClientException"},
	} {
		for phase, runs := range map[Phase]int{Before: 0, After: 1} {
			fault := tt.fault
			fault.Service, fault.Phase, fault.Count = "lambda", phase, 1
			if fault.check() != nil {
				continue // this kind has one phase only
			}
			t.Run(fmt.Sprintf("%s/phase %d", tt.name, phase), func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, l *lab) {
					arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
					injection := must(l.Inject(fault))(t)
					in := &lambda.InvokeInput{FunctionName: &arn, Payload: []byte(`{"order":7}`)}
					_, err := l.lambda(l.Seed()).Invoke(t.Context(), in)
					code := ""
					if api, ok := errors.AsType[smithy.APIError](err); ok {
						code = api.ErrorCode()
					}
					if err == nil || statusOf(err) != tt.status || tt.code != "" && code != tt.code {
						t.Errorf("Invoke = %d %s (%v), want %d %s", statusOf(err), code, err, tt.status, tt.code)
					}
					if n := l.InvocationCount(arn); n != runs || injection.Hits() != 1 {
						t.Errorf("%d ran, %d hits, want %d and 1", n, injection.Hits(), runs)
					}
					if r := l.Requests()[0]; (r.Effect != "") != (runs == 1) || len(r.Faults) != 1 {
						t.Errorf("record = %+v, want the fault and its effect", r)
					}
					if _, err := l.lambda(l.Seed()).Invoke(t.Context(), in); err != nil {
						t.Errorf("Invoke after the fault = %v", err)
					}
				})
			})
		}
	}
}

// TestStrangeAnswersOfInvoke: the SDK takes them for answers of the function, whatever ran.
func TestStrangeAnswersOfInvoke(t *testing.T) {
	for _, kind := range []types.InvocationType{types.InvocationTypeRequestResponse, types.InvocationTypeEvent} {
		for _, tt := range []struct {
			fault   Fault
			runs    int
			payload string
		}{
			{Fault{Kind: Empty, Phase: Before}, 0, ""},
			{Fault{Kind: Empty, Phase: After}, 1, ""},
			{Fault{Kind: Unparsable, Phase: Before}, 0, "\x00 neither <XML nor {JSON"},
			{Fault{Kind: Unparsable, Phase: After}, 1, "\x00 neither <XML nor {JSON"},
		} {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
				tt.fault.Service, tt.fault.Count = "lambda", 1
				must(l.Inject(tt.fault))(t)
				out, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, InvocationType: kind})
				if err != nil {
					t.Fatal(err)
				}
				status := int32(200)
				if kind == types.InvocationTypeEvent && tt.fault.Phase == After {
					status = 202
				}
				time.Sleep(time.Second)
				if out.StatusCode != status || string(out.Payload) != tt.payload || out.ExecutedVersion != nil || l.InvocationCount(arn) != tt.runs {
					t.Errorf("%v %v, phase %d: Invoke = %d %q, %d ran, want %d %q, %d", kind, tt.fault.Kind, tt.fault.Phase,
						out.StatusCode, out.Payload, l.InvocationCount(arn), status, tt.payload, tt.runs)
				}
			})
		}
	}
}

// TestThrottleSaysWhen: with and without the headers that say when to come again.
func TestThrottleSaysWhen(t *testing.T) {
	for after, want := range map[time.Duration][2]string{0: {}, 1500 * time.Millisecond: {"2", "1500"}} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
			must(l.Inject(Fault{Service: "lambda", Phase: Before, Kind: Throttle, RetryAfter: after}))(t)
			_, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn})
			var response *smithyhttp.ResponseError
			if !errors.As(err, &response) {
				t.Fatalf("Invoke = %v, want an answer", err)
			}
			h := response.Response.Header
			if got := [2]string{h.Get("Retry-After"), h.Get("X-Amz-Retry-After")}; got != want {
				t.Errorf("Retry-After and x-amz-retry-after = %v, want %v", got, want)
			}
		})
	}
}

func TestLatencyOfInvoke(t *testing.T) {
	for _, phase := range []Phase{Before, After} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
			must(l.Inject(Fault{Service: "lambda", Phase: phase, Kind: Latency, Delay: 20 * time.Second}))(t)
			start := time.Now()
			if _, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn}); err != nil || time.Since(start) != 20*time.Second {
				t.Errorf("phase %d: Invoke = %v after %v, want it after 20s", phase, err, time.Since(start))
			}
			want := start
			if phase == Before {
				want = start.Add(20 * time.Second)
			}
			if run := l.Invocations(arn)[0]; !run.Ended.Equal(want) {
				t.Errorf("phase %d: it ran at %v, want %v", phase, run.Ended, want)
			}
		})
	}
}

// TestCallerLeaves: a function runs to its end though its caller gave up.
func TestCallerLeaves(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Timeout: 60 * time.Second, Handler: slowly(30 * time.Second)}))(t)
		_, err := l.lambda(l.Seed()).Invoke(withTimeout(t, 5*time.Second), &lambda.InvokeInput{FunctionName: &arn})
		if n := l.InvocationCount(arn); err == nil || n != 0 {
			t.Errorf("Invoke with 5s = %v, %d ended, want it given up meanwhile", err, n)
		}
		time.Sleep(time.Minute)
		if runs := l.Invocations(arn); len(runs) != 1 || runs[0].ErrorType != "" {
			t.Errorf("runs = %+v, want it to have ended well", runs)
		}
	})
}
