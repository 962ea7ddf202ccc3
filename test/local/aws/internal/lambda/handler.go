package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// invokeHandler runs the handler in a goroutine of its own, which may outlive the invocation by as long as it takes to
// notice the end of its context.
func (f *Function) invokeHandler(in Invocation) (Outcome, error) {
	started := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), started.Add(f.config.Timeout))
	defer cancel()
	done := make(chan Outcome, 1)
	f.running.Go(func() { done <- f.handle(ctx, in) })
	var out Outcome
	select {
	case out = <-done:
		if ctx.Err() != nil {
			out = timedOut(in.RequestID, f.config.Timeout)
		}
	case <-ctx.Done():
		out = timedOut(in.RequestID, f.config.Timeout)
	case <-f.done:
		return Outcome{}, ErrClosed
	}
	out.Duration = time.Since(started)
	if in.WithLog {
		out.Log = report(in, f.config, nil, out.Duration)
	}
	return out, nil
}

// handle calls the handler as aws-lambda-go does.
func (f *Function) handle(ctx context.Context, in Invocation) (out Outcome) {
	defer func() {
		if value := recover(); value != nil {
			out = handlerFailure(messages.InvokeResponse_Error{Message: fmt.Sprint(value), Type: typeName(value)})
		}
	}()
	lc := lambdacontext.LambdaContext{AwsRequestID: in.RequestID, InvokedFunctionArn: in.ARN}
	if in.ClientContext != nil {
		if err := json.Unmarshal(in.ClientContext, &lc.ClientContext); err != nil {
			return handlerFailure(messages.InvokeResponse_Error{Message: err.Error(), Type: typeName(err)})
		}
	}
	ctx = lambdacontext.NewContext(ctx, &lc)
	ctx = context.WithValue(ctx, "x-amzn-trace-id", in.TraceID) //nolint:staticcheck // the key of aws-lambda-go
	payload, err := f.config.Handler(ctx, in.Payload)
	if err != nil {
		own, ok := errors.AsType[messages.InvokeResponse_Error](err)
		if !ok {
			own = messages.InvokeResponse_Error{Message: err.Error(), Type: typeName(err)}
		}
		return handlerFailure(own)
	}
	if len(payload) > ResponseBytesMax {
		return tooLarge()
	}
	return Outcome{Payload: payload}
}

func handlerFailure(e messages.InvokeResponse_Error) Outcome {
	document, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("write error document: %v", err)) // strings and numbers
	}
	return reported(document)
}

// typeName is the bare name of a value's type, that of what it points to if it is a pointer.
func typeName(value any) string {
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}
