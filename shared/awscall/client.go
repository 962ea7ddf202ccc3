package awscall

import (
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// idleTimeout is below the time after which SNS closes idle connections, so that a call does not meet a closed one.
// Source: https://github.com/aws/aws-sdk-go-v2/issues/3423
const idleTimeout = 15 * time.Second

// writeBufferBytes holds a full batch of events of 1 KB, so that [WriteAtOnce] can.
const writeBufferBytes = 64 << 10

// NewHTTPClient returns the client for calls to AWS: as many idle connections to a host are kept as calls may be in flight
// there, each has room to write a batch at once, and an attempt ends after timeout. It is the SDK's own buildable client, so
// that AWS_CA_BUNDLE applies to it.
func NewHTTPClient(inFlight int, timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns = 0
		t.WriteBufferSize = writeBufferBytes
		t.MaxIdleConnsPerHost = inFlight
		t.IdleConnTimeout = idleTimeout
	})
}
