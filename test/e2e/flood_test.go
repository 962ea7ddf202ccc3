package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// TestNothingAcceptedIsLost sends 20,000 events from 64 senders while the target fails at random, before and after the
// effect. A sender repeats an event until it is answered 204, as SAP's senders do. Every event that was answered 204 must be
// in the queue.
func TestNothingAcceptedIsLost(t *testing.T) {
	t.Parallel()
	const events, senders = 20_000, 64
	s := newStand(t, local.Config{})
	s.start()
	for i, f := range []aws.Fault{
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.Drop},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.Drop},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.Truncated},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.Empty},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.ServerError, Status: 503},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.ServerError, Status: 500},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.HTMLPage, Status: 502},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.Throttle},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.SessionExpired, Count: 2},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.Unparsable},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.PartialFailure, Entries: someEntries(1)},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.PartialFailure, Entries: someEntries(2)},
		{Action: "PublishBatch", Phase: aws.Before, Kind: aws.MissingIDs, Entries: someEntries(3)},
		{Action: "PublishBatch", Phase: aws.After, Kind: aws.UnknownIDs, Entries: someEntries(4)},
	} {
		f.Service, f.When = "sns", aws.Random(uint64(i)+1, 0.006)
		injection, err := s.stand.AWS.Inject(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if injection.Hits() == 0 {
				t.Errorf("the fault %v in phase %v never happened", f.Kind, f.Phase)
			}
		})
	}

	var next, requests, refused atomic.Int64
	accepted := make([]atomic.Bool, events)
	start := time.Now()
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= events {
					return
				}
				for !accepted[i].Load() {
					requests.Add(1)
					answer := s.send(fmt.Sprintf("flood-%05d", i))
					switch answer.status {
					case 204:
						accepted[i].Store(true)
					case 429, 503:
						refused.Add(1)
						pause(t, 20*time.Millisecond) // a sender that repeats sooner than any real one
					default:
						t.Errorf("event %d: answer %d %s, want 204, 429 or 503", i, answer.status, answer.body)
						return
					}
					if t.Context().Err() != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	if _, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, events); err != nil {
		t.Error(err)
	}
	arrived := map[string]int{}
	messages := s.stand.AWS.Messages(s.QueueARN)
	for _, m := range messages {
		arrived[m.Attributes["ce-id"].Value]++
	}
	count, lost := 0, 0
	for i := range accepted {
		if !accepted[i].Load() {
			continue
		}
		count++
		if arrived[fmt.Sprintf("flood-%05d", i)] == 0 {
			lost++
		}
	}
	if lost > 0 || count != events {
		t.Errorf("%d of %d events were answered 204, and %d of them are not in the queue", count, events, lost)
	}
	t.Logf("%d events answered 204 by %d senders in %v, all in the queue; %d requests, %d of them refused; %d messages, %d of them duplicates",
		count, senders, took.Round(time.Millisecond), requests.Load(), refused.Load(), len(messages), len(messages)-len(arrived))
	if code := s.fn.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if lines := s.fn.find("stopped", "counters", "events_accepted"); len(lines) != 1 || !strings.Contains(lines[0], "batches_sent") {
		t.Errorf("the log's last word is %q, want the counters", lines)
	}
}

// someEntries picks about a third of the entries of a batch.
func someEntries(seed uint64) func(aws.Entry) bool {
	random := rand.New(rand.NewPCG(seed, 2))
	return func(aws.Entry) bool { return random.IntN(3) == 0 }
}
