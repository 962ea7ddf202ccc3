package fifo_test

import (
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/fifo"
)

func ExampleLedger_Accept() {
	var l fifo.Ledger
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, id := range []string{"first", "repeat"} {
		r, repeat := l.Accept("", "order-7", id, now)
		fmt.Println(r.MessageID, r.SequenceNumber, repeat)
	}
	// Output:
	// first 10000000000000000000 false
	// first 10000000000000000000 true
}
