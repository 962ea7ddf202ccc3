package forward_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// printer is a target that takes everything but what says "no".
type printer struct{}

func (printer) Limits() forward.Limits { return forward.Limits{Items: 10} }

func (printer) Prepare(e *event.Event, _ string) (forward.Item, error) {
	return forward.Item{Size: len(e.Data()), Payload: string(e.Data())}, nil
}

func (printer) Send(_ context.Context, items []forward.Item) []error {
	errs := make([]error, len(items))
	for i, item := range items {
		if item.Payload == "no" {
			errs[i] = &forward.Error{Op: "print", Kind: forward.Denied, Err: errors.New("not permitted")}
		}
	}
	return errs
}

func Example() {
	f := forward.New(printer{}, forward.Config{})
	defer f.Close()

	var events []event.Event
	for _, data := range []string{"yes", "no"} {
		e := event.New()
		_ = e.SetData("text/plain", data)
		events = append(events, e)
	}
	for i, err := range f.Forward(context.Background(), events, "") {
		fmt.Println(i, err)
	}
	// Output:
	// 0 <nil>
	// 1 print: not permitted
}
