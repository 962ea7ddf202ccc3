package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/shared/telemetry"
)

// The largest BatchWriteItem: in entries, and in bytes of its request.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
const (
	batchMax      = 25
	batchBytesMax = 16 << 20
)

// Conditional puts go one by one. A sink that makes nothing else gets two items a call, so that its puts in flight are as
// many as the connections that are kept: two for each of the runtime's slots. Beside a batch there are few of them.
const (
	putsAlone  = 2
	putsBeside = 8
)

// sink stores into one table. Accepted means that the reply shows that DynamoDB wrote the item, or holds the same event or, in
// latest, a newer one.
type sink struct {
	plan     *plan
	puts     putRequest
	batches  batchRequest
	client   *dynamodb.Client
	counters *telemetry.Counters
}

// newSink makes the sink of settings that have no problem.
func newSink(s *settings, t bridge.Target) *sink {
	p, _ := newPlan(s)
	return &sink{
		plan: p, puts: newPutRequest(p), batches: newBatchRequest(p), counters: t.Counters,
		client: dynamodb.NewFromConfig(t.AWS, dynamodb.WithAPIOptions(t.Session.RetryExpired)),
	}
}

// Limits is a full batch; 25 of the largest items stay below its bytes.
func (s *sink) Limits() forward.Limits {
	if s.plan.always {
		return forward.Limits{Items: putsAlone}
	}
	return forward.Limits{Items: batchMax}
}

// Send writes the items that need no condition as a batch, and puts the others one by one, some at once.
func (s *sink) Send(ctx context.Context, items []forward.Item) []error {
	errs := make([]error, len(items))
	var batch []int // positions
	var puts sync.WaitGroup
	slots := make(chan struct{}, putsBeside)
	for i := range items {
		r := items[i].Payload.(*row)
		if !r.conditional {
			batch = append(batch, i)
			continue
		}
		puts.Go(func() {
			slots <- struct{}{}
			errs[i] = s.put(ctx, r)
			<-slots
		})
	}
	s.writeAll(ctx, items, batch, errs)
	puts.Wait()
	return errs
}

// writeAll writes the items at these positions, in more than one batch where the request would be too large: an item's JSON
// may have several times its size.
func (s *sink) writeAll(ctx context.Context, items []forward.Item, at []int, errs []error) {
	for len(at) > 0 {
		n, size := 0, len(s.batches.before)+len(s.batches.after)
		for n < len(at) {
			size += len(items[at[n]].Payload.(*row).json) + batchEntryOverhead
			if n > 0 && size > batchBytesMax {
				break
			}
			n++
		}
		rows := make([]*row, n)
		for i, position := range at[:n] {
			rows[i] = items[position].Payload.(*row)
		}
		for i, err := range s.write(ctx, rows) {
			errs[at[i]] = err
		}
		at = at[n:]
	}
}

// sending makes a call send these bytes as its body: the items in them were written as JSON once, when their events arrived,
// and not held as a tree of values, from which the SDK made a batch in three times the time and memory when it was measured. All
// else is the SDK's: headers, credentials, endpoints, retries, signature.
func sending(body []byte) func(*dynamodb.Options) {
	replace := func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected request type %T", in.Request)
		}
		request, err := request.SetStream(bytes.NewReader(body))
		if err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		in.Request = request
		return next.HandleSerialize(ctx, in)
	}
	return dynamodb.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Serialize.Insert(middleware.SerializeMiddlewareFunc("TrustbridgeBody", replace), "OperationSerializer", middleware.After)
	})
}
