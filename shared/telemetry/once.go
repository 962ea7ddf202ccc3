package telemetry

import "sync"

// rememberedMax bounds what a Once remembers: senders name their own source, so it must not grow with them.
const rememberedMax = 1000

// Once tells what was seen before, so that an oddity of a sender is logged once and not with each of its events. It
// remembers the first 1,000 keys; what comes after those is never new. The zero value is ready. Safe for concurrent use.
type Once struct {
	mu   sync.Mutex // guards seen
	seen map[string]struct{}
}

// First is true exactly once for a key, as long as there is room to remember it.
func (o *Once) First(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, found := o.seen[key]; found || len(o.seen) >= rememberedMax {
		return false
	}
	if o.seen == nil {
		o.seen = make(map[string]struct{})
	}
	o.seen[key] = struct{}{}
	return true
}
