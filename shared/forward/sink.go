package forward

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Sink is a target. Every method may be called from many goroutines at once.
type Sink interface {
	// Prepare maps an event to what will be sent, once, in its request's goroutine and before the queue: payload, size,
	// ordering key. trace is the traceparent of the request that brought the event, "" if it had none; it stands for an
	// event that carries none of its own. An error is the event's verdict: nothing is queued.
	Prepare(e *event.Event, trace string) (Item, error)

	// Send delivers the items in one call to the target. The result is aligned with them and has exactly len(items)
	// elements: errs[i] is nil if and only if the target has durably accepted items[i]. An item counts as failed until
	// the reply shows its acceptance. Errors are *Error. Send does not retry, and does not keep items after it returns.
	Send(ctx context.Context, items []Item) []error

	// Limits is what one Send may hold; constant.
	Limits() Limits
}

// Limits is the largest batch a target takes in one call.
type Limits struct {
	// Items is the largest number of items; at least 1.
	Items int
	// Bytes is the largest sum of [Item.Size]; 0 means no limit.
	Bytes int
	// Calls is the largest number of calls in flight, in the place of [Config.BatchSlots]; 0 leaves it at that.
	Calls int
	// Together lets one batch hold several items of a key, in the order they were queued, for a target that keeps the
	// order within a call. It is faster, and weaker: an item that fails alone is sent again after those of its batch
	// that came behind it. False means one item of a key at a time.
	Together bool
}

// Item is an event as its sink will send it.
type Item struct {
	// Key orders: of two items with one key, the one queued first is sent and settled first. "" has no order.
	Key string
	// Size is the item's size in bytes as the target counts it.
	Size int
	// Payload is the sink's own; forward does not look at it.
	Payload any
}
