// Package awscall is what every sink says of AWS: the HTTP client that its calls share, the session that they are signed
// with, and what an error code means for an event.
//
// [NewHTTPClient] goes into the AWS configuration, [Session.RetryExpired] into each service client's options, [Body] and
// [WriteAtOnce] into those of a sink that writes its bodies itself, [Classify] reads what a call answered, and [Unrecognised]
// tells whether that may lie in one entry of a batch. It promises that an error nobody recognises is never the event's fault,
// and that an answer that proves nothing is Unavailable. It does not know any one service's codes: those are read by its sink
// first.
package awscall
