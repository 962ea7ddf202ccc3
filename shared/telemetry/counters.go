package telemetry

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// Counters counts things by name until a metrics endpoint shows them; until then the runtime logs them as one line at
// shutdown. The zero value is ready, and a nil *Counters counts nothing. Safe for concurrent use.
type Counters struct {
	values sync.Map // :: name (snake_case, a constant of the source) → *atomic.Int64
}

// Add adds n to the counter of that name. Names are constants, never made from an event, so that their number is bounded
// by the source code.
func (c *Counters) Add(name string, n int64) {
	if c == nil {
		return
	}
	v, found := c.values.Load(name)
	if !found {
		v, _ = c.values.LoadOrStore(name, new(atomic.Int64))
	}
	v.(*atomic.Int64).Add(n)
}

// Value is the counter of that name, 0 if nothing was counted.
func (c *Counters) Value(name string) int64 {
	if c == nil {
		return 0
	}
	v, found := c.values.Load(name)
	if !found {
		return 0
	}
	return v.(*atomic.Int64).Load()
}

// LogValue is all counters, sorted by name.
func (c *Counters) LogValue() slog.Value {
	if c == nil {
		return slog.GroupValue()
	}
	var attrs []slog.Attr
	c.values.Range(func(name, v any) bool {
		attrs = append(attrs, slog.Int64(name.(string), v.(*atomic.Int64).Load()))
		return true
	})
	slices.SortFunc(attrs, func(a, b slog.Attr) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return slog.GroupValue(attrs...)
}
