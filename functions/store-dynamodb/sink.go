package main

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/trustbridge/trustbridge/shared/awscall"
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
		client: dynamodb.NewFromConfig(t.AWS, func(o *dynamodb.Options) {
			o.APIOptions = append(o.APIOptions, t.Session.RetryExpired)
			o.HTTPClient = awscall.WriteAtOnce(o.HTTPClient)
		}),
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
