package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// caller invokes the function and waits for it. Accepted means that the function ran without an error of its own, which
// only the version that ran proves: every answer of Lambda names it, and no other answer does.
type caller struct{ sink }

var _ forward.Caller = (*caller)(nil)

// Call invokes the function and returns its answer.
func (c *caller) Call(ctx context.Context, item forward.Item) (forward.Reply, error) {
	v := item.Payload.(*invocation)
	out, err := c.invoke(ctx, types.InvocationTypeRequestResponse, v)
	switch {
	case err != nil:
		return forward.Reply{}, c.refusal(err)
	case out.FunctionError != nil:
		return forward.Reply{}, c.functionError(out)
	case out.StatusCode != http.StatusOK || aws.ToString(out.ExecutedVersion) == "":
		return forward.Reply{}, c.verdict(forward.Unavailable, errors.New("the reply does not show that the function ran"))
	}
	return c.reply(v.event, out.Payload), nil
}

// Send invokes the function once an item and drops its answers.
func (c *caller) Send(ctx context.Context, items []forward.Item) []error {
	errs := make([]error, len(items))
	for i, item := range items {
		_, errs[i] = c.Call(ctx, item)
	}
	return errs
}

// The error types that Lambda gives itself and that are no verdict of the function.
// Source: https://github.com/localstack/localstack/tree/main/tests/aws/services/lambda_, recorded at AWS 2025-11.
const (
	tooLargeType = "Function.ResponseSizeTooLarge" // the function did its work, and answered more than Lambda passes on
	timedOutType = "Sandbox.Timedout"              // it was cut off
	exitedType   = "Runtime.ExitError"             // its process ended in the middle
)

// functionError is the verdict on a function that failed; nil if it did its work all the same. Of the error's document only
// the type is shown: the message may hold what was sent.
func (c *caller) functionError(out *lambda.InvokeOutput) error {
	var document struct {
		Type string `json:"errorType"`
	}
	_ = json.Unmarshal(out.Payload, &document) // a document that cannot be read has no type to show
	name := typeName(document.Type)
	verdict := func(ran bool, detail string) error {
		return &forward.Error{Op: "invoke", Kind: forward.Unavailable, Ran: ran, Err: forward.WithDetail(
			fmt.Errorf("%s: the function failed with %s; its log has the cause", c.settings.Lambda.Function, name), detail)}
	}
	switch document.Type {
	case tooLargeType:
		c.counters.Add("responses_too_large", 1)
		return nil
	case timedOutType, exitedType:
		return verdict(false, "the Lambda function was cut off in its work ("+name+"), which it may have done; the log of the function has the cause")
	}
	return verdict(true, "the Lambda function failed with "+name+"; the log of the function has the cause")
}

// typeName is an error type as far as it is the name of one: the function chose it, so that it may be anything.
func typeName(s string) string {
	const most = 100
	foreign := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._$:*/-[]<>", c)
	}
	if s == "" || len(s) > most || strings.ContainsFunc(s, foreign) {
		return "an error of no name"
	}
	return s
}
