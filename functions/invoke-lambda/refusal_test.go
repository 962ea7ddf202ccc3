package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// refusing is a network that answers as Lambda does when it refuses a call.
func refusing(status int, code, text string) network {
	return network{status: status, header: http.Header{"X-Amzn-Errortype": {code}, "Content-Type": {"application/json"}, "Retry-After": {"7"}},
		body: `{"Type":"User","message":"` + text + `"}`}
}

// TestRefusedCalls: what Lambda says of a whole call, alike for both kinds. The texts are those of local-aws.md in spec.
func TestRefusedCalls(t *testing.T) {
	const invalid, denied, throttled, unavailable = forward.Invalid, forward.Denied, forward.Throttled, forward.Unavailable
	for name, tc := range map[string]struct {
		answer network
		kind   forward.Kind
		cause  error  // that stands in the chain
		says   string // the detail
	}{
		"not JSON":           {refusing(400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: s3cret"), invalid, forward.ErrContent, "LAMBDA_PAYLOAD"},
		"too large":          {refusing(413, "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"), invalid, forward.ErrTooLarge, "size limit"},
		"too large, model":   {refusing(413, "RequestTooLargeException", "x"), invalid, forward.ErrTooLarge, "size limit"},
		"413 of a proxy":     {network{status: 413, body: "<html>"}, unavailable, nil, ""},
		"no function":        {refusing(404, "ResourceNotFoundException", "Function not found: x"), denied, nil, "LAMBDA_FUNCTION"},
		"being changed":      {refusing(409, "ResourceConflictException", "x"), unavailable, nil, "being changed"},
		"SnapStart":          {refusing(409, "SnapStartNotReadyException", "x"), unavailable, nil, "not ready"},
		"not ready":          {refusing(502, "ResourceNotReadyException", "x"), unavailable, nil, "not ready"},
		"network interface":  {refusing(502, "ENILimitReachedException", "x"), unavailable, nil, ""},
		"EC2":                {refusing(502, "EC2ThrottledException", "x"), unavailable, nil, ""},
		"KMS":                {refusing(502, "KMSAccessDeniedException", "x"), unavailable, nil, ""},
		"subnet":             {refusing(502, "SubnetIPAddressLimitReachedException", "x"), unavailable, nil, ""},
		"throttled":          {refusing(429, "TooManyRequestsException", "Rate Exceeded."), throttled, nil, "fewer events"},
		"429 of a proxy":     {network{status: 429, body: "slow down"}, throttled, nil, "fewer events"},
		"no permission":      {refusing(403, "AccessDeniedException", "User: x is not authorized to perform: lambda:InvokeFunction on resource: y"), denied, nil, "permitted"},
		"signature":          {refusing(403, "InvalidSignatureException", "x"), denied, nil, "signature"},
		"session":            {refusing(403, "ExpiredTokenException", "x"), unavailable, nil, "signs in again"},
		"unknown session":    {refusing(403, "UnrecognizedClientException", "x"), unavailable, nil, "signs in again"},
		"internal":           {refusing(500, "ServiceException", "x"), unavailable, nil, ""},
		"other 4xx":          {refusing(400, "SomethingNew", "x"), denied, nil, "configuration"},
		"parameter":          {refusing(400, "InvalidParameterValueException", "x"), denied, nil, "configuration"},
		"media type":         {refusing(415, "UnsupportedMediaTypeException", "x"), denied, nil, "configuration"},
		"page of a proxy":    {network{status: 503, body: "<html>"}, unavailable, nil, ""},
		"200, and no Lambda": {network{status: 200, body: "<html>"}, unavailable, nil, ""},
		"204":                {network{status: 204}, unavailable, nil, ""},
		"moved":              {network{status: 302, body: "x"}, unavailable, nil, ""},
	} {
		for kind, change := range map[string]func(*settings){"event": nil, "request-response": waiting} {
			t.Run(name+" "+kind, func(t *testing.T) {
				s, e := sinkOn(t, tc.answer, change), order()
				item, err := s.Prepare(&e, "")
				if err != nil {
					t.Fatal(err)
				}
				err = s.Send(t.Context(), []forward.Item{item})[0]
				if err == nil || forward.KindOf(err) != tc.kind {
					t.Fatalf("Send() = %v, want %v", err, tc.kind)
				}
				if tc.cause != nil && !errors.Is(err, tc.cause) {
					t.Errorf("Send() = %v, want %v in its chain", err, tc.cause)
				}
				verdict, ok := errors.AsType[*forward.Error](err)
				if !ok || verdict.Ran || !strings.Contains(err.Error(), functionARN) {
					t.Errorf("Send() = %#v, want an error that names the function, which did not run", err)
				}
				if tc.kind == throttled && tc.answer.header != nil && verdict.RetryAfter != 7*time.Second {
					t.Errorf("Send() asks to wait %v, want the 7 s of the answer", verdict.RetryAfter)
				}
				if detail := forward.Detail(err); !strings.Contains(detail, tc.says) || strings.Contains(detail, "arn:") {
					t.Errorf("Detail() = %q, want it to say %q, without ARN", detail, tc.says)
				}
				if strings.Contains(err.Error()+forward.Detail(err), "s3cret") {
					t.Errorf("Send() = %v, want nothing of the payload, which Lambda's text quotes", err)
				}
			})
		}
	}
}
