package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// effect is what a fault leaves behind.
type effect int

const (
	nothing effect = iota
	everything
	half
)

// expectation is what the suite expects while a fault lasts.
type expectation struct {
	fault  Fault
	effect effect
	kinds  []forward.Kind // of the items that failed
}

func expectations() []expectation {
	unknown := []forward.Kind{forward.Unavailable}
	return []expectation{
		{ConnectionBefore, nothing, unknown},
		{ConnectionAfter, everything, unknown},
		{ServerBefore, nothing, unknown},
		{ServerAfter, everything, unknown},
		{Throttled, nothing, []forward.Kind{forward.Throttled}},
		{Permission, nothing, []forward.Kind{forward.Denied}},
		{Session, nothing, unknown},
		{NoTarget, nothing, []forward.Kind{forward.Denied}},
		{Truncated, everything, unknown},
		{Empty, everything, unknown},
		{Foreign, nothing, unknown},
		{Partial, half, []forward.Kind{forward.Unavailable, forward.Throttled}},
		{NoIDs, everything, unknown},
		{ForeignIDs, nothing, unknown},
	}
}

func cases() []testCase {
	out := []testCase{
		{"accepts one", func(ctx context.Context, t Target) error { return accepts(ctx, t, 1) }},
		{"accepts a full batch", func(ctx context.Context, t Target) error { return accepts(ctx, t, t.Sink().Limits().Items) }},
		{"is used concurrently", concurrent},
		{"keeps no items", keepsNothing},
		{"takes the largest item", largest},
		{"refuses one byte more", tooLarge},
		{"knows the size of a batch", fullBatch},
		{"replaces an expired session once", expiredOnce},
		{"prepares without effect", prepares},
		{"keeps the order of a key", ordered},
	}
	for _, e := range expectations() {
		for _, n := range []int{1, 10} {
			out = append(out, testCase{fmt.Sprintf("%s, %d", e.fault, n), func(ctx context.Context, t Target) error { return fails(ctx, t, e, n) }})
		}
	}
	return out
}

// send prepares events and sends their items in one call.
func send(ctx context.Context, sink forward.Sink, events ...event.Event) ([]error, error) {
	items := make([]forward.Item, len(events))
	for i := range events {
		item, err := sink.Prepare(&events[i], "")
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", events[i].ID(), err)
		}
		items[i] = item
	}
	errs := sink.Send(ctx, items)
	if len(errs) != len(items) {
		return nil, fmt.Errorf("Send() of %d items gave %d verdicts", len(items), len(errs))
	}
	return errs, nil
}

func events(t Target, prefix string, n int) ([]event.Event, []string) {
	var out []event.Event
	var ids []string
	for i := range n {
		id := fmt.Sprintf("%s-%d", prefix, i)
		out, ids = append(out, t.Event(id)), append(ids, id)
	}
	return out, ids
}

func accepts(ctx context.Context, t Target, n int) error {
	list, ids := events(t, "e", n)
	errs, err := send(ctx, t.Sink(), list...)
	if err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("verdicts = %w, want all accepted", err)
	}
	return holds(t, ids)
}

// holds checks that the target holds exactly these.
func holds(t Target, want []string) error {
	got := slices.Clone(t.Accepted())
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		return fmt.Errorf("the target holds %v, want %v", got, want)
	}
	return nil
}

// fails checks a batch of n while the fault lasts, and that the same items are accepted when it has ended.
func fails(ctx context.Context, t Target, want expectation, n int) error {
	sink := t.Sink()
	n = min(n, sink.Limits().Items)
	if want.effect == half && n < 2 {
		return nil // half of one is a whole: a case of the other faults
	}
	list, ids := events(t, "e", n)
	if !t.Break(want.fault, 0) {
		return nil
	}
	errs, err := send(ctx, sink, list...)
	if err != nil {
		return err
	}
	held := t.Accepted()
	failed := 0
	for i, err := range errs {
		present := slices.Contains(held, ids[i])
		switch {
		case err == nil && !present:
			return fmt.Errorf("item %d is called accepted, and the target does not hold it", i)
		case err == nil:
			continue
		}
		failed++
		var verdict *forward.Error
		if !errors.As(err, &verdict) {
			return fmt.Errorf("item %d: %w is no *forward.Error", i, err)
		}
		if kind := verdict.Kind; !slices.Contains(want.kinds, kind) && (kind != forward.BatchRefused || n == 1) {
			return fmt.Errorf("item %d: %w is %v, want one of %v", i, err, kind, want.kinds)
		}
		if present != (want.effect == everything) {
			return fmt.Errorf("item %d failed; held by the target: %t, want %t", i, present, want.effect == everything)
		}
	}
	switch {
	case want.effect == half && (failed == 0 || failed == n):
		return fmt.Errorf("%d of %d items failed, want some", failed, n)
	case want.effect != half && failed != n:
		return fmt.Errorf("%d of %d items failed, want all", failed, n)
	}
	t.Heal()
	again, _ := events(t, "e", n)
	if errs, err = send(ctx, sink, again...); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("verdicts when the fault has ended = %w, want all accepted", err)
	}
	return nil
}

func concurrent(ctx context.Context, t Target) error {
	sink := t.Sink()
	var mu sync.Mutex
	var problems []error
	var all []string
	var wg sync.WaitGroup
	for s := range 8 {
		list, ids := events(t, fmt.Sprintf("s%d", s), min(5, sink.Limits().Items))
		all = append(all, ids...)
		wg.Go(func() {
			errs, err := send(ctx, sink, list...)
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, append(errs, err)...)
		})
	}
	wg.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	return holds(t, all)
}

// keepsNothing uses one slice of items for two calls, as forward does.
func keepsNothing(ctx context.Context, t Target) error {
	sink := t.Sink()
	items := make([]forward.Item, 1)
	for _, id := range []string{"first", "second"} {
		e := t.Event(id)
		item, err := sink.Prepare(&e, "")
		if err != nil {
			return err
		}
		items[0] = item
		if errs := sink.Send(ctx, items); len(errs) != 1 || errs[0] != nil {
			return fmt.Errorf("Send() of %s = %v, want accepted", id, errs)
		}
		items[0] = forward.Item{}
	}
	return holds(t, []string{"first", "second"})
}

func largest(ctx context.Context, t Target) error {
	e := t.Sized("large", t.ItemMax())
	item, err := t.Sink().Prepare(&e, "")
	if err != nil {
		return err
	}
	if item.Size != t.ItemMax() {
		return fmt.Errorf("the size of the largest item = %d, want %d", item.Size, t.ItemMax())
	}
	errs, err := send(ctx, t.Sink(), e)
	if err != nil || errs[0] != nil {
		return fmt.Errorf("the largest item: %w", errors.Join(append(errs, err)...))
	}
	return holds(t, []string{"large"})
}

func tooLarge(_ context.Context, t Target) error {
	e := t.Sized("large", t.ItemMax()+1)
	_, err := t.Sink().Prepare(&e, "")
	if err == nil || forward.KindOf(err) != forward.Invalid || !errors.Is(err, forward.ErrTooLarge) {
		return fmt.Errorf("prepare of an item one byte too large = %w, want invalid with ErrTooLarge", err)
	}
	return nil
}

// fullBatch fills a batch to the last byte.
func fullBatch(ctx context.Context, t Target) error {
	limits := t.Sink().Limits()
	if limits.Bytes == 0 || limits.Items < 2 {
		return nil
	}
	each := limits.Bytes / 2
	errs, err := send(ctx, t.Sink(), t.Sized("a", each), t.Sized("b", limits.Bytes-each))
	if err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("two items that fill a batch: %w", err)
	}
	return holds(t, []string{"a", "b"})
}

func expiredOnce(ctx context.Context, t Target) error {
	if !t.Break(Session, 1) {
		return nil
	}
	return accepts(ctx, t, 1)
}

// prepares checks that Prepare alone delivers nothing and gives the same twice.
func prepares(_ context.Context, t Target) error {
	e := t.Event("e")
	first, err := t.Sink().Prepare(&e, "")
	if err != nil {
		return err
	}
	second, err := t.Sink().Prepare(&e, "")
	if err != nil || first.Size != second.Size || first.Key != second.Key {
		return fmt.Errorf("prepare of one event twice: size %d, key %q; then size %d, key %q (%w)", first.Size, first.Key, second.Size, second.Key, err)
	}
	return holds(t, nil)
}

// ordered sends the events of three keys through a forwarder while entries fail, and wants each key's first arrivals in
// order. Where one batch may hold several of a key, an entry that fails alone may be overtaken, so whole calls fail then.
func ordered(ctx context.Context, t Target) error {
	keyed, ok := t.(Keyed)
	if !ok {
		return nil
	}
	f := forward.New(t.Sink(), forward.Config{})
	defer f.Close()
	fault := Partial
	if t.Sink().Limits().Together {
		fault = Throttled
	}
	t.Break(fault, 4)
	var list []event.Event
	for i := range 30 {
		list = append(list, keyed.Keyed(fmt.Sprintf("k%d/%02d", i%3, i), fmt.Sprintf("k%d", i%3)))
	}
	if err := errors.Join(f.Forward(ctx, list, "")...); err != nil {
		return err
	}
	first := map[string][]string{}
	for _, id := range t.Accepted() {
		key, _, _ := strings.Cut(id, "/")
		if !slices.Contains(first[key], id) {
			first[key] = append(first[key], id)
		}
	}
	for key, ids := range first {
		if !slices.IsSorted(ids) || len(ids) != 10 {
			return fmt.Errorf("key %s arrived as %v, want its 10 events in order", key, ids)
		}
	}
	return nil
}
