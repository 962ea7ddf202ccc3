package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// batchRequest is the body of a BatchWriteItem around its items.
type batchRequest struct {
	before, after []byte
	table         string
}

func newBatchRequest(p *plan) batchRequest {
	before := append(rawjson.AppendString([]byte(`{"RequestItems":{`), p.table), ":["...)
	return batchRequest{before: before, after: []byte(`]}}`), table: p.table}
}

const (
	batchEntryBefore   = `{"PutRequest":{"Item":`
	batchEntryAfter    = `}}`
	batchEntryOverhead = len(batchEntryBefore) + len(batchEntryAfter) + len(",")
)

func (b batchRequest) body(rows []*row) []byte {
	size := len(b.before) + len(b.after)
	for _, r := range rows {
		size += len(r.json) + batchEntryOverhead
	}
	body := append(make([]byte, 0, size), b.before...)
	for i, r := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(append(body, batchEntryBefore...), r.json...), batchEntryAfter...)
	}
	return append(body, b.after...)
}

// write makes one BatchWriteItem; the result is aligned with rows.
func (s *sink) write(ctx context.Context, rows []*row) []error {
	// The items were written as JSON once, when their events arrived, and not held as a tree of values, from which the SDK
	// made a batch in three times the time and memory when it was measured; the input is what its own checks look at.
	out, err := s.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
		RequestItems: map[string][]types.WriteRequest{s.batches.table: nil},
	}, dynamodb.WithAPIOptions(awscall.Body(s.batches.body(rows))))
	errs := make([]error, len(rows))
	if err != nil {
		fill(errs, s.refusal(err, len(rows)))
		return errs
	}
	return s.readBatch(out, rows, errs)
}

// readBatch fills errs from a reply. It proves acceptance by listing what was not processed, if only by an empty list; one
// that lists what nobody sent proves nothing.
func (s *sink) readBatch(out *dynamodb.BatchWriteItemOutput, rows []*row, errs []error) []error {
	if out.UnprocessedItems == nil {
		fill(errs, s.wrap(forward.Unavailable, errors.New("the reply does not show that the batch was processed")))
		return errs
	}
	if len(out.UnprocessedItems) == 0 {
		return errs
	}
	positions := make(map[string]int, len(rows))
	for i, r := range rows {
		positions[r.key()] = i
	}
	for _, requests := range out.UnprocessedItems {
		for _, request := range requests {
			i, known := positions[s.keyOf(request)]
			if !known {
				fill(errs, s.wrap(forward.Unavailable, errors.New("the reply lists items as unprocessed that were not sent")))
				return errs
			}
			errs[i] = s.wrap(forward.Throttled, errors.New("the item was not processed, as DynamoDB does when writes come faster than the table takes them"))
		}
	}
	return errs
}

// keyOf is the key of an entry of a reply, "" if it has none of ours.
func (s *sink) keyOf(request types.WriteRequest) string {
	if request.PutRequest == nil {
		return ""
	}
	r := &row{hash: textOf(request.PutRequest.Item[s.plan.hash.name])}
	if s.plan.sort != nil {
		r.sort = textOf(request.PutRequest.Item[s.plan.sort.name])
	}
	return r.key()
}

// textOf is the text of a string value, "" of others, and of none.
func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func fill(errs []error, err error) {
	for i := range errs {
		errs[i] = err
	}
}
