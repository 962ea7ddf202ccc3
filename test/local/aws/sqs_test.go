package aws

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The SDK reports the codes of the query protocol, which the answers carry beside those of the JSON one.

func TestSendAndReceive(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx, url := l.sqs(l.Seed()), t.Context(), l.url(l.queueARN)
		// The SDK checks the answer's MD5OfMessageBody.
		sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: new("<hello> & ü"), MessageGroupId: new("g"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"attr1": {DataType: new("Number"), StringValue: new("19.12")},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "1f07082409022a373fa2a2601f82b3cb"; *sent.MD5OfMessageAttributes != want {
			t.Errorf("MD5OfMessageAttributes = %s, want %s", *sent.MD5OfMessageAttributes, want)
		}
		time.Sleep(time.Second)
		received, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, MessageAttributeNames: []string{"attr.*", "attr1"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []types.Message{{
			MessageId: sent.MessageId, Body: new("<hello> & ü"), MD5OfBody: sent.MD5OfMessageBody, MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
			MessageAttributes: map[string]types.MessageAttributeValue{"attr1": {DataType: new("Number"), StringValue: new("19.12")}},
			Attributes: map[string]string{
				"SenderId": "seed", "SentTimestamp": "1796126400000", "ApproximateReceiveCount": "1", "ApproximateFirstReceiveTimestamp": "1796126401000",
				"MessageGroupId": "g",
			},
		}}
		ignore := cmpopts.IgnoreFields(types.Message{}, "ReceiptHandle")
		if diff := cmp.Diff(want, received.Messages, ignore, cmpopts.IgnoreUnexported(types.Message{}, types.MessageAttributeValue{})); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: received.Messages[0].ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if again, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url}); err != nil || len(again.Messages) != 0 {
			t.Errorf("ReceiveMessage after DeleteMessage = %v, %v, want nothing", again.Messages, err)
		}
	})
}

func TestReceiveWaits(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, url := l.sqs(l.Seed()), l.url(l.queueARN)
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(7 * time.Second)
			if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: new("late")}); err != nil {
				t.Errorf("SendMessage = %v", err)
			}
		}()
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if err != nil || len(out.Messages) != 1 || time.Since(start) != 7*time.Second {
			t.Errorf("ReceiveMessage = %d messages, %v after %v, want 1 after 7s", len(out.Messages), err, time.Since(start))
		}
		<-done
		start = time.Now()
		go func() {
			time.Sleep(time.Second)
			_ = l.Close()
		}()
		if _, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20}); time.Since(start) != time.Second {
			t.Errorf("ReceiveMessage, closed after 1s, took %v, %v", time.Since(start), err)
		}
	})
}

func TestVisibility(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx, url := l.sqs(l.Seed()), t.Context(), l.url(l.queueARN)
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: new("x")}); err != nil {
			t.Fatal(err)
		}
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, VisibilityTimeout: 100})
		if err != nil {
			t.Fatal(err)
		}
		change := func(handle *string, seconds int32) error {
			_, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: seconds})
			return err
		}
		handle := out.Messages[0].ReceiptHandle
		if err := change(handle, 10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		refused(t, change(handle, 10), "AWS.SimpleQueueService.MessageNotInflight", "") // the SDK drops its text
		refused(t, change(new("nonsense"), 10), "ReceiptHandleIsInvalid", `The input receipt handle "nonsense" is not a valid receipt handle.`)
		if out, err = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url}); err != nil || len(out.Messages) != 1 {
			t.Errorf("ReceiveMessage = %d messages, %v, want the message again", len(out.Messages), err)
		}
	})
}

func TestQueueBatches(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx, url := l.sqs(l.Seed()), t.Context(), l.url(l.queueARN)
		in := &sqs.SendMessageBatchInput{QueueUrl: url}
		for i := range 10 {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), MessageBody: new(fmt.Sprint("m", i)), DelaySeconds: int32(i)})
		}
		out, err := client.SendMessageBatch(ctx, in)
		if err != nil || len(out.Successful) != 10 || len(out.Failed) != 0 {
			t.Fatalf("SendMessageBatch = %+v, %v, want ten successes", out, err)
		}
		time.Sleep(10 * time.Second)
		received, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
		if err != nil || len(received.Messages) != 10 {
			t.Fatalf("ReceiveMessage = %d messages, %v, want 10", len(received.Messages), err)
		}
		del := &sqs.DeleteMessageBatchInput{QueueUrl: url}
		for i, m := range received.Messages[:9] {
			del.Entries = append(del.Entries, types.DeleteMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		del.Entries = append(del.Entries, types.DeleteMessageBatchRequestEntry{Id: new("bad"), ReceiptHandle: new("nonsense")})
		deleted, err := client.DeleteMessageBatch(ctx, del)
		if err != nil || len(deleted.Successful) != 9 || len(deleted.Failed) != 1 || *deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
			t.Errorf("DeleteMessageBatch = %+v, %v, want nine successes and one failure", deleted, err)
		}
		in.Entries[1].Id = new("0")
		_, err = client.SendMessageBatch(ctx, in)
		refused(t, err, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "stand-in: two entries have the same Id")
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: new("10"), MessageBody: new("x")})
		_, err = client.SendMessageBatch(ctx, in)
		refused(t, err, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "stand-in: the batch has more than 10 entries")
		_, err = client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}})
		refused(t, err, "AWS.SimpleQueueService.EmptyBatchRequest", "stand-in: the batch has no entries")
		in.Entries = []types.SendMessageBatchRequestEntry{{Id: new("a.b"), MessageBody: new("x")}}
		_, err = client.SendMessageBatch(ctx, in)
		refused(t, err, "AWS.SimpleQueueService.InvalidBatchEntryId", "stand-in: an entry's Id …")
		half := new(strings.Repeat("x", 600_000))
		in.Entries = []types.SendMessageBatchRequestEntry{{Id: new("a"), MessageBody: half}, {Id: new("b"), MessageBody: half}}
		_, err = client.SendMessageBatch(ctx, in)
		refused(t, err, "AWS.SimpleQueueService.BatchRequestTooLong", "stand-in: the batch has more than 1048576 bytes")
		if n := l.MessageCount(l.queueARN); n != 10 {
			t.Errorf("%d messages arrived, want the 10 of the first batch", n)
		}
	})
}

func TestSendMessageRefusals(t *testing.T) {
	of := func(v types.MessageAttributeValue) func(*sqs.SendMessageInput) {
		return func(in *sqs.SendMessageInput) { in.MessageAttributes = map[string]types.MessageAttributeValue{"a": v} }
	}
	for _, tt := range []struct {
		name, code, text string
		change           func(*sqs.SendMessageInput)
	}{
		{"unknown queue", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", func(in *sqs.SendMessageInput) { in.QueueUrl = new(*in.QueueUrl + "2") }},
		{"other account", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", func(in *sqs.SendMessageInput) { in.QueueUrl = new(endpoint + "/999999999999/orders") }},
		{"empty body", "MissingParameter", "The request must contain the parameter MessageBody.", func(in *sqs.SendMessageInput) { in.MessageBody = new("") }},
		{"too long", "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.", func(in *sqs.SendMessageInput) { in.MessageBody = new(strings.Repeat("x", 1_048_577)) }},
		{"control character", "InvalidMessageContents", "stand-in: the body holds characters other than …", func(in *sqs.SendMessageInput) { in.MessageBody = new("\x00") }},
		{"delay", "InvalidParameterValue", "stand-in: DelaySeconds must be from 0 to 900", func(in *sqs.SendMessageInput) { in.DelaySeconds = 901 }},
		{"group id with a space", "InvalidParameterValue", "stand-in: MessageGroupId …", func(in *sqs.SendMessageInput) { in.MessageGroupId = new("a b") }},
		{"deduplication id", "InvalidParameterValue", "stand-in: MessageDeduplicationId is not valid for a standard queue", func(in *sqs.SendMessageInput) { in.MessageDeduplicationId = new("1") }},
		{"system attribute", "SerializationException", "stand-in: member MessageSystemAttributes is not here", func(in *sqs.SendMessageInput) {
			in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: new("String"), StringValue: new("x")}}
		}},
		{"attribute type", "InvalidParameterValue", "stand-in: the type of message attribute …", of(types.MessageAttributeValue{DataType: new("Text"), StringValue: new("x")})},
		{"attribute without a value", "InvalidParameterValue", "stand-in: message attribute …", of(types.MessageAttributeValue{DataType: new("String")})},
		{"bytes as text", "InvalidParameterValue", "stand-in: message attribute …", of(types.MessageAttributeValue{DataType: new("Binary"), StringValue: new("x")})},
		{"number that is none", "InvalidParameterValue", "stand-in: message attribute …", of(types.MessageAttributeValue{DataType: new("Number"), StringValue: new("x")})},
		{"eleven attributes", "InvalidParameterValue", "stand-in: a message has at most 10 attributes", func(in *sqs.SendMessageInput) {
			in.MessageAttributes = make(map[string]types.MessageAttributeValue)
			for i := range 11 {
				in.MessageAttributes[fmt.Sprint("a", i)] = types.MessageAttributeValue{DataType: new("String"), StringValue: new("x")}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				in := &sqs.SendMessageInput{QueueUrl: l.url(l.queueARN), MessageBody: new("hello")}
				tt.change(in)
				_, err := l.sqs(l.Seed()).SendMessage(t.Context(), in)
				refused(t, err, tt.code, tt.text)
				if n := l.MessageCount(l.queueARN); n != 0 {
					t.Errorf("%d messages arrived, want none", n)
				}
			})
		})
	}
}

func TestQueues(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sqs(l.Seed()), t.Context()
		dead := must(l.CreateQueue("dead"))(t)
		redrive := `{"deadLetterTargetArn":"` + dead + `","maxReceiveCount":"1"}`
		create := func(name string, attributes map[string]string) (*sqs.CreateQueueOutput, error) {
			return client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		}
		created, err := create("work", map[string]string{"VisibilityTimeout": "5", "RedrivePolicy": redrive})
		if err != nil {
			t.Fatal(err)
		}
		if want := endpoint + "/111122223333/work"; *created.QueueUrl != want {
			t.Errorf("QueueUrl = %s, want %s", *created.QueueUrl, want)
		}
		if again, err := create("work", map[string]string{"VisibilityTimeout": "5"}); err != nil || *again.QueueUrl != *created.QueueUrl {
			t.Errorf("CreateQueue again = %v, want the same queue", err)
		}
		_, err = create("work", map[string]string{"VisibilityTimeout": "6"})
		refused(t, err, "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute VisibilityTimeout")
		for _, tt := range []struct{ name, key, value, code, text string }{
			{"x.fifo", "VisibilityTimeout", "1", "InvalidParameterValue", "stand-in: the name of a FIFO queue ends in .fifo and FifoQueue is true; of others neither"},
			{"a b", "VisibilityTimeout", "1", "InvalidParameterValue", "stand-in: a queue's name …"},
			{"x", "VisibilityTimeout", "43201", "InvalidAttributeValue", "stand-in: VisibilityTimeout must be a number from 0 to 43200"},
			{"x", "KmsMasterKeyId", "alias/aws/sqs", "InvalidAttributeName", "stand-in: queue attribute KmsMasterKeyId is not here"},
			{"x", "Policy", "{}", "InvalidAttributeValue", "stand-in: Policy: read queue policy: Version must be …"},
			{"x", "SqsManagedSseEnabled", "yes", "InvalidAttributeValue", "stand-in: SqsManagedSseEnabled must be true or false"},
			{"x", "RedrivePolicy", "{}", "InvalidParameterValue", "stand-in: maxReceiveCount must be from 1 to 1000"},
			{"x", "RedrivePolicy", `{"deadLetterTargetArn":"x","maxReceiveCount":1}`, "InvalidParameterValue", "stand-in: deadLetterTargetArn …"},
		} {
			_, err := create(tt.name, map[string]string{tt.key: tt.value})
			refused(t, err, tt.code, tt.text)
		}
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: created.QueueUrl, MessageBody: new("poison")}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: created.QueueUrl})
			if err != nil || len(out.Messages) != want {
				t.Errorf("ReceiveMessage = %d messages, %v, want %d", len(out.Messages), err, want)
			}
			time.Sleep(6 * time.Second)
		}
		if got := l.arrived(t, dead, 1)[0].Body; got != "poison" {
			t.Errorf("dead letter = %q, want poison", got)
		}
		got, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: created.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"QueueArn": "arn:aws:sqs:eu-central-1:111122223333:work", "VisibilityTimeout": "5", "RedrivePolicy": redrive, "CreatedTimestamp": "1796126400",
			"DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		}
		if diff := cmp.Diff(want, got.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		set := &sqs.SetQueueAttributesInput{QueueUrl: created.QueueUrl, Attributes: map[string]string{"MaximumMessageSize": "1024"}}
		if _, err := client.SetQueueAttributes(ctx, set); err != nil {
			t.Fatal(err)
		}
		_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: created.QueueUrl, MessageBody: new(strings.Repeat("x", 1025))})
		refused(t, err, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.")
		list, err := client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: new("wo")})
		if err != nil || len(list.QueueUrls) != 1 {
			t.Errorf("ListQueues = %v, %v, want the one queue", list.QueueUrls, err)
		}
		if _, err := client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: l.url(dead)}); err != nil {
			t.Fatal(err)
		}
		if out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: l.url(dead)}); err != nil || len(out.Messages) != 0 {
			t.Errorf("ReceiveMessage after PurgeQueue = %v, %v, want nothing", out.Messages, err)
		}
		if _, err := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: created.QueueUrl}); err != nil {
			t.Fatal(err)
		}
		_, err = client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: new("work")})
		refused(t, err, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
		if found, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: new("dead")}); err != nil || *found.QueueUrl != *l.url(dead) {
			t.Errorf("GetQueueUrl = %v, want the queue's", err)
		}
	})
}
