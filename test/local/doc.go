// Package local is the local stand-in of SAP BTP and AWS at work: both behind TLS on the loopback interface, and the
// one-time set-up of the reference architecture applied to them.
//
// [Start] starts a [Stand], [Stand.SetUp] makes trust anchor, role, profile, destination, topic and queue, and
// [Scenario.Environment] is what a function is configured with, exactly as in production.
//
// It promises to listen on loopback only, and that Close leaves no goroutine and no port. It keeps nothing: certificates,
// keys and messages are in memory and throw-away.
package local
