// Package queue is a message queue in memory with the semantics of an SQS standard queue: a received message is invisible
// until its visibility timeout ends or it is deleted, a receiver may wait for one, and what was received too often moves
// to a dead-letter queue.
//
// [New] makes a [Queue]; [Queue.Send], [Queue.Receive] and [Queue.Delete] do what SQS's calls of these names do.
//
// Besides, it remembers what ever arrived, so that a test can count arrivals without consuming: [Queue.Arrived],
// [Queue.Wait]. It starts no goroutine.
package queue
