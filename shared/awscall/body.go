package awscall

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Body makes a call send these bytes in the place of the body that the SDK makes of its input. All else is the SDK's: headers,
// credentials, endpoint, retries, signature, and what it reads in the answer. It is an API option of one call, whose input
// needs only what the SDK's own checks and endpoint rules look at. The bytes must not be changed until the call has ended.
func Body(body []byte) func(*middleware.Stack) error {
	replace := func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (
		middleware.SerializeOutput, middleware.Metadata, error,
	) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("set the body of a call: it has an unexpected request of type %T", in.Request)
		}
		request, err := request.SetStream(bytes.NewReader(body))
		if err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("set the body of a call: %w", err)
		}
		in.Request = request
		return next.HandleSerialize(context.WithValue(ctx, bodyKey{}, body), in)
	}
	return func(stack *middleware.Stack) error {
		return stack.Serialize.Insert(middleware.SerializeMiddlewareFunc("TrustbridgeBody", replace), "OperationSerializer", middleware.After)
	}
}

// bodyKey is where a call's context has the body of [Body].
type bodyKey struct{}

// WriteAtOnce returns the client so that it sends a call's [Body] together with the headers, in one system call where the
// write buffer has room. The SDK wraps bodies in a type of its own, and net/http takes a body that it does not know for one
// that may block: it writes the headers before it, and copies it through a buffer that it makes for each call.
// Source: https://cs.opensource.google/go/go/+/master:src/net/http/transfer.go (isKnownInMemoryReader).
func WriteAtOnce(client aws.HTTPClient) aws.HTTPClient { return atOnce{client} }

type atOnce struct{ client aws.HTTPClient }

// Do makes one attempt of a call.
func (a atOnce) Do(r *http.Request) (*http.Response, error) {
	if body, ok := r.Context().Value(bodyKey{}).([]byte); ok {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return a.client.Do(r)
}
