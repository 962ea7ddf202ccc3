package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type orderError struct{}

func (orderError) Error() string { return "no such order" }

// TestHandler runs in virtual time; the bubble fails if a goroutine is left.
func TestHandler(t *testing.T) {
	for _, tt := range []struct {
		name               string
		handler            Handler
		payload, errorType string
		took               time.Duration
	}{
		{"answer", func(_ context.Context, b []byte) ([]byte, error) { return append([]byte("got "), b...), nil }, "got {}", "", 0},
		{"of aws-lambda-go", lambda.NewHandler(func(in map[string]any) (int, error) { return len(in), nil }).Invoke, "0", "", 0},
		{"error", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") }, `{"errorMessage":"no","errorType":"errorString"}`, "errorString", 0},
		{"typed error", func(context.Context, []byte) ([]byte, error) { return nil, &orderError{} }, `{"errorMessage":"no such order","errorType":"orderError"}`, "orderError", 0},
		{"named error", func(context.Context, []byte) ([]byte, error) {
			return nil, messages.InvokeResponse_Error{Type: "NoOrder", Message: "x"}
		}, `{"errorMessage":"x","errorType":"NoOrder"}`, "NoOrder", 0},
		{"panic", func(context.Context, []byte) ([]byte, error) { panic("boom") }, `{"errorMessage":"boom","errorType":"string"}`, "string", 0},
		{"late", func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"}`, "Sandbox.Timedout", 3 * time.Second},
		{"slow", func(context.Context, []byte) ([]byte, error) { time.Sleep(2 * time.Second); return []byte("1"), nil }, "1", "", 2 * time.Second},
		{"too large", func(context.Context, []byte) ([]byte, error) { return make([]byte, ResponseBytesMax+1), nil },
			`{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, "Function.ResponseSizeTooLarge", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := New(Config{Handler: tt.handler, Version: "7", Timeout: 3 * time.Second, Environments: 1, MemoryMB: 128})
				defer f.Close()
				out, err := f.Invoke(Invocation{RequestID: "r", Payload: []byte("{}"), WithLog: true})
				if err != nil || string(out.Payload) != tt.payload || out.ErrorType != tt.errorType || out.Duration != tt.took {
					t.Errorf("Invoke = %.100s, %q after %v, %v, want %.100s, %q after %v", out.Payload, out.ErrorType, out.Duration, err, tt.payload, tt.errorType, tt.took)
				}
				if want := "START RequestId: r Version: 7\nEND RequestId: r\nREPORT RequestId: r\tDuration: "; !strings.HasPrefix(string(out.Log), want) {
					t.Errorf("log = %s, want %s…", out.Log, want)
				}
			})
		})
	}
}

func TestHandlerContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := ""
		f := New(Config{Timeout: time.Second, Environments: 1, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
			lc, _ := lambdacontext.FromContext(ctx)
			deadline, _ := ctx.Deadline()
			seen = fmt.Sprint(lc.AwsRequestID, lc.InvokedFunctionArn, lc.ClientContext.Custom["k"], ctx.Value("x-amzn-trace-id"), time.Until(deadline))
			return nil, nil
		}})
		defer f.Close()
		if _, err := f.Invoke(Invocation{RequestID: "r ", ARN: "a ", TraceID: "t", ClientContext: []byte(`{"custom":{"k":"v"}}`)}); err != nil || seen != "r a vt1s" {
			t.Errorf("the handler saw %q, %v, want r a vt1s", seen, err)
		}
		out, err := f.Invoke(Invocation{RequestID: "r", ClientContext: []byte(`[]`)})
		if err != nil || out.ErrorType != "UnmarshalTypeError" {
			t.Errorf("Invoke with a client context that is none = %+v, %v", out, err)
		}
	})
}

func TestHandlerEndsWithTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		f := New(Config{Timeout: time.Hour, Environments: 1, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended = true
			return nil, ctx.Err()
		}})
		go func() {
			time.Sleep(time.Second)
			f.Close()
		}()
		if _, err := f.Invoke(Invocation{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Invoke, closed meanwhile = %v, want %v", err, ErrClosed)
		}
		f.Close()
		if !ended {
			t.Error("the handler runs after Close")
		}
	})
}

// TestTimeIsUp: at the very end of its time it does not matter who notices first.
func TestTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Config{Timeout: time.Second, Environments: 1, Handler: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return []byte("late"), nil
		}})
		defer f.Close()
		for range 200 {
			if out, err := f.Invoke(Invocation{}); err != nil || out.ErrorType != "Sandbox.Timedout" {
				t.Fatalf("Invoke = %s %q, %v, want a timeout", out.Payload, out.ErrorType, err)
			}
		}
	})
}

// TestAnswerBeforeTheEnd: a program that answered and ended has answered, whichever is noticed first.
func TestAnswerBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			e := &environment{function: New(Config{Timeout: time.Second}), work: make(chan *job), ended: make(chan struct{}), stop: func() {}}
			go func() {
				j := <-e.work
				j.outcome <- Outcome{Payload: []byte("1")}
				close(e.ended)
			}()
			if out, taken, err := e.invoke(Invocation{WithLog: true}); string(out.Payload) != "1" || out.Failed() || !taken || err != nil {
				t.Fatalf("invoke = %s %q, %v, want the answer", out.Payload, out.ErrorType, err)
			}
		}
	})
}

// TestRuntimeAPIRefuses has what a runtime that breaks the rules is told.
func TestRuntimeAPIRefuses(t *testing.T) {
	e := &environment{current: &job{Invocation: Invocation{RequestID: "1"}, outcome: make(chan Outcome, 1)}}
	for _, tt := range []struct {
		method, path, body string
		status             int
		errorType          string
	}{
		{"GET", "invocation/next", "", 403, "InvalidStateTransition"},
		{"POST", "invocation/2/response", "x", 400, "InvalidRequestID"},
		{"POST", "invocation/2/error", "{}", 400, "InvalidRequestID"},
		{"POST", "invocation/1/error", "no JSON", 202, ""},
		{"POST", "invocation/1/response", "x", 400, "InvalidRequestID"},
		{"POST", "init/error", `{"errorType":"Config"}`, 202, ""},
		{"GET", "invocation/1/response", "", 405, ""},
	} {
		w := httptest.NewRecorder()
		e.api().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, "http://api/2018-06-01/runtime/"+tt.path, strings.NewReader(tt.body)))
		var answer struct{ ErrorType string }
		if w.Code != http.StatusMethodNotAllowed {
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Errorf("%s %s = %s, want JSON", tt.method, tt.path, w.Body)
			}
		}
		if w.Code != tt.status || answer.ErrorType != tt.errorType {
			t.Errorf("%s %s = %d %s, want %d %s", tt.method, tt.path, w.Code, answer.ErrorType, tt.status, tt.errorType)
		}
	}
	if out := <-e.current.outcome; out.ErrorType != "Runtime.Unknown" {
		t.Errorf("outcome of an error without a type = %s, want Runtime.Unknown", out.ErrorType)
	}
	if out := e.failedToStart(Invocation{}); out.ErrorType != "Config" {
		t.Errorf("outcome of a failed start = %s, want the error that the runtime reported", out.ErrorType)
	}
}

func Example() {
	f := New(Config{
		Name: "orders", Version: "$LATEST", Timeout: 3 * time.Second, Environments: 1,
		Handler: func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil },
	})
	defer f.Close()
	out, err := f.Invoke(Invocation{RequestID: "1", Payload: []byte(`{"order":7}`)})
	fmt.Println(string(out.Payload), out.Failed(), err)
	// Output: {"order":7} false <nil>
}
