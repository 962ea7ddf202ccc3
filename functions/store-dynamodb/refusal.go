package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// refusal is the verdict on every item of a call that failed as a whole. If the cause may lie in an item, DynamoDB does not
// say in which one of several, so each is to be tried alone.
func (s *sink) refusal(err error, items int) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch kind, detail := judge(api.ErrorCode(), api.ErrorMessage()); {
		case items > 1 && (kind == forward.Invalid || kind == forward.BatchRefused || kind == 0 && awscall.Unrecognised(err)):
			return s.wrap(forward.BatchRefused, err)
		case kind == forward.BatchRefused:
			return s.wrap(forward.Denied, detail(err)) // nothing left to split
		case kind != 0:
			return s.wrap(kind, detail(err))
		}
	}
	verdict := awscall.Classify("store", err)
	verdict.Err = fmt.Errorf("in %s: %w", s.plan.table, verdict.Err)
	return verdict
}

func (s *sink) wrap(kind forward.Kind, err error) error {
	return &forward.Error{Op: "store", Kind: kind, Err: fmt.Errorf("in %s: %w", s.plan.table, err)}
}

// judge reads the codes that only DynamoDB has. Kind 0 means that the code and its text are none of them; BatchRefused, that
// the batch was formed wrongly. detail adds what a sender may read.
//
// Texts are compared from their beginning: they may go on with names that an operator chose.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
func judge(code, text string) (kind forward.Kind, detail func(error) error) {
	switch code {
	case "ResourceNotFoundException":
		return forward.Denied, saying("the DynamoDB table does not exist; an operator must create it or correct DYNAMODB_TABLE")
	case "ItemCollectionSizeLimitExceededException":
		return forward.Denied, saying("the table takes no more items under this partition key, since it has a local index; an operator must choose another key by DYNAMODB_KEY")
	case "TransactionConflictException", "ReplicatedWriteConflictException", "TransactionInProgressException":
		return forward.Unavailable, saying("another write to the same item is under way; send the event again")
	case "ValidationException":
		return judgeValidation(strings.TrimPrefix(strings.TrimPrefix(text, "One or more parameter values were invalid: "), "One or more parameter values are not valid. "))
	}
	return 0, nil
}

func judgeValidation(reason string) (forward.Kind, func(error) error) {
	switch {
	case begins(reason, "Missing the key", "Type mismatch for key", "The provided key element does not match the schema"):
		return forward.Denied, func(err error) error {
			return forward.WithDetail(fmt.Errorf("the table has another key than DYNAMODB_KEY and DYNAMODB_SORT_KEY say, whose attributes are strings: %w", err),
				"the table has another key than the settings DYNAMODB_KEY and DYNAMODB_SORT_KEY say; an operator must correct them")
		}
	case begins(reason, "Provided list of item keys contains duplicates", "Too many items requested"):
		return forward.BatchRefused, saying("DynamoDB refused the batch as it was formed; an operator finds its reason in the log of the bridge")
	case begins(reason, "Item size has exceeded", "Item size to update has exceeded"):
		return forward.Invalid, func(err error) error { return fmt.Errorf("%w: %w", forward.ErrTooLarge, err) }
	case begins(reason, "Size of hashkey", "Aggregated size of all range keys", "The AttributeValue for a key attribute cannot contain an empty",
		"Number overflow", "Number underflow", "Attempting to store more than", "The parameter cannot be converted to a numeric value", "Nesting Levels have exceeded"):
		return forward.Invalid, func(err error) error {
			return forward.WithDetail(fmt.Errorf("%w: %w", forward.ErrContent, err), "DynamoDB does not take this event's content; the log of the bridge has its reason")
		}
	}
	return 0, nil
}

func begins(text string, with ...string) bool {
	return slices.ContainsFunc(with, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

func saying(detail string) func(error) error {
	return func(err error) error { return forward.WithDetail(err, detail) }
}
