package forward

import (
	"context"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

// memory is a target that accepts everything at once.
type memory struct{ verdicts []error }

func (m *memory) Limits() Limits { return Limits{Items: 10, Bytes: 256 << 10} }
func (m *memory) Prepare(*event.Event, string) (Item, error) {
	return Item{Size: 1000, Payload: m}, nil
}
func (m *memory) Send(_ context.Context, items []Item) []error { return m.verdicts[:len(items)] }

// forwardAllocs and forwardBatchAllocs are the most allocations of a request of one event and of a hundred, from the call
// to the verdict, the sink's not counted: its result, its entries, itself and its channel. A slot allocates nothing when it is
// used again.
const (
	forwardAllocs      = 4
	forwardBatchAllocs = 4
)

func requests() map[string][]event.Event {
	one := ev("1", "")
	batch := make([]event.Event, 100)
	for i := range batch {
		batch[i] = one
	}
	return map[string][]event.Event{"one": {one}, "hundred": batch}
}

// BenchmarkForward measures this room alone: what an event costs between the decoder and the sink. "parallel" is many
// senders of one event each.
func BenchmarkForward(b *testing.B) {
	for _, name := range []string{"one", "hundred"} {
		b.Run(name, func(b *testing.B) {
			f := New(&memory{make([]error, 10)}, Config{})
			defer f.Close()
			events := requests()[name]
			b.ReportAllocs()
			for b.Loop() {
				f.Forward(b.Context(), events, "")
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		f := New(&memory{make([]error, 10)}, Config{})
		defer f.Close()
		events := requests()["one"]
		b.SetParallelism(16)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				f.Forward(b.Context(), events, "")
			}
		})
	})
}

func TestForwardAllocations(t *testing.T) {
	f := New(&memory{make([]error, 10)}, Config{})
	defer f.Close()
	for name, most := range map[string]float64{"one": forwardAllocs, "hundred": forwardBatchAllocs} {
		events := requests()[name]
		if got := testing.AllocsPerRun(200, func() { f.Forward(t.Context(), events, "") }); got > most {
			t.Errorf("Forward() of %s allocates %.0f times, want at most %.0f", name, got, most)
		}
	}
}
