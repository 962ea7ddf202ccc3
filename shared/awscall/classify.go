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

// meaning is what the failure of a call says, before it becomes a kind.
type meaning int

const (
	proves       meaning = iota // nothing: no answer, a broken one, or the service's own failure; the effect is unknown
	slower                      // events come faster than the target takes them
	signedOut                   // AWS does not take the session any more
	signature                   // AWS does not accept how the request was signed
	permission                  // the role may not
	key                         // the target's own key may not be used
	unrecognised                // AWS refused for a reason that no rule here names
)

// meaningOf reads the code and the status of an answer.
func meaningOf(err error) meaning {
	api, answered := errors.AsType[smithy.APIError](err)
	status := statusOf(err)
	switch {
	case answered && Throttled(api.ErrorCode()), status == http.StatusTooManyRequests: // even with a 5xx
		return slower
	case !answered, status < http.StatusBadRequest, status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return proves
	}
	switch code := api.ErrorCode(); {
	case code == "RequestTimeout", code == "RequestTimeoutException":
		return proves
	case Expired(err):
		return signedOut
	case code == "SignatureDoesNotMatch", code == "InvalidSignatureException", code == "IncompleteSignature",
		code == "RequestExpired", code == "RequestTimeTooSkewed", code == "RequestInTheFuture":
		return signature
	case code == "AuthorizationError", code == "NotAuthorized", strings.HasPrefix(code, "AccessDenied"):
		return permission
	case strings.HasPrefix(code, "KMS"):
		return key
	}
	return unrecognised
}

// Unrecognised tells whether err is a refusal by AWS for a reason that [Classify] does not know. In a batch it may lie in
// one of the entries, so that each has to be tried alone before any is judged.
func Unrecognised(err error) bool {
	_, identity := errors.AsType[identityError](err)
	return !identity && meaningOf(err) == unrecognised
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
	denied := func(detail string) {
		out.Kind, out.Err = forward.Denied, forward.WithDetail(err, detail)
	}
	switch meaningOf(err) {
	case proves:
	case slower:
		out.Kind = forward.Throttled
	case signedOut:
		out.Err = forward.WithDetail(err, "AWS ended the session of the bridge early; it signs in again, send the event again")
	case signature:
		denied("AWS does not accept the bridge's signature; check the clock of its host, and proxies that change requests")
	case permission:
		denied("the AWS role is not permitted to make this call; allow the action on the target in the role's policy, and in the profile's session policy if it has one")
	case key:
		denied("the AWS role may not use the key that encrypts the target; allow it in the role's policy and the key's policy")
	case unrecognised:
		denied("AWS refused the call for a reason that lies in its configuration; the log of the bridge has AWS's text")
	}
	return out
}

// Throttled tells whether an AWS error code means that events come faster than the target takes them.
func Throttled(code string) bool {
	switch code {
	case "Throttling", "Throttled", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestThrottled",
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

// retryAfter is how long the answer behind err asks to wait, 0 if it does not: milliseconds in x-amz-retry-after, which AWS
// gives its SDKs, else whole seconds in Retry-After.
func retryAfter(err error) time.Duration {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.HTTPResponse() == nil || response.Response.Response == nil {
		return 0
	}
	for _, h := range [...]struct {
		name string
		unit time.Duration
	}{{"X-Amz-Retry-After", time.Millisecond}, {"Retry-After", time.Second}} {
		if n, err := strconv.ParseUint(response.Response.Header.Get(h.name), 10, 20); err == nil && n > 0 {
			return time.Duration(n) * h.unit
		}
	}
	return 0
}
