// Package fifo remembers what a FIFO topic or queue took, so that a repeat within five minutes is told apart and is
// answered as the first was.
//
// [Ledger.Accept] takes a message, or finds its first. It numbers what it takes. It starts no goroutine and has no lock:
// whoever owns a [Ledger] takes messages in one order anyway.
package fifo
