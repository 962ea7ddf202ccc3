package main

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// refusal is the verdict on a call that failed: by the codes that only Lambda has, else by the rules that all services share.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
func (s *sink) refusal(err error) error {
	code := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	switch code {
	case "InvalidRequestContentException":
		// Not err itself: Lambda's text quotes the payload.
		return s.verdict(forward.Invalid, forward.WithDetail(fmt.Errorf("%w: %s", forward.ErrContent, code),
			"Lambda cannot read what was made of this event as JSON; an operator finds the payload's form in LAMBDA_PAYLOAD"))
	case "RequestEntityTooLargeException", "RequestTooLargeException":
		return s.verdict(forward.Invalid, fmt.Errorf("%w: %w", forward.ErrTooLarge, err))
	case "ResourceNotFoundException":
		return s.verdict(forward.Denied, forward.WithDetail(err,
			"the Lambda function, its alias or its version does not exist; an operator must create it or correct LAMBDA_FUNCTION"))
	case "ResourceConflictException", "ResourceNotReadyException", "SnapStartNotReadyException":
		return s.verdict(forward.Unavailable, forward.WithDetail(err, "the Lambda function is being changed or is not ready yet; send the event again"))
	}
	verdict := awscall.Classify("invoke", err)
	verdict.Err = fmt.Errorf("%s: %w", s.settings.Lambda.Function, verdict.Err)
	return verdict
}

// verdict is an error of that kind that names the function for the operator.
func (s *sink) verdict(kind forward.Kind, err error) error {
	return &forward.Error{Op: "invoke", Kind: kind, Err: fmt.Errorf("%s: %w", s.settings.Lambda.Function, err)}
}
