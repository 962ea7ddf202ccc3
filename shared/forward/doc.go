// Package forward is the second room on an event's path: it gathers what waits into batches, hands them to a [Sink], sends
// again what may yet succeed, and gives back one verdict an event. It knows time and errors, neither HTTP nor AWS.
//
// [New] starts a [Forwarder] around a sink; [Forwarder.Forward] takes events and returns when each has its verdict.
//
// It promises that errs[i] belongs to events[i]; that nil means that the sink reported acceptance; that a batch leaves at
// once when a flight slot is free, without a timer; that two batches in flight never hold the same ordering key; and that
// its memory is bounded by [Config.QueueEvents] and [Config.QueueBytes]. It does not deduplicate: an event whose
// acceptance was not proven may have been delivered.
package forward
