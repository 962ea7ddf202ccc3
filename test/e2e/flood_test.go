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

// flood is a run of many events against a target that fails at random.
type flood struct {
	events, senders int
	group           bool // each sender's events have its name as subject
}

// injectFaults makes the target fail at random, in every way that its service can, before and after the effect: whole calls,
// and entries of them alone if entries is true.
func (s *system) injectFaults(service, action string, p float64, entries bool) {
	faults := []aws.Fault{
		{Phase: aws.Before, Kind: aws.Drop}, {Phase: aws.After, Kind: aws.Drop}, {Phase: aws.After, Kind: aws.Truncated},
		{Phase: aws.Before, Kind: aws.ServerError, Status: 503}, {Phase: aws.After, Kind: aws.ServerError, Status: 500},
		{Phase: aws.Before, Kind: aws.HTMLPage, Status: 502}, {Phase: aws.Before, Kind: aws.Throttle},
		{Phase: aws.Before, Kind: aws.SessionExpired, Count: 2},
	}
	if entries {
		faults = append(faults,
			aws.Fault{Phase: aws.Before, Kind: aws.PartialFailure, Entries: someEntries(1)},
			aws.Fault{Phase: aws.After, Kind: aws.PartialFailure, Entries: someEntries(2)})
	}
	if service == "sns" {
		faults = append(faults, aws.Fault{Phase: aws.After, Kind: aws.Empty}, aws.Fault{Phase: aws.Before, Kind: aws.Unparsable})
	}
	if service == "sns" && entries {
		faults = append(faults,
			aws.Fault{Phase: aws.Before, Kind: aws.MissingIDs, Entries: someEntries(3)},
			aws.Fault{Phase: aws.After, Kind: aws.UnknownIDs, Entries: someEntries(4)})
	}
	for i, f := range faults {
		f.Service, f.Action, f.When = service, action, aws.Random(uint64(i)+1, p)
		injection, err := s.stand.AWS.Inject(f)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() {
			if injection.Hits() == 0 && slower == 1 {
				s.t.Errorf("the fault %v in phase %v never happened", f.Kind, f.Phase)
			}
		})
	}
}

// run sends the events. A sender repeats an event until it is answered 204, as SAP's senders do, and every tenth once more
// after that, as a sender does whose answer was lost. It returns what to print.
func (f flood) run(s *system) string {
	var requests, refused, repeated atomic.Int64
	start := time.Now()
	var wg sync.WaitGroup
	for sender := range f.senders {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(sender), 3))
			for i := sender; i < f.events; i += f.senders {
				deliveries := 1
				if random.IntN(10) == 0 {
					deliveries++
					repeated.Add(1)
				}
				for deliveries > 0 && s.t.Context().Err() == nil {
					requests.Add(1)
					answer := s.sendOf(fmt.Sprintf("flood-%06d", i), f.subject(sender))
					switch answer.status {
					case 204:
						deliveries--
					case 429, 503:
						refused.Add(1)
						pause(s.t, 20*time.Millisecond) // a sender that repeats sooner than any real one
					default:
						s.t.Errorf("event %d: answer %d %s, want 204, 429 or 503", i, answer.status, answer.body)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return fmt.Sprintf("%d events answered 204 by %d senders in %v, %d of them delivered again; %d requests, %d of them refused",
		f.events, f.senders, time.Since(start).Round(time.Millisecond), repeated.Load(), requests.Load(), refused.Load())
}

func (f flood) subject(sender int) string {
	if f.group {
		return fmt.Sprintf("group-%02d", sender)
	}
	return ""
}

// ids are those of all events.
func (f flood) ids() map[string]int {
	out := make(map[string]int, f.events)
	for i := range f.events {
		out[fmt.Sprintf("flood-%06d", i)] = 0
	}
	return out
}

// missing says how many of the events did not arrive.
func missing(ids map[string]int) (n int) {
	for _, times := range ids {
		if times == 0 {
			n++
		}
	}
	return n
}

// ended stops the function and wants its counters as the last word of its log.
func (s *system) ended() {
	s.t.Helper()
	if code := s.fn.stop(); code != 0 {
		s.t.Errorf("exit code %d, want 0", code)
	}
	if lines := s.fn.find("stopped", "counters", "events_accepted"); len(lines) != 1 {
		s.t.Errorf("the log's last word is %q, want the counters", lines)
	}
}

// TestNothingAcceptedIsLost: every event that was answered 204 is in the queue of a standard topic.
func TestNothingAcceptedIsLost(t *testing.T) {
	t.Parallel()
	f := flood{events: 20_000 / slower, senders: 64}
	s := newStand(t, local.Config{})
	s.start()
	s.injectFaults("sns", "PublishBatch", 0.006, true)
	what := f.run(s)
	if _, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, f.events); err != nil {
		t.Error(err)
	}
	ids := f.ids()
	messages := s.stand.AWS.Messages(s.QueueARN)
	for _, m := range messages {
		ids[m.Attributes["ce-id"].Value]++
	}
	if n := missing(ids); n != 0 || len(ids) != f.events {
		t.Errorf("%d of %d events are not in the queue", n, f.events)
	}
	t.Logf("SNS: %s; all in the queue, in %d messages", what, len(messages))
	s.ended()
}

// TestEachIsStoredOnce: DynamoDB holds every event exactly once, by one insert and no modification.
func TestEachIsStoredOnce(t *testing.T) {
	for write, f := range map[string]flood{"batch": {events: 30_000 / slower, senders: 64}, "first": {events: 10_000 / slower, senders: 64}} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, local.Config{})
			s.startFunction("store-dynamodb", "DYNAMODB_WRITE="+write)
			action, p := "BatchWriteItem", 0.006
			if write == "first" {
				action, p = "PutItem", 0.001
			}
			s.injectFaults("dynamodb", action, p, write == "batch")
			what := f.run(s)
			ids := f.ids()
			for _, c := range s.stand.AWS.Changes(s.TableARN) {
				if c.Kind != "INSERT" {
					t.Fatalf("a change of kind %s of %v, want inserts only", c.Kind, c.Key)
				}
				ids[c.New["id"].Text]++
			}
			if n := missing(ids); n != 0 || len(ids) != f.events || s.stand.AWS.ItemCount(s.TableARN) != f.events {
				t.Errorf("%d of %d events are not in the table, which holds %d items", n, f.events, s.stand.AWS.ItemCount(s.TableARN))
			}
			t.Logf("DynamoDB, %s: %s; %d items, %d inserts, no modification", write, what, s.stand.AWS.ItemCount(s.TableARN), len(s.stand.AWS.Changes(s.TableARN)))
			s.ended()
		})
	}
}

// TestEachIsInvoked: the Lambda function ran for every event at least once.
func TestEachIsInvoked(t *testing.T) {
	t.Parallel()
	f := flood{events: 20_000 / slower, senders: 64}
	s := newStand(t, local.Config{})
	function := echo()
	function.Concurrency = 1000
	s.withFunction(function)
	s.startFunction("invoke-lambda")
	s.injectFaults("lambda", "Invoke", 0.001, false)
	what := f.run(s)
	if _, err := s.stand.AWS.WaitInvocations(t.Context(), s.FunctionARN, f.events); err != nil {
		t.Error(err)
	}
	ids := f.ids()
	for _, id := range s.arrived(t, "invoke-lambda") {
		ids[id]++
	}
	if n := missing(ids); n != 0 || len(ids) != f.events {
		t.Errorf("the function did not run for %d of %d events", n, f.events)
	}
	t.Logf("Lambda: %s; %d runs", what, s.stand.AWS.InvocationCount(s.FunctionARN))
	s.ended()
}

// TestEachOnceInOrderPerGroup: a subscriber of a FIFO topic sees every event once, in order within its group.
func TestEachOnceInOrderPerGroup(t *testing.T) {
	t.Parallel()
	f := flood{events: 20_000 / slower, senders: 64, group: true}
	s := newStand(t, local.Config{})
	topic, queue := s.fifo()
	s.start("SNS_TOPIC_ARN=" + topic)
	s.injectFaults("sns", "PublishBatch", 0.004, true)
	what := f.run(s)
	if _, err := s.stand.AWS.WaitMessages(t.Context(), queue, f.events); err != nil {
		t.Error(err)
	}
	ids, last := f.ids(), map[string]string{}
	messages := s.stand.AWS.Messages(queue)
	for _, m := range messages {
		id := m.Attributes["ce-id"].Value
		ids[id]++
		if id <= last[m.GroupID] {
			t.Errorf("%s came after %s in %s", id, last[m.GroupID], m.GroupID)
		}
		last[m.GroupID] = id
	}
	if n := missing(ids); n != 0 || len(messages) != f.events || len(last) != f.senders {
		t.Errorf("%d events are missing, %d messages in %d groups; want each of %d once in %d", n, len(messages), len(last), f.events, f.senders)
	}
	t.Logf("FIFO: %s; %d messages, each once and in order in %d groups", what, len(messages), len(last))
	s.ended()
}

// fifo makes a FIFO topic with a subscribed queue, which publish-sns may publish to.
func (s *system) fifo() (topic, queue string) {
	s.t.Helper()
	topic, err := s.stand.AWS.CreateFIFOTopic("orders.fifo", aws.FIFOOptions{})
	if err == nil {
		queue, err = s.stand.AWS.CreateFIFOQueue("orders.fifo", aws.FIFOOptions{})
	}
	if err == nil {
		_, err = s.stand.AWS.Subscribe(topic, queue, true)
	}
	if err == nil {
		err = s.SetRolePolicy(strings.ReplaceAll(s.RolePolicy("sns:Publish"), s.TopicARN, topic))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return topic, queue
}

// someEntries picks about a third of the entries of a batch.
func someEntries(seed uint64) func(aws.Entry) bool {
	random := rand.New(rand.NewPCG(seed, 2))
	return func(aws.Entry) bool { return random.IntN(3) == 0 }
}
