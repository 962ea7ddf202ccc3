package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// read fills errs from a reply: every entry is failed until the reply shows its acceptance.
func (s *sink) read(reply *sns.PublishBatchOutput, errs []error) []error {
	accepted, failed := make([]bool, len(errs)), make([]bool, len(errs))
	for _, done := range reply.Successful {
		if i, ok := position(done.Id, len(errs)); ok && aws.ToString(done.MessageId) != "" {
			accepted[i] = true
		}
	}
	for i := range errs {
		if !accepted[i] {
			errs[i] = s.wrap(forward.Unavailable, errors.New("the reply does not show that the entry was accepted"))
		}
	}
	for _, entry := range reply.Failed {
		switch i, ok := position(entry.Id, len(errs)); {
		case !ok:
		case accepted[i] || failed[i]:
			// No verdict on the event: a wrong "invalid" would lose it.
			errs[i] = s.wrap(forward.Unavailable, errors.New("the reply contradicts itself about the entry"))
		default:
			failed[i] = true
			errs[i] = s.failure(entry, len(errs))
		}
	}
	return errs
}

// position is the entry that an id of the reply means.
func position(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < n && strconv.Itoa(i) == *id
}

// failure is the verdict on one entry that SNS lists as failed, of a batch of that many. SenderFault alone proves nothing
// about the event.
func (s *sink) failure(failed types.BatchResultErrorEntry, entries int) error {
	code, text := aws.ToString(failed.Code), aws.ToString(failed.Message)
	err := fmt.Errorf("%s: %s", code, text)
	if failed.SenderFault {
		if kind, detail := judge(code, text, entries); kind != 0 {
			return s.wrap(kind, detail(err))
		}
	}
	if awscall.Throttled(code) {
		return s.wrap(forward.Throttled, err)
	}
	return s.wrap(forward.Unavailable, err)
}

// refusal is the verdict on every entry of a call that failed as a whole. If the cause may lie in an entry, SNS does not say
// in which one of several, so each is to be tried alone.
func (s *sink) refusal(err error, entries int) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch kind, detail := judge(api.ErrorCode(), api.ErrorMessage(), entries); {
		case entries > 1 && (kind == forward.Invalid || kind == 0 && awscall.Unrecognised(err)):
			return s.wrap(forward.BatchRefused, err)
		case kind != 0:
			return s.wrap(kind, detail(err))
		}
	}
	verdict := awscall.Classify("publish", err)
	verdict.Err = fmt.Errorf("to %s: %w", s.settings.SNS.TopicARN, verdict.Err)
	return verdict
}

func (s *sink) wrap(kind forward.Kind, err error) error {
	return &forward.Error{Op: "publish", Kind: kind, Err: fmt.Errorf("to %s: %w", s.settings.SNS.TopicARN, err)}
}

// judge reads the codes that only SNS has, in the answer to a batch of that many entries. Kind 0 means that the code and its
// text are none of them; BatchRefused, that the batch was formed wrongly. detail adds what a sender may read.
//
// Texts are compared from their beginning, and those about the configuration first: they may repeat a name that an operator
// chose, and an event that is called invalid by mistake is lost.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html#API_PublishBatch_Errors
func judge(code, text string, entries int) (kind forward.Kind, detail func(error) error) {
	switch code {
	case "NotFound", "NotFoundException":
		return forward.Denied, saying("the SNS topic does not exist; an operator must create it or correct SNS_TOPIC_ARN")
	case "BatchRequestTooLong", "TooManyEntriesInBatchRequest", "EmptyBatchRequest", "BatchEntryIdsNotDistinct", "InvalidBatchEntryId":
		if entries == 1 {
			return forward.Denied, configured // nothing left to split
		}
		return forward.BatchRefused, configured
	case "InvalidParameter", "InvalidParameterException":
		reason := strings.TrimPrefix(text, "Invalid parameter: ")
		switch {
		case begins(reason, "TopicArn", "MessageGroupId", "The MessageGroupId", "MessageDeduplicationId", "The topic should either"):
			return forward.Denied, configured
		case begins(reason, "Message too long"):
			return forward.Invalid, func(err error) error { return fmt.Errorf("%w: %w", forward.ErrTooLarge, err) }
		case begins(reason, "Empty message", "Subject", "Message Structure"):
			return forward.Invalid, content
		}
	case "ParameterValueInvalid", "InvalidParameterValue":
		switch {
		case begins(text, "The message attribute"):
			return forward.Invalid, content
		case strings.Contains(text, "essage attribute name"): // names come from SNS_ATTRIBUTES, not from events
			return forward.Denied, configured
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

func configured(err error) error {
	return forward.WithDetail(err, "SNS refused a parameter that is configured, not sent with the event; an operator finds it in the log of the bridge")
}

func content(err error) error {
	return forward.WithDetail(fmt.Errorf("%w: %w", forward.ErrContent, err), "SNS does not take this event's content; the log of the bridge has its reason")
}
