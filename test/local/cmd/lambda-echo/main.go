// Command lambda-echo is a Lambda function for the stand-in: a real aws-lambda-go program whose _HANDLER says what it does.
//
//	echo         answers the payload (the default)
//	cloudevent   answers a CloudEvent about the payload, as JSON
//	describe     answers what it sees of the invocation and its environment
//	fail         fails with an error
//	panic, exit  ends in the middle
//	init         ends before it asks for the first invocation
//	slow         takes as many milliseconds as the payload says, whatever its deadline
//	child        starts a process that would outlive it and answers its id; "hang" and "exit" do so instead
//	big          answers a string that is, in JSON, as many bytes as the payload says
//	talk         writes before and after it answers
//	broken       fails in the middle of its answer
//
// Build it with -tags lambda.norpc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	name := os.Getenv("_HANDLER")
	if name == "init" {
		fmt.Fprintln(os.Stderr, "the configuration is missing")
		os.Exit(4)
	}
	lambda.Start(handler(name))
}

// handler is what _HANDLER names, echo if nothing of that name is here.
func handler(name string) any {
	switch name {
	case "cloudevent":
		return cloudEvent
	case "describe":
		return describe
	case "fail":
		return fail
	case "panic":
		return func(context.Context, json.RawMessage) error { panic("the order is impossible") }
	case "exit":
		return func(context.Context, json.RawMessage) error { os.Exit(3); return nil }
	case "slow":
		return slow
	case "child":
		return child
	case "big":
		return func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n-len(`""`)), nil }
	case "talk":
		return talk
	case "broken":
		return func(context.Context, json.RawMessage) (io.Reader, error) {
			return &talker{reader: io.MultiReader(strings.NewReader(`{"half":`), failing{})}, nil
		}
	}
	return echo{}
}

// echo answers the bytes that it gets.
type echo struct{}

// Invoke is what aws-lambda-go calls.
func (echo) Invoke(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

// failing is a reader that fails.
type failing struct{}

// Read fails.
func (failing) Read([]byte) (int, error) { return 0, errors.New("the answer broke off") }

// cloudEvent answers an event in structured mode.
func cloudEvent(ctx context.Context, payload json.RawMessage) (map[string]any, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return nil, errors.New("there is no Lambda context")
	}
	return map[string]any{
		"specversion": "1.0", "id": lc.AwsRequestID, "source": "/lambda-echo", "type": "trustbridge.echoed",
		"datacontenttype": "application/json", "data": payload,
	}, nil
}

// description is what a function sees.
type description struct {
	Environment []string          `json:"environment"`
	RequestID   string            `json:"request_id"`
	ARN         string            `json:"arn"`
	Trace       string            `json:"trace"`
	Custom      map[string]string `json:"custom"`
	// LeftMS is how long the invocation may still take.
	LeftMS  int64           `json:"left_ms"`
	PID     int             `json:"pid"`
	Payload json.RawMessage `json:"payload"`
}

func describe(ctx context.Context, payload json.RawMessage) (description, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	deadline, bounded := ctx.Deadline()
	if !ok || !bounded {
		return description{}, errors.New("there is no Lambda context")
	}
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	return description{
		Environment: os.Environ(), RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn, Trace: trace,
		Custom: lc.ClientContext.Custom, LeftMS: time.Until(deadline).Milliseconds(), PID: os.Getpid(), Payload: payload,
	}, nil
}

func fail(context.Context, json.RawMessage) error { return errors.New("the order is not known") }

func slow(_ context.Context, milliseconds int64) (int64, error) {
	<-time.After(time.Duration(milliseconds) * time.Millisecond)
	return milliseconds, nil
}

// child starts sleep in this process's group.
func child(ctx context.Context, then string) (int, error) {
	c := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sleep", "300")
	c.Stdout = os.Stdout
	if err := c.Start(); err != nil {
		return 0, err
	}
	fmt.Println("child", c.Process.Pid)
	switch then {
	case "hang":
		select {}
	case "exit":
		os.Exit(0)
	}
	return c.Process.Pid, nil
}

// talk writes a line, answers, and writes another when the answer was read.
func talk(_ context.Context, payload json.RawMessage) (io.Reader, error) {
	fmt.Println("before", string(payload))
	return &talker{reader: strings.NewReader(`"said"`), text: "after " + string(payload)}, nil
}

// talker writes its text when it is closed, which aws-lambda-go does after the response.
type talker struct {
	reader io.Reader
	text   string
}

// Read reads the answer.
func (t *talker) Read(b []byte) (int, error) { return t.reader.Read(b) }

// Close writes the text.
func (t *talker) Close() error {
	_, err := fmt.Println(t.text)
	return err
}
