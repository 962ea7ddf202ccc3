package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// sink has Lambda queue events for one function. Accepted means that Lambda queued the event (202); the function has not
// run yet, and what becomes of an event that it fails on is up to its on-failure destination.
type sink struct {
	settings *settings
	function function
	client   *lambda.Client
	counters *telemetry.Counters
}

// newSink returns the sink, a [caller] if invocations wait. The settings have passed Check.
func newSink(s *settings, t bridge.Target) forward.Sink {
	out := sink{settings: s, counters: t.Counters}
	out.function, _ = parseFunction(s.Lambda.Function)
	out.client = lambda.NewFromConfig(t.AWS, func(o *lambda.Options) {
		o.APIOptions = append(o.APIOptions, t.Session.RetryExpired)
		o.HTTPClient = pooled(o.HTTPClient, s.Lambda.Concurrency)
		if s.waits() {
			o.Retryer = aws.NopRetryer{} // the function may have run: only its sender can decide to run it again
			o.HTTPClient = patient(o.HTTPClient)
		}
	})
	if s.waits() {
		return &caller{out}
	}
	return &out
}

// pooled is the client with room for as many idle connections as there are calls in flight: each invocation has one for
// itself, and one that is not kept costs the next invocation a handshake. Their write buffers are net/http's own of some KB:
// they are many, and there are no batches to write at once.
func pooled(client lambda.HTTPClient, calls int) lambda.HTTPClient {
	if buildable, ok := client.(*awshttp.BuildableClient); ok {
		return buildable.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, calls)
			t.WriteBufferSize = 0
		})
	}
	return client
}

// patient is the client without limits of its own for an attempt or for silence: a function may run for minutes before the
// first byte, and the sender's deadline is the limit.
func patient(client lambda.HTTPClient) lambda.HTTPClient {
	if buildable, ok := client.(*awshttp.BuildableClient); ok {
		return buildable.WithTimeout(0).WithReadTimeout(0)
	}
	return client
}

// Limits is one event a call: Lambda has no batches.
func (s *sink) Limits() forward.Limits {
	return forward.Limits{Items: 1, Calls: s.settings.Lambda.Concurrency}
}

// Send has the items queued, one call each; by the limits there is one.
func (s *sink) Send(ctx context.Context, items []forward.Item) []error {
	errs := make([]error, len(items))
	for i, item := range items {
		out, err := s.invoke(ctx, types.InvocationTypeEvent, item.Payload.(*invocation))
		switch {
		case err != nil:
			errs[i] = s.refusal(err)
		case out.StatusCode != http.StatusAccepted || len(out.Payload) > 0: // Lambda's own answer has no body
			errs[i] = s.verdict(forward.Unavailable, errors.New("the reply does not show that the event was queued"))
		}
	}
	return errs
}

// invoke makes the call.
func (s *sink) invoke(ctx context.Context, how types.InvocationType, v *invocation) (*lambda.InvokeOutput, error) {
	in := &lambda.InvokeInput{FunctionName: aws.String(s.function.address), InvocationType: how, Payload: v.payload}
	if s.function.qualifier != "" {
		in.Qualifier = aws.String(s.function.qualifier)
	}
	if v.trace == "" {
		return s.client.Invoke(ctx, in)
	}
	return s.client.Invoke(ctx, in, lambda.WithAPIOptions(smithyhttp.SetHeaderValue("X-Amzn-Trace-Id", v.trace)))
}
