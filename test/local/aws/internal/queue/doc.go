// Package queue is a message queue in memory with the semantics of SQS: a received message is invisible until its
// visibility timeout ends or it is deleted, a receiver may wait for one, and what was received too often moves to a
// dead-letter queue. A FIFO queue keeps the order within a message group and takes no repeat within five minutes.
//
// [New] makes a [Queue]; [Queue.Send], [Queue.Receive] and [Queue.Delete] do what SQS's calls of these names do.
//
// Besides, it remembers what ever arrived, so that a test can count arrivals without consuming: [Queue.Arrived],
// [Queue.Wait]. It starts no goroutine.
package queue
