package aws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// event sends an Event.
func (l *lab) event(t *testing.T, function, payload string) {
	t.Helper()
	out, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
	if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 || out.ExecutedVersion != nil {
		t.Fatalf("Invoke of an Event = %+v, %v, want 202 and nothing", out, err)
	}
}

func TestEvent(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		clientContext := "none"
		arn := must(l.CreateFunction("orders", FunctionOptions{Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
			time.Sleep(2 * time.Second)
			lc, _ := lambdacontext.FromContext(ctx)
			clientContext = fmt.Sprint(lc.ClientContext.Custom)
			return payload, nil
		}}))(t)
		start := time.Now()
		in := &lambda.InvokeInput{FunctionName: &arn, InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"order":7}`),
			ClientContext: new(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`)))}
		if _, err := l.lambda(l.Seed()).Invoke(t.Context(), in); err != nil || time.Since(start) != 0 {
			t.Fatalf("Invoke = %v after %v, want it queued at once", err, time.Since(start))
		}
		if l.InvocationCount(arn) != 0 || l.Requests()[0].Effect != "queued 1" {
			t.Errorf("effect = %q, want it queued, not yet run", l.Requests()[0].Effect)
		}
		runs, err := l.WaitInvocations(t.Context(), arn, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := []Invocation{{
			RequestID: l.Requests()[0].ID, Type: "Event", ARN: arn, Version: "$LATEST", Payload: []byte(`{"order":7}`), TraceID: runs[0].TraceID,
			Digest: hexSum([]byte(`{"order":7}`)), Attempt: 1, Response: []byte(`{"order":7}`), Ended: start.Add(2 * time.Second), Duration: 2 * time.Second,
		}}
		if diff := cmp.Diff(want, runs); diff != "" || clientContext != "map[]" {
			t.Errorf("client context %s, want none; runs (-want +got):\n%s", clientContext, diff)
		}
		time.Sleep(time.Hour)
		if n := l.InvocationCount(arn); n != 1 {
			t.Errorf("%d invocations ran, want one", n)
		}
	})
}

// TestEventRetries: after one and two minutes, under the same request id, then the record in the destination.
func TestEventRetries(t *testing.T) {
	for _, failures := range []int{1, 2, 3} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			left := failures
			dead := must(l.CreateQueue("dead"))(t)
			arn := must(l.CreateFunction("orders", FunctionOptions{OnFailure: dead, Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
				if left--; left >= 0 {
					return fails(ctx, payload)
				}
				return payload, nil
			}}))(t)
			start := time.Now()
			l.event(t, arn, `{"order":7.10}`)
			time.Sleep(time.Hour)
			var waits []time.Duration
			for i, run := range l.Invocations(arn) {
				waits = append(waits, run.Ended.Sub(start))
				if failed := i < failures; run.RequestID != l.Requests()[0].ID || run.Attempt != i+1 || (run.ErrorType != "") != failed {
					t.Errorf("run %d = %+v, want the same id, failed %v", i, run, failed)
				}
			}
			want := []time.Duration{0, time.Minute, 3 * time.Minute}[:min(failures+1, 3)]
			if diff := cmp.Diff(want, waits); diff != "" {
				t.Errorf("%d failures: runs began after (-want +got):\n%s", failures, diff)
			}
			if failures < 3 {
				if n := l.MessageCount(dead); n != 0 {
					t.Errorf("%d failures: %d records in the destination, want none", failures, n)
				}
				return
			}
			var record any
			if err := json.Unmarshal([]byte(l.arrived(t, dead, 1)[0].Body), &record); err != nil {
				t.Fatal(err)
			}
			wanted := map[string]any{
				"version": "1.0", "timestamp": "2026-12-01T12:03:00.000Z",
				"requestContext": map[string]any{
					"requestId": l.Requests()[0].ID, "functionArn": arn + ":$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3.0,
				},
				"requestPayload":  map[string]any{"order": 7.1},
				"responseContext": map[string]any{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
				"responsePayload": map[string]any{"errorMessage": "no such order", "errorType": "errorString"},
			}
			if diff := cmp.Diff(any(wanted), record); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEventsWait: events take turns within the concurrency, in order, and those that wait too long are given up.
func TestEventsWait(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		dead := must(l.CreateQueue("dead"))(t)
		var running, most atomic.Int64
		arn := must(l.CreateFunction("orders", FunctionOptions{Concurrency: 2, Timeout: 900 * time.Second, OnFailure: dead, Handler: func(_ context.Context, payload []byte) ([]byte, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			time.Sleep(890 * time.Second)
			return payload, nil
		}}))(t)
		for i := range 60 {
			l.event(t, arn, fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		time.Sleep(12 * time.Hour)
		runs := l.Invocations(arn)
		for i, run := range runs {
			if string(run.Payload) != fmt.Sprint(i) {
				t.Errorf("run %d had payload %s, want the order of arrival", i, run.Payload)
			}
		}
		if n := most.Load(); n != 2 {
			t.Errorf("%d ran at once, want 2", n)
		}
		aged := l.Messages(dead)
		if len(runs) != 50 || len(aged) != 10 {
			t.Fatalf("%d ran and %d were given up, want the 50 of the first six hours and 10", len(runs), len(aged))
		}
		var record failedEvent
		if err := json.Unmarshal([]byte(aged[0].Body), &record); err != nil || record.RequestContext.Condition != "EventAgeExceeded" ||
			record.RequestContext.ApproximateInvokeCount != 0 || string(record.RequestPayload) != "50" || record.ResponseContext != nil {
			t.Errorf("record = %s, %v, want EventAgeExceeded of event 50 without a response", aged[0].Body, err)
		}
	})
}

// TestEventsEndWithTheStandIn: the bubble fails if a goroutine is left.
func TestEventsEndWithTheStandIn(t *testing.T) {
	for _, end := range []func(*lab, string){
		func(l *lab, _ string) { _ = l.Close() },
		func(l *lab, arn string) { l.DeleteFunction(arn) },
	} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			ran := 0
			arn := must(l.CreateFunction("orders", FunctionOptions{Concurrency: 1, Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
				ran++
				if ran == 1 {
					return fails(ctx, payload)
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}}))(t)
			for range 3 {
				l.event(t, arn, `1`) // one to be retried, one that runs, one that waits
			}
			time.Sleep(time.Second)
			end(l, arn)
			time.Sleep(time.Hour)
			if ran != 2 {
				t.Errorf("%d runs began, want none after the end", ran)
			}
		})
	}
}

// TestFaultsOfEvents: before the effect nothing is queued, after it the event runs though its sender saw a failure.
func TestFaultsOfEvents(t *testing.T) {
	for _, phase := range []Phase{Before, After} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			arn := must(l.CreateFunction("orders", FunctionOptions{Handler: echoes}))(t)
			must(l.Inject(Fault{Service: "lambda", Action: "Invoke", Phase: phase, Kind: ServerError, Status: 503, Count: 1}))(t)
			in := &lambda.InvokeInput{FunctionName: &arn, InvocationType: types.InvocationTypeEvent, Payload: []byte(`1`)}
			_, err := l.lambda(l.Seed()).Invoke(t.Context(), in)
			time.Sleep(time.Hour)
			want := map[Phase]int{Before: 0, After: 1}[phase]
			if n := l.InvocationCount(arn); n != want || statusOf(err) != 503 {
				t.Errorf("phase %d: %d ran after %v, want %d and status 503", phase, n, err, want)
			}
		})
	}
}
