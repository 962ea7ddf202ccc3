package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

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
		client: sns.NewFromConfig(t.AWS, func(o *sns.Options) {
			o.APIOptions = append(o.APIOptions, t.Session.RetryExpired)
			o.HTTPClient = awscall.WriteAtOnce(o.HTTPClient)
		}),
		counters: t.Counters,
	}
}

// Limits is a full batch: 10 entries, and together not more bytes than one message may have. SNS publishes the entries of a
// call in their order.
func (s *sink) Limits() forward.Limits {
	return forward.Limits{Items: batchMax, Bytes: int(s.settings.SNS.MaxBytes), Together: s.settings.SNS.FIFOBatch}
}

// Send publishes the items in one call.
func (s *sink) Send(ctx context.Context, items []forward.Item) []error {
	// The entries are in the body; the input is what the SDK's own checks look at.
	reply, err := s.client.PublishBatch(ctx, &sns.PublishBatchInput{
		TopicArn: aws.String(s.settings.SNS.TopicARN), PublishBatchRequestEntries: []types.PublishBatchRequestEntry{},
	}, sns.WithAPIOptions(awscall.Body(s.form(items))))
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
