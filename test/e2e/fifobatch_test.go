package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
)

// TestFIFOBatchKeepsOrder: with SNS_FIFO_BATCH a subscriber of a FIFO topic sees every event once and in order within its
// group, while senders post batches of one group, calls fail as a whole before and after the effect, and a batch is repeated
// until it is accepted. (An entry that SNS refuses alone may be overtaken, as the setting says: no such faults here.)
func TestFIFOBatchKeepsOrder(t *testing.T) {
	t.Parallel()
	const senders, size = 25, 20
	batches := 20 / slower
	s := newStand(t, local.Config{})
	topic, queue := s.fifo()
	s.start("SNS_TOPIC_ARN="+topic, "SNS_FIFO_BATCH=true")
	s.injectFaults("sns", "PublishBatch", 0.02, false)
	start := time.Now()
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for batch := range batches {
				body := groupBatch(sender, batch, size)
				answer := s.post(map[string]string{"Content-Type": "application/cloudevents-batch+json"}, body)
				for ; answer.status == 429 || answer.status == 503; answer = s.post(map[string]string{"Content-Type": "application/cloudevents-batch+json"}, body) {
					pause(t, 20*time.Millisecond)
				}
				if answer.status != 204 {
					t.Errorf("batch %d of sender %d: answer %d %s, want 204, 429 or 503", batch, sender, answer.status, answer.body)
					return
				}
			}
		})
	}
	wg.Wait()
	took, events := time.Since(start), senders*size*batches
	if _, err := s.stand.AWS.WaitMessages(t.Context(), queue, events); err != nil {
		t.Error(err)
	}
	last := map[string]string{}
	messages := s.stand.AWS.Messages(queue)
	for _, m := range messages {
		id := m.Attributes["ce-id"].Value
		if id <= last[m.GroupID] {
			t.Errorf("%s came after %s in %s", id, last[m.GroupID], m.GroupID)
		}
		last[m.GroupID] = id
	}
	if len(messages) != events || len(last) != senders {
		t.Errorf("%d messages in %d groups; want each of %d once in %d", len(messages), len(last), events, senders)
	}
	if n := s.batchesSent(); n > events/4 {
		t.Errorf("%d calls for %d events, want several events of a group a call", n, events)
	}
	t.Logf("SNS_FIFO_BATCH: %d events in batches of %d by %d senders in %v; %d messages, each once and in order in %d groups",
		events, size, senders, took.Round(time.Millisecond), len(messages), len(last))
}

// groupBatch is a batch of events of the sender's group.
func groupBatch(sender, batch, size int) []byte {
	list := make([]string, size)
	for i := range list {
		list[i] = fmt.Sprintf(`{"specversion":"1.0","id":"g-%02d-%06d","source":"/test","type":"t.v1","subject":"group-%02d","data":{}}`,
			sender, batch*size+i, sender)
	}
	return []byte("[" + strings.Join(list, ",") + "]")
}

// batchesSent stops the function and reads from its counters how many calls it made.
func (s *system) batchesSent() int {
	s.t.Helper()
	s.ended()
	counters, _ := s.fn.waitFor("stopped")["counters"].(map[string]any)
	n, _ := counters["batches_sent"].(float64)
	if n == 0 {
		s.t.Errorf("the counters have no batches_sent: %v", counters)
	}
	return int(n)
}
