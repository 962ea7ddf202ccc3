// Package telemetry is what Trustbridge says of itself: a log on standard error that never shows a secret, and counters.
//
// [NewLogger] makes the log, [Counters] counts, and [Once] keeps a repeated oddity from filling the log. It promises that
// attributes whose names say that they hold a secret are redacted; it cannot see a secret inside a message text.
package telemetry
