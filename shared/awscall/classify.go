package awscall

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// identityError is how the errors of the identity's rooms look here: no credentials could be had.
type identityError interface {
	error
	// Outage is true if time may cure it, false if it was a refusal or something to configure.
	Outage() bool
}

// Classify is what the failure of a call to AWS means for each event of the call, by the rules that all services share.
// op is the call in the sink's words, for example "publish"; err must not be nil. Codes that only one service has are read
// by its sink before this.
//
//	Sources: https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html,
//	https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
//	https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func Classify(op string, err error) *forward.Error {
	out := &forward.Error{Op: op, Kind: forward.Unavailable, RetryAfter: retryAfter(err), Err: err}
	if identity, ok := errors.AsType[identityError](err); ok {
		if !identity.Outage() {
			out.Kind = forward.Denied
		}
		return out
	}
	status := statusOf(err)
	var api smithy.APIError
	if !errors.As(err, &api) || status == 0 || status >= http.StatusInternalServerError {
		// No answer, or none that says anything: the effect is unknown. A throttling code may still come with a 5xx.
		if api != nil && Throttled(api.ErrorCode()) {
			return throttle(out)
		}
		return out
	}
	switch code := api.ErrorCode(); {
	case Throttled(code), status == http.StatusTooManyRequests:
		return throttle(out)
	case Expired(err):
		out.Err = forward.WithDetail(err, "AWS ended the session of the bridge early; it signs in again, send the event again")
	case code == "SignatureDoesNotMatch", code == "InvalidSignatureException":
		out.Kind = forward.Denied
		out.Err = forward.WithDetail(err, "AWS does not accept the bridge's signature; check the clock of its host, and proxies that change requests")
	case code == "AuthorizationError", strings.HasPrefix(code, "AccessDenied"):
		out.Kind = forward.Denied
		out.Err = forward.WithDetail(err, "the AWS role is not permitted to make this call; allow the action on the target in the role's policy, and in the profile's session policy if it has one")
	case strings.HasPrefix(code, "KMS"):
		out.Kind = forward.Denied
		out.Err = forward.WithDetail(err, "the AWS role may not use the key that encrypts the target; allow it in the role's policy and the key's policy")
	case status >= http.StatusBadRequest:
		out.Kind = forward.Denied
		out.Err = forward.WithDetail(err, "AWS refused the call for a reason that lies in its configuration; the log of the bridge has AWS's text")
	}
	return out
}

func throttle(e *forward.Error) *forward.Error {
	e.Kind = forward.Throttled
	return e
}

// Throttled tells whether an AWS error code means that events come faster than the target takes them.
func Throttled(code string) bool {
	switch code {
	case "Throttling", "Throttled", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
		"ProvisionedThroughputExceededException", "RequestLimitExceeded", "KMSThrottling", "KMSThrottlingException":
		return true
	}
	return false
}

func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

// retryAfter is how long the answer behind err asks to wait, 0 if it does not: whole seconds in Retry-After, or
// milliseconds in x-amz-retry-after.
func retryAfter(err error) time.Duration {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.HTTPResponse() == nil || response.Response.Response == nil {
		return 0
	}
	for name, unit := range map[string]time.Duration{"X-Amz-Retry-After": time.Millisecond, "Retry-After": time.Second} {
		if n, err := strconv.ParseUint(response.Response.Header.Get(name), 10, 20); err == nil && n > 0 {
			return time.Duration(n) * unit
		}
	}
	return 0
}
