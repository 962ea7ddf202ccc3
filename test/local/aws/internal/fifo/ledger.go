package fifo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Window is how long a deduplication id counts.
// Source: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
const Window = 5 * time.Minute

// Sequence numbers have 20 digits and rise; they are not consecutive.
// Source: https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html
const (
	firstSequence = 10_000_000_000_000_000_000
	sequenceStep  = 256
)

// Receipt is what a sender is told of a message.
type Receipt struct {
	// MessageID is the first message's.
	MessageID string
	// SequenceNumber has 20 digits. Later messages of one ledger have higher ones.
	SequenceNumber string
}

// Ledger is the memory of one topic or queue. The zero Ledger is empty. Its owner serializes the calls.
type Ledger struct {
	taken uint64
	seen  map[string]sighting
	order []sighting // :: oldest first, those of seen and some that were replaced
}

type sighting struct {
	key     string
	at      time.Time
	receipt Receipt
}

// Accept takes the message with that deduplication id at that time, or finds the one of the [Window] before: then repeat
// is true and the receipt is the first's. scope is the message group if ids count within one, else "".
func (l *Ledger) Accept(scope, deduplicationID, messageID string, now time.Time) (r Receipt, repeat bool) {
	for len(l.order) > 0 && now.Sub(l.order[0].at) >= Window {
		oldest := l.order[0]
		if l.seen[oldest.key] == oldest {
			delete(l.seen, oldest.key)
		}
		l.order = l.order[1:]
	}
	key := scope + " " + deduplicationID // neither holds a space
	if first, there := l.seen[key]; there && now.Sub(first.at) < Window {
		return first.receipt, true
	}
	r = Receipt{MessageID: messageID, SequenceNumber: fmt.Sprintf("%020d", firstSequence+l.taken*sequenceStep)}
	l.taken++
	if l.seen == nil {
		l.seen = make(map[string]sighting)
	}
	s := sighting{key: key, at: now, receipt: r}
	l.seen[key] = s
	l.order = append(l.order, s)
	return r, false
}

// ContentID is the deduplication id that a body gives where ids are content-based: its SHA-256 in hexadecimal.
func ContentID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}
