package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestFunctionErrors: status 200 and the document of what went wrong.
func TestFunctionErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler func(context.Context, []byte) ([]byte, error)
		want    string
	}{
		{"error", fails, `{"errorMessage":"no such order","errorType":"errorString"}`},
		{"timeout", func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 3.00 seconds"}`},
		{"large response", func(context.Context, []byte) ([]byte, error) { return make([]byte, 6_291_557), nil },
			`{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`},
	} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			arn := must(l.CreateFunction("orders", FunctionOptions{Handler: tt.handler}))(t)
			out, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, LogType: types.LogTypeTail})
			if err != nil {
				t.Fatal(err)
			}
			run := l.Invocations(arn)[0]
			if got := strings.ReplaceAll(string(out.Payload), run.RequestID, "ID"); got != tt.want || *out.FunctionError != "Unhandled" || out.StatusCode != 200 || *out.ExecutedVersion != "$LATEST" {
				t.Errorf("%s: Invoke = %d %s %s, want 200 Unhandled %s", tt.name, out.StatusCode, *out.FunctionError, got, tt.want)
			}
			log, err := base64.StdEncoding.DecodeString(*out.LogResult)
			if err != nil || !strings.HasPrefix(string(log), "START RequestId: "+run.RequestID+" Version: $LATEST\n") {
				t.Errorf("%s: LogResult = %s, %v, want the log", tt.name, log, err)
			}
			if !strings.Contains(tt.want, run.ErrorType) || run.ErrorType == "" || !strings.HasPrefix(l.Requests()[0].Effect, "invoked 1, failed") {
				t.Errorf("%s: run = %s, effect %s, want the error", tt.name, run.ErrorType, l.Requests()[0].Effect)
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
		out, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn, InvocationType: types.InvocationTypeDryRun})
		if err != nil || out.StatusCode != 204 || len(out.Payload) != 0 {
			t.Errorf("DryRun = %+v, %v, want 204 and nothing", out, err)
		}
		time.Sleep(time.Hour)
		if n := l.InvocationCount(arn); n != 0 || l.Requests()[0].Effect != "" {
			t.Errorf("%d invocations ran of a DryRun, effect %q, want none", n, l.Requests()[0].Effect)
		}
	})
}

// TestInvokeContext: trace and client context reach the function; without a trace Lambda makes one.
func TestInvokeContext(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		var traces []string
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
			traces = append(traces, fmt.Sprint(ctx.Value("x-amzn-trace-id")))
			return payload, nil
		}}))(t)
		const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		with := func(o *lambda.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amzn-Trace-Id", trace))
		}
		for _, option := range []func(*lambda.Options){with, func(*lambda.Options) {}} {
			if _, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn}, option); err != nil {
				t.Fatal(err)
			}
		}
		if traces[0] != trace || !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0$`).MatchString(traces[1]) {
			t.Errorf("traces = %v, want ours and one of Lambda", traces)
		}
		if run := l.Invocations(arn)[0]; run.TraceID != trace {
			t.Errorf("TraceID = %s, want %s", run.TraceID, trace)
		}
	})
}

func TestConcurrency(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		arn := must(l.CreateFunction("orders", FunctionOptions{Concurrency: 2, Handler: func(_ context.Context, payload []byte) ([]byte, error) {
			time.Sleep(time.Second)
			return payload, nil
		}}))(t)
		results := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn})
				results <- err
			}()
		}
		first := <-results
		refused(t, first, "TooManyRequestsException", "Rate Exceeded.")
		if tooMany, ok := errors.AsType[*types.TooManyRequestsException](first); !ok || tooMany.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded || statusOf(first) != 429 {
			t.Errorf("error = %+v, want status 429 and the reason", first)
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Errorf("Invoke = %v, want two to run", err)
			}
		}
		if _, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &arn}); err != nil || l.InvocationCount(arn) != 3 {
			t.Errorf("Invoke afterwards = %v, %d ran, want 3", err, l.InvocationCount(arn))
		}
	})
}

// slowly answers the payload after a while.
func slowly(d time.Duration) func(context.Context, []byte) ([]byte, error) {
	return func(_ context.Context, payload []byte) ([]byte, error) {
		time.Sleep(d)
		return payload, nil
	}
}

func withTimeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
