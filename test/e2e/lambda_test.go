package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
)

// echo is the Lambda function that answers what it gets.
func echo() local.Lambda {
	return local.Lambda{Handler: func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }}
}

// withFunction replaces the scenario's Lambda function.
func (s *system) withFunction(function local.Lambda) {
	s.t.Helper()
	s.stand.AWS.DeleteFunction(s.FunctionARN)
	_, err := s.stand.AWS.CreateFunction("orders", function)
	if err == nil {
		_, err = s.stand.AWS.CreateAlias(s.FunctionARN, "live", "$LATEST")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

var plainSettings = []string{"LAMBDA_INVOCATION=request-response", "HTTP_EVENT_TYPE=order.v1", "HTTP_EVENT_SOURCE=/erp"}

// plain posts what curl --json would.
func (s *system) plain(body string) reply {
	s.t.Helper()
	return s.post(map[string]string{"content-type": "application/json"}, []byte(body))
}

func TestPlainCallerGetsTheFunctionsOwnAnswer(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.withFunction(local.Lambda{Handler: func(context.Context, []byte) ([]byte, error) { return []byte(`{"total":1.10}`), nil }})
	s.startFunction("invoke-lambda", append(plainSettings, "LAMBDA_PAYLOAD=data")...)
	if answer := s.plain(`{"order":7}`); answer.status != 200 || string(answer.body) != `{"total":1.10}` {
		t.Errorf("answer = %d %s, want the function's own with 200", answer.status, answer.body)
	}
	if runs := s.stand.AWS.Invocations(s.FunctionARN); len(runs) != 1 || string(runs[0].Payload) != `{"order":7}` {
		t.Errorf("the function ran %d times, want once with what was posted", len(runs))
	}
	if answer := s.send("event"); answer.status != 204 || len(answer.body) != 0 {
		t.Errorf("answer to a CloudEvent = %d %s, want 204: the function's answer is none", answer.status, answer.body)
	}
}

func TestPlainCallerOfAnAsynchronousFunction(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.startFunction("invoke-lambda", "HTTP_EVENT_TYPE=order.v1", "HTTP_EVENT_SOURCE=/erp")
	if answer := s.plain(`{"order":7}`); answer.status != 204 || len(answer.body) != 0 {
		t.Errorf("answer = %d %s, want 204", answer.status, answer.body)
	}
	if _, err := s.stand.AWS.WaitInvocations(t.Context(), s.FunctionARN, 1); err != nil {
		t.Error(err)
	}
}

func TestPlainSendersPublishAndStore(t *testing.T) {
	for _, function := range []string{"publish-sns", "store-dynamodb"} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, local.Config{})
			s.startFunction(function, "HTTP_EVENT_TYPE=order.v1", "HTTP_EVENT_SOURCE=/erp")
			header := map[string]string{"content-type": "application/json", "idempotency-key": "order-7"}
			for range 2 {
				if answer := s.post(header, []byte(`{"order":7}`)); answer.status != 204 {
					t.Fatalf("answer = %d %s, want 204", answer.status, answer.body)
				}
			}
			if function == "publish-sns" {
				if _, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, 2); err != nil {
					t.Error(err)
				}
				return
			}
			if ids := s.arrived(t, function); len(ids) != 1 || ids[0] != "order-7" {
				t.Errorf("%v are stored, want the order once, by its key", ids)
			}
		})
	}
}

func TestFunctionError(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.withFunction(local.Lambda{Handler: func(context.Context, []byte) ([]byte, error) { return nil, errors.New("secret-of-the-function") }})
	s.startFunction("invoke-lambda", plainSettings...)
	for name, tc := range map[string]struct {
		answer reply
		status int
	}{
		"a plain caller":      {s.plain(`{"order":"payload-of-ours"}`), 502},
		"a CloudEvent sender": {s.send("event"), 503},
	} {
		if tc.answer.status != tc.status || !strings.Contains(tc.answer.detail, "errorString") {
			t.Errorf("%s: answer = %d %s, want %d with the error's type", name, tc.answer.status, tc.answer.body, tc.status)
		}
		for _, secret := range []string{"secret-of-the-function", "payload-of-ours", "arn:"} {
			if strings.Contains(string(tc.answer.body), secret) {
				t.Errorf("%s: the answer %s shows %q", name, tc.answer.body, secret)
			}
		}
	}
	if n := s.stand.AWS.InvocationCount(s.FunctionARN); n != 2 {
		t.Errorf("the function ran %d times for two requests, want each once: only its sender can decide to run it again", n)
	}
}

func TestFunctionSlowerThanTheSendersDeadline(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.withFunction(local.Lambda{Timeout: 30 * time.Second, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	s.startFunction("invoke-lambda", append(plainSettings, "REQUEST_TIMEOUT=3s")...)
	start := time.Now()
	answer := s.send("slow")
	if took := time.Since(start); answer.status != 503 || took < 1900*time.Millisecond || took > 15*time.Second { // this machine may be busy
		t.Errorf("answer after %v = %d %s, want 503 a second before the sender's 3s, and not the function's 30s", took, answer.status, answer.body)
	}
	if answer.header.Get("Retry-After") == "" || !strings.Contains(answer.detail, "may have been delivered") {
		t.Errorf("the answer %s does not say that the effect is unknown", answer.body)
	}
}
