// Package senders acts as what sends SAP's events to us: the webhook of Event Mesh, a REST delivery point of Advanced Event Mesh,
// Event Hub, CAP applications that publish by Event Mesh, and Kyma's eventing with NATS.
//
// Each is configured from the files that an administrator fills in (deploy/btp): [LoadEventMesh] and its like read them strictly, with
// the values for <your …>, and the constructors ([NewEventMesh], …) make a [Sender] of them. [Sender.Deliver] delivers events until
// each is accepted or given up, and reports what became of each.
//
// It promises the habits that SAP documents or shows in source: handshake, headers, parallelism, what counts as success, pauses,
// limits. What nothing confirms is a field of [Unverified], with a default. It shares no code with our ingress. Time is that of the
// runtime, virtual under testing/synctest: a day of pauses costs nothing there.
package senders
