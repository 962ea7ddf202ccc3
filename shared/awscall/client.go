package awscall

import (
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// idleTimeout is below the time after which SNS closes idle connections, so that a call does not meet a closed one.
// Source: https://github.com/aws/aws-sdk-go-v2/issues/3423
const idleTimeout = 15 * time.Second

// NewHTTPClient returns the client for calls to AWS: as many idle connections to a host are kept as calls may be in flight
// there, and an attempt ends after timeout. It is the SDK's own buildable client, so that AWS_CA_BUNDLE applies to it.
func NewHTTPClient(inFlight int, timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 0
		t.MaxIdleConnsPerHost = inFlight
		t.IdleConnTimeout = idleTimeout
	})
}
