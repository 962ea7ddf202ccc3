package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// batchMax is the most entries of one PublishBatch.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
const batchMax = 10

// sink publishes to one topic. Accepted means that SNS stored the message: its entry is among the successful ones of the
// reply, with a message id, and not among the failed ones.
type sink struct {
	settings *settings
	client   *sns.Client
	counters *telemetry.Counters
}

func newSink(s *settings, t bridge.Target) *sink {
	return &sink{
		settings: s,
		client:   sns.NewFromConfig(t.AWS, sns.WithAPIOptions(t.Session.RetryExpired)),
		counters: t.Counters,
	}
}

// Limits is a full batch: 10 entries, and together not more bytes than one message may have.
func (s *sink) Limits() forward.Limits {
	return forward.Limits{Items: batchMax, Bytes: int(s.settings.SNS.MaxBytes)}
}

// Send publishes the items in one call.
func (s *sink) Send(ctx context.Context, items []forward.Item) []error {
	entries := make([]types.PublishBatchRequestEntry, len(items))
	for i, item := range items {
		m := item.Payload.(*message)
		entries[i] = types.PublishBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), Message: aws.String(m.body), MessageAttributes: m.attributes,
		}
	}
	reply, err := s.client.PublishBatch(ctx, &sns.PublishBatchInput{
		TopicArn: aws.String(s.settings.SNS.TopicARN), PublishBatchRequestEntries: entries,
	})
	errs := make([]error, len(items))
	if err != nil {
		verdict := s.refusal(err, len(items))
		for i := range errs {
			errs[i] = verdict
		}
		return errs
	}
	return s.read(reply, errs)
}

// read fills errs from a reply: every entry is failed until the reply shows its acceptance.
func (s *sink) read(reply *sns.PublishBatchOutput, errs []error) []error {
	accepted := make([]bool, len(errs))
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
	for _, failed := range reply.Failed {
		if i, ok := position(failed.Id, len(errs)); ok {
			errs[i] = s.failure(failed)
		}
	}
	return errs
}

// position is the entry that an id of the reply means.
func position(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < n && strconv.Itoa(i) == *id
}

// failure is the verdict on one entry that SNS lists as failed. SenderFault alone proves nothing about the event.
func (s *sink) failure(failed types.BatchResultErrorEntry) error {
	code, text := aws.ToString(failed.Code), aws.ToString(failed.Message)
	err := fmt.Errorf("%s: %s", code, text)
	if failed.SenderFault {
		if kind, cause := judge(code, text); kind != 0 {
			return s.wrap(kind, cause(err))
		}
	}
	if awscall.Throttled(code) {
		return s.wrap(forward.Throttled, err)
	}
	return s.wrap(forward.Unavailable, err)
}

// refusal is the verdict on every entry of a call that failed as a whole. If the cause lies in an entry, SNS does not say
// in which one of several.
func (s *sink) refusal(err error, entries int) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch kind, cause := judge(api.ErrorCode(), api.ErrorMessage()); {
		case kind == forward.BatchRefused && entries == 1:
			return s.wrap(forward.Denied, cause(err)) // nothing left to split
		case kind == forward.Invalid && entries > 1:
			return s.wrap(forward.BatchRefused, err)
		case kind != 0:
			return s.wrap(kind, cause(err))
		}
	}
	verdict := awscall.Classify("publish", err)
	verdict.Err = fmt.Errorf("to %s: %w", s.settings.SNS.TopicARN, verdict.Err)
	return verdict
}

func (s *sink) wrap(kind forward.Kind, err error) error {
	return &forward.Error{Op: "publish", Kind: kind, Err: fmt.Errorf("to %s: %w", s.settings.SNS.TopicARN, err)}
}

// judge reads the codes that only SNS has. Kind 0 means that the code is none of them; BatchRefused, that the batch was
// formed wrongly. cause adds what a sender may read.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html#API_PublishBatch_Errors
func judge(code, text string) (kind forward.Kind, cause func(error) error) {
	say := func(detail string) func(error) error {
		return func(err error) error { return forward.WithDetail(err, detail) }
	}
	configured := say("SNS refused a parameter that is configured, not sent with the event; an operator finds it in the log of the bridge")
	content := func(err error) error {
		return forward.WithDetail(fmt.Errorf("%w: %w", forward.ErrContent, err), "SNS does not take this event's content; the log of the bridge has its reason")
	}
	switch code {
	case "NotFound", "NotFoundException":
		return forward.Denied, say("the SNS topic does not exist; an operator must create it or correct SNS_TOPIC_ARN")
	case "BatchRequestTooLong", "TooManyEntriesInBatchRequest", "EmptyBatchRequest", "BatchEntryIdsNotDistinct", "InvalidBatchEntryId":
		return forward.BatchRefused, configured
	case "InvalidParameter", "InvalidParameterException":
		switch {
		case strings.Contains(text, "Message too long"):
			return forward.Invalid, func(err error) error { return fmt.Errorf("%w: %w", forward.ErrTooLarge, err) }
		case strings.Contains(text, "Empty message"), strings.Contains(text, "Subject"), strings.Contains(text, "Message Structure"):
			return forward.Invalid, content
		}
		return forward.Denied, configured
	case "ParameterValueInvalid", "InvalidParameterValue":
		if strings.Contains(text, "essage attribute") {
			return forward.Invalid, content
		}
		return forward.Denied, configured
	}
	return 0, nil
}
