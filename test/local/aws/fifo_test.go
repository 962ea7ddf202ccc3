package aws

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// lane is a FIFO topic with a subscribed FIFO queue.
type lane struct{ topic, queue, subscription string }

func (l *lab) lane(t *testing.T, o FIFOOptions, raw bool) lane {
	t.Helper()
	out := lane{topic: must(l.CreateFIFOTopic("lane.fifo", o))(t), queue: must(l.CreateFIFOQueue("lane.fifo", o))(t)}
	out.subscription = must(l.Subscribe(out.topic, out.queue, raw))(t)
	return out
}

func TestPublishToAFIFOTopic(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		lane := l.lane(t, FIFOOptions{}, false)
		raw := must(l.CreateQueue("plain"))(t)
		must(l.Subscribe(lane.topic, raw, true))(t)
		client := l.sns(l.Seed())
		in := &sns.PublishInput{TopicArn: &lane.topic, Message: new("hello"), MessageGroupId: new("order-7"), MessageDeduplicationId: new("evt-1")}
		first, err := client.Publish(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if n := *first.SequenceNumber; len(n) != 20 {
			t.Errorf("SequenceNumber = %s, want 20 digits", n)
		}
		time.Sleep(5*time.Minute - time.Nanosecond)
		in.Message = new("the same id, another text")
		again, err := client.Publish(t.Context(), in)
		if err != nil || *again.MessageId != *first.MessageId || *again.SequenceNumber != *first.SequenceNumber {
			t.Errorf("Publish of a repeat = %v, %v, want the first's ids %s, %s", again, err, *first.MessageId, *first.SequenceNumber)
		}
		time.Sleep(time.Nanosecond)
		late, err := client.Publish(t.Context(), in)
		if err != nil || *late.MessageId == *first.MessageId || *late.SequenceNumber <= *first.SequenceNumber {
			t.Errorf("Publish after five minutes = %v, %v, want a new message with a higher number", late, err)
		}
		messages := l.arrived(t, lane.queue, 2)
		if m := messages[0]; m.GroupID != "order-7" || m.DeduplicationID != "evt-1" || len(m.SequenceNumber) != 20 || m.SequenceNumber >= messages[1].SequenceNumber {
			t.Errorf("messages = %+v, want the topic's ids and the queue's rising numbers", messages)
		}
		var envelope map[string]any
		if err := json.Unmarshal([]byte(messages[0].Body), &envelope); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Signature", "SignatureVersion", "SigningCertURL"} {
			if envelope[name] != nil {
				t.Errorf("envelope of a FIFO topic has %s", name)
			}
		}
		if envelope["SequenceNumber"] != *first.SequenceNumber || envelope["MessageId"] != *first.MessageId {
			t.Errorf("envelope = %v, want the ids that Publish answered", envelope)
		}
		if m := l.arrived(t, raw, 2)[0]; m.GroupID != "" || m.DeduplicationID != "" || m.SequenceNumber != "" {
			t.Errorf("message in a standard queue = %+v, want no ids of FIFO", m)
		}
		if n := l.MessageCount(raw); n != 2 {
			t.Errorf("%d messages in the standard queue, want no repeat", n)
		}
		effects := []string{}
		for _, r := range l.Requests() {
			effects = append(effects, r.Effect)
		}
		if diff := cmp.Diff([]string{"published 1", "published 0, repeated 1", "published 1"}, effects); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
	})
}

func TestContentBasedDeduplication(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		lane := l.lane(t, FIFOOptions{ContentBased: true}, true)
		client := l.sns(l.Seed())
		for i, message := range []string{"Test", "Test", "other"} {
			in := &sns.PublishInput{TopicArn: &lane.topic, Message: &message, MessageGroupId: new(fmt.Sprint("g", i)), MessageAttributes: attributes("n", fmt.Sprint(i))}
			if _, err := client.Publish(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		messages := l.arrived(t, lane.queue, 2)
		if got, want := messages[0].DeduplicationID, "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"; got != want {
			t.Errorf("DeduplicationID = %s, want %s", got, want)
		}
	})
}

func TestDeduplicationPerGroup(t *testing.T) {
	for perGroup, want := range map[bool]int{false: 1, true: 2} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			lane := l.lane(t, FIFOOptions{PerGroup: perGroup}, true)
			for _, group := range []string{"a", "b", "a"} {
				in := &sns.PublishInput{TopicArn: &lane.topic, Message: new("x"), MessageGroupId: &group, MessageDeduplicationId: new("1")}
				if _, err := l.sns(l.Seed()).Publish(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			if n := l.MessageCount(lane.queue); n != want {
				t.Errorf("PerGroup %v: %d messages arrived, want %d", perGroup, n, want)
			}
		})
	}
}

func TestFIFOBatch(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		lane := l.lane(t, FIFOOptions{}, true)
		in := &sns.PublishBatchInput{TopicArn: &lane.topic}
		for i, id := range []string{"a", "b", "a", "c"} {
			in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, snstypes.PublishBatchRequestEntry{
				Id: new(fmt.Sprint(i)), Message: new(id), MessageGroupId: new("g"), MessageDeduplicationId: &id,
			})
		}
		out, err := l.sns(l.Seed()).PublishBatch(t.Context(), in)
		if err != nil || len(out.Successful) != 4 || *out.Successful[2].MessageId != *out.Successful[0].MessageId ||
			*out.Successful[3].SequenceNumber <= *out.Successful[1].SequenceNumber {
			t.Errorf("PublishBatch = %+v, %v, want four successes, the third as the first", out, err)
		}
		var got []string
		for _, m := range l.arrived(t, lane.queue, 3) {
			got = append(got, m.Body)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
			t.Errorf("arrived (-want +got):\n%s", diff)
		}
	})
}

func TestFIFORefusals(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sns(l.Seed()), t.Context()
		lane := l.lane(t, FIFOOptions{}, true)
		const prefix = "Invalid parameter: "
		for _, tt := range []struct {
			name, text string
			group, id  *string
			topic      string
		}{
			{"no group id", prefix + "The MessageGroupId parameter is required for FIFO topics", nil, new("1"), lane.topic},
			{"no deduplication id", prefix + "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly", new("g"), nil, lane.topic},
			{"deduplication id of a standard topic", prefix + "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type", new("g"), new("1"), l.topic},
			{"group id with a space", "stand-in: MessageGroupId must have 1 to 128 letters, digits or punctuation", new("a b"), new("1"), lane.topic},
			{"long deduplication id", "stand-in: MessageDeduplicationId must have 1 to 128 letters, digits or punctuation", new("g"), new(strings.Repeat("x", 129)), lane.topic},
		} {
			_, err := client.Publish(ctx, &sns.PublishInput{TopicArn: &tt.topic, Message: new("x"), MessageGroupId: tt.group, MessageDeduplicationId: tt.id})
			t.Log(tt.name)
			refused(t, err, "InvalidParameter", tt.text)
			_, err = client.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: &tt.topic, PublishBatchRequestEntries: []snstypes.PublishBatchRequestEntry{
				{Id: new("1"), Message: new("x"), MessageGroupId: tt.group, MessageDeduplicationId: tt.id},
			}})
			refused(t, err, "InvalidParameter", tt.text)
		}
		_, err := client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &l.topic, Protocol: new("sqs"), Endpoint: &lane.queue})
		refused(t, err, "InvalidParameter", prefix+prefix+"Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
		if _, err := l.Subscribe(l.topic, lane.queue, true); err == nil {
			t.Error("Subscribe of a FIFO queue to a standard topic = nil, want an error")
		}
		create := func(name string, pairs map[string]string) error {
			_, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name, Attributes: pairs})
			return err
		}
		fifo := func(key, value string) map[string]string { return map[string]string{"FifoTopic": "true", key: value} }
		refused(t, create("lane.fifo", fifo("ContentBasedDeduplication", "true")), "InvalidParameter", prefix+"Attributes Reason: Topic already exists with different attributes")
		refused(t, create("x.fifo", fifo("ContentBasedDeduplication", "yes")), "InvalidParameter", "stand-in: ContentBasedDeduplication must be true or false")
		refused(t, create("x.fifo", fifo("FifoThroughputScope", "x")), "InvalidParameter", "stand-in: FifoThroughputScope must be Topic or MessageGroup")
		refused(t, create("x", map[string]string{"ContentBasedDeduplication": "true"}), "InvalidParameter", "stand-in: ContentBasedDeduplication is an attribute of FIFO topics")
		refused(t, create(strings.Repeat("x", 252)+".fifo", map[string]string{"FifoTopic": "true"}), "InvalidParameter", prefix+"Topic Name")
		if err := create("lane.fifo", map[string]string{"FifoTopic": "true"}); err != nil {
			t.Errorf("CreateTopic again = %v, want the same topic", err)
		}
		if n := l.MessageCount(lane.queue) + l.MessageCount(l.queueARN); n != 0 {
			t.Errorf("%d messages arrived, want none", n)
		}
	})
}

func TestFIFOTopicAttributes(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		lane := l.lane(t, FIFOOptions{}, true)
		client := l.sns(l.Seed())
		for _, scope := range []string{"Topic", "MessageGroup"} {
			in := &sns.SetTopicAttributesInput{TopicArn: &lane.topic, AttributeName: new("FifoThroughputScope"), AttributeValue: &scope}
			if _, err := client.SetTopicAttributes(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			out, err := client.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &lane.topic})
			if err != nil || out.Attributes["FifoTopic"] != "true" || out.Attributes["ContentBasedDeduplication"] != "false" || out.Attributes["FifoThroughputScope"] != scope {
				t.Errorf("GetTopicAttributes = %v, %v, want those of a FIFO topic", out.Attributes, err)
			}
		}
	})
}

// TestFIFOFaults: after the effect a retry is a repeat, before it is the first.
func TestFIFOFaults(t *testing.T) {
	for _, phase := range []Phase{Before, After} {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			lane := l.lane(t, FIFOOptions{}, true)
			must(l.Inject(Fault{Service: "sns", Phase: phase, Kind: Drop, Count: 1}))(t)
			in := &sns.PublishInput{TopicArn: &lane.topic, Message: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("1")}
			_, lost := l.sns(l.Seed()).Publish(t.Context(), in)
			_, err := l.sns(l.Seed()).Publish(t.Context(), in)
			time.Sleep(time.Second)
			if n := l.MessageCount(lane.queue); n != 1 || lost == nil || err != nil {
				t.Errorf("phase %d: %d messages arrived after %v, %v, want one", phase, n, lost, err)
			}
		})
	}
}

func TestSendToAFIFOQueue(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sqs(l.Seed()), t.Context()
		created, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: new("dead.fifo"), Attributes: map[string]string{"FifoQueue": "true"}})
		if err != nil {
			t.Fatal(err)
		}
		url := created.QueueUrl
		in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("1")}
		first, err := client.SendMessage(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: new("a"), MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("1")},
			{Id: new("b"), MessageBody: new("y"), MessageGroupId: new("g"), MessageDeduplicationId: new("2")},
		}})
		if err != nil || *batch.Successful[0].MessageId != *first.MessageId || *batch.Successful[0].SequenceNumber != *first.SequenceNumber ||
			*batch.Successful[1].SequenceNumber <= *first.SequenceNumber {
			t.Fatalf("SendMessageBatch = %+v, %v, want the first's ids and a higher number", batch, err)
		}
		receive := func() []types.Message {
			out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
			if err != nil {
				t.Fatal(err)
			}
			return out.Messages
		}
		got := receive()
		if len(got) != 1 || got[0].Attributes["MessageDeduplicationId"] != "1" || got[0].Attributes["MessageGroupId"] != "g" ||
			got[0].Attributes["SequenceNumber"] != *first.SequenceNumber {
			t.Errorf("ReceiveMessage = %+v, want the first with its system attributes", got)
		}
		if early := receive(); len(early) != 0 {
			t.Errorf("ReceiveMessage while the group is in flight = %+v, want nothing", early)
		}
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: got[0].ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
		if next := receive(); len(next) != 1 || *next[0].Body != "y" {
			t.Errorf("ReceiveMessage after the first was deleted = %+v, want the second", next)
		}
		if r := l.Requests()[2]; r.Effect != "sent 1, repeated 1" {
			t.Errorf("effect of the batch = %q, want one sent and one repeated", r.Effect)
		}
	})
}

func TestFIFOQueueRefusals(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sqs(l.Seed()), t.Context()
		queueARN := must(l.CreateFIFOQueue("q.fifo", FIFOOptions{}))(t)
		send := func(change func(*sqs.SendMessageInput)) error {
			in := &sqs.SendMessageInput{QueueUrl: l.url(queueARN), MessageBody: new("x"), MessageGroupId: new("g"), MessageDeduplicationId: new("1")}
			change(in)
			_, err := client.SendMessage(ctx, in)
			return err
		}
		refused(t, send(func(in *sqs.SendMessageInput) { in.MessageGroupId = nil }), "MissingParameter", "The request must contain the parameter MessageGroupId.")
		refused(t, send(func(in *sqs.SendMessageInput) { in.MessageDeduplicationId = nil }), "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		refused(t, send(func(in *sqs.SendMessageInput) { in.MessageDeduplicationId = new("a b") }), "InvalidParameterValue", "stand-in: MessageDeduplicationId must have 1 to 128 letters, digits or punctuation")
		refused(t, send(func(in *sqs.SendMessageInput) { in.DelaySeconds = 1 }), "InvalidParameterValue", "stand-in: DelaySeconds is not valid for a message of a FIFO queue")
		refused(t, send(func(in *sqs.SendMessageInput) { in.QueueUrl = l.url(l.queueARN) }), "InvalidParameterValue", "stand-in: MessageDeduplicationId is not valid for a standard queue")
		create := func(name string, pairs map[string]string) error {
			_, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: pairs})
			return err
		}
		names := "stand-in: the name of a FIFO queue ends in .fifo and FifoQueue is true; of others neither"
		refused(t, create("x.fifo", nil), "InvalidParameterValue", names)
		refused(t, create("x", map[string]string{"FifoQueue": "true"}), "InvalidParameterValue", names)
		refused(t, create(strings.Repeat("x", 76)+".fifo", map[string]string{"FifoQueue": "true"}), "InvalidParameterValue", "stand-in: a queue's name …")
		refused(t, create("x", map[string]string{"ContentBasedDeduplication": "true"}), "InvalidAttributeName", "stand-in: ContentBasedDeduplication is an attribute of FIFO queues")
		refused(t, create("x.fifo", map[string]string{"FifoQueue": "true", "DeduplicationScope": "group"}), "InvalidAttributeValue", `stand-in: DeduplicationScope cannot be "group"`)
		refused(t, create("x.fifo", map[string]string{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}), "InvalidAttributeValue", "stand-in: perMessageGroupId needs the DeduplicationScope messageGroup")
		redrive := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, l.queueARN)
		refused(t, create("x.fifo", map[string]string{"FifoQueue": "true", "RedrivePolicy": redrive}), "InvalidParameterValue", "stand-in: the dead-letter queue of a FIFO queue is a FIFO queue, that of a standard queue a standard one")
		if n := l.MessageCount(queueARN); n != 0 {
			t.Errorf("%d messages arrived, want none", n)
		}
	})
}

func TestFIFOQueueAttributes(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sqs(l.Seed()), t.Context()
		url := l.url(must(l.CreateFIFOQueue("q.fifo", FIFOOptions{ContentBased: true}))(t))
		set := map[string]string{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
		if _, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: set}); err != nil {
			t.Fatal(err)
		}
		names := []types.QueueAttributeName{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
		if diff := cmp.Diff(want, out.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		for _, group := range []string{"a", "b", "a"} {
			if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: new("x"), MessageGroupId: &group}); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.MessageCount(l.queueARN[:len(l.queueARN)-len("orders")] + "q.fifo"); n != 2 {
			t.Errorf("%d messages arrived, want one for each group", n)
		}
	})
}

// TestFIFOUnderFaults: senders that repeat until they are answered, through faults before and after the effect, have every
// message arrive once and each group in order.
func TestFIFOUnderFaults(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		lane := l.lane(t, FIFOOptions{}, false)
		for i, phase := range []Phase{Before, After} {
			must(l.Inject(Fault{Service: "sns", Phase: phase, Kind: Drop, When: Random(uint64(i), 0.2)}))(t)
		}
		client, repeats := l.sns(l.Seed()), atomic.Int64{}
		var senders sync.WaitGroup
		for group := range 5 {
			senders.Go(func() {
				for i := range 40 {
					in := &sns.PublishInput{TopicArn: &lane.topic, Message: new(fmt.Sprint(i)), MessageGroupId: new(fmt.Sprint("g", group))}
					in.MessageDeduplicationId = new(fmt.Sprint(group, "-", i))
					for {
						if _, err := client.Publish(t.Context(), in); err == nil {
							break
						}
						repeats.Add(1)
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
		}
		senders.Wait()
		next, last := map[string]int{}, ""
		for _, m := range l.arrived(t, lane.queue, 200) {
			var envelope struct{ Message, SequenceNumber string }
			if err := json.Unmarshal([]byte(m.Body), &envelope); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint(next[m.GroupID]); envelope.Message != want || envelope.SequenceNumber <= last {
				t.Fatalf("group %s: message %s under %s after %s, want message %s under a higher number", m.GroupID, envelope.Message, envelope.SequenceNumber, last, want)
			}
			next[m.GroupID]++
			last = envelope.SequenceNumber
		}
		if n := repeats.Load(); n < 20 {
			t.Errorf("%d calls failed, want the faults to have hit", n)
		}
	})
}
