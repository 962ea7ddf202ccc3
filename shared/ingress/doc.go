// Package ingress is the first room on an event's path: an [http.Handler] that takes CloudEvents in binary, structured and
// batch mode, hands them on, and answers each request with what became of them. It alone knows HTTP, and it alone turns a
// [forward.Kind] into a status.
//
// [New] makes the handler around a [Forwarder]; mount it on any path.
//
// It promises that a request is answered 2xx only after every event in it was accepted; that 4xx means the same request
// can never succeed, but for 429, which says to slow down, and 405; that no answer and no line of the log holds data of an
// event; that a request's memory is bounded by [Config.MaxBodyBytes] and its time by [Config.RequestTimeout]; that
// data is passed on byte for byte; and that nothing of a body is read before [Config.Authenticator] let its sender in. It
// does not keep or order events. The answers 401 and 403 are exceptions to what 4xx means: who may send can change.
//
// The handshake of CloudEvents' webhooks (OPTIONS with WebHook-Request-Origin) is answered here too, without
// authentication. Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
//
// # What it reads
//
// The CloudEvents HTTP binding 1.0.2, and what SAP's senders make of it: each leniency has a name, is counted as
// repair_NAME, is logged once for each source, and is switched off by [Config.Strict]. The decoders of the CloudEvents SDK
// are the reference; the differences are a table in differences_test.go.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
package ingress
