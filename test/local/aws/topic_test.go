package aws

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
)

func TestTopics(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sns(l.Seed()), t.Context()
		created, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("events"), Attributes: map[string]string{"DisplayName": "Events", "FifoTopic": "false"}})
		if err != nil {
			t.Fatal(err)
		}
		if want := "arn:aws:sns:eu-central-1:111122223333:events"; *created.TopicArn != want {
			t.Errorf("TopicArn = %s, want %s", *created.TopicArn, want)
		}
		if again, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("events")}); err != nil || *again.TopicArn != *created.TopicArn {
			t.Errorf("CreateTopic again = %v, want the same topic", err)
		}
		_, err = client.CreateTopic(ctx, &sns.CreateTopicInput{Name: new("events"), Attributes: map[string]string{"DisplayName": "Other"}})
		refused(t, err, "InvalidParameter", "Invalid parameter: Attributes Reason: Topic already exists with different attributes")
		got, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: created.TopicArn})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"TopicArn": *created.TopicArn, "Owner": "111122223333", "DisplayName": "Events",
			"SubscriptionsConfirmed": "0", "SubscriptionsPending": "0", "SubscriptionsDeleted": "0",
		}
		if diff := cmp.Diff(want, got.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		for range 2 {
			if _, err := client.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: created.TopicArn}); err != nil {
				t.Errorf("DeleteTopic = %v, want it to succeed twice", err)
			}
		}
		_, err = client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: created.TopicArn})
		refused(t, err, "NotFound", "Topic does not exist")
	})
}

func TestTopicRefusals(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sns(l.Seed()), t.Context()
		for _, name := range []string{"", "a b", "a:b", "a;b", "a!b", "a@b", "a|b", "a^b", "a%b", "a.b", "a.fifo", strings.Repeat("a", 257)} {
			_, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name})
			refused(t, err, "InvalidParameter", "Invalid parameter: Topic Name")
		}
		create := func(name string, pairs map[string]string) error {
			_, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name, Attributes: pairs})
			return err
		}
		refused(t, create("a", map[string]string{"FifoTopic": "true"}), "InvalidParameter", "Invalid parameter: Topic Name")
		refused(t, create("a.fifo", map[string]string{"FifoTopic": "false"}), "InvalidParameter", "Invalid parameter: Topic Name")
		refused(t, create("a", map[string]string{"KmsMasterKeyId": "x"}), "InvalidParameter", "stand-in: topic attribute KmsMasterKeyId is not here")
		refused(t, create("a", map[string]string{"MaximumMessageSize": "1023"}), "InvalidParameter", "stand-in: MaximumMessageSize must be a number from 1024 to 1048576")
		_, err := client.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &l.topic, Tags: nil})
		if err == nil {
			t.Error("TagResource without tags = nil, want the SDK or the stand-in to refuse it")
		}
		_, err = client.ListSubscriptions(ctx, &sns.ListSubscriptionsInput{})
		refused(t, err, "InvalidAction", "stand-in: no action ListSubscriptions of version 2010-03-31 is here")
	})
}

func TestListTopicsInPages(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		want := []string{l.topic}
		for i := range 249 {
			want = append(want, must(l.CreateTopic(fmt.Sprintf("topic-%03d", i)))(t))
		}
		var got []string
		pages := 0
		for p := sns.NewListTopicsPaginator(l.sns(l.Seed()), nil); p.HasMorePages(); pages++ {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range page.Topics {
				got = append(got, *topic.TopicArn)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
			t.Errorf("%d pages, want 3; topics (-want +got):\n%s", pages, diff)
		}
	})
}

func TestSubscriptions(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sns(l.Seed()), t.Context()
		other := must(l.CreateQueue("other"))(t)
		subscribed, err := client.Subscribe(ctx, &sns.SubscribeInput{
			TopicArn: &l.topic, Protocol: new("sqs"), Endpoint: &other, ReturnSubscriptionArn: true, Attributes: map[string]string{"RawMessageDelivery": "true"},
		})
		if err != nil {
			t.Fatal(err)
		}
		arn := subscribed.SubscriptionArn
		if !strings.HasPrefix(*arn, l.topic+":") {
			t.Errorf("SubscriptionArn = %s, want it under the topic's", *arn)
		}
		list, err := client.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &l.topic})
		if err != nil || len(list.Subscriptions) != 2 {
			t.Errorf("ListSubscriptionsByTopic = %d, %v, want 2", len(list.Subscriptions), err)
		}
		raw := func() string {
			out, err := client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: arn})
			if err != nil {
				t.Fatal(err)
			}
			if out.Attributes["Endpoint"] != other || out.Attributes["Protocol"] != "sqs" || out.Attributes["PendingConfirmation"] != "false" {
				t.Errorf("attributes = %v", out.Attributes)
			}
			return out.Attributes["RawMessageDelivery"]
		}
		if got := raw(); got != "true" {
			t.Errorf("RawMessageDelivery = %s, want true", got)
		}
		set := func(name, value string) error {
			_, err := client.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: arn, AttributeName: &name, AttributeValue: &value})
			return err
		}
		if err := set("RawMessageDelivery", "false"); err != nil || raw() != "false" {
			t.Errorf("RawMessageDelivery is not false after setting it: %v", err)
		}
		refused(t, set("RawMessageDelivery", "yes"), "InvalidParameter", "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [yes]. Must be true or false.")
		refused(t, set("DeliveryPolicy", "{}"), "InvalidParameter", "stand-in: subscription attribute DeliveryPolicy is not here")
		for range 2 {
			if _, err := client.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: arn}); err != nil {
				t.Errorf("Unsubscribe = %v, want it to succeed twice", err)
			}
		}
		_, err = client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: arn})
		refused(t, err, "NotFound", "Subscription does not exist")
		if _, err := client.Publish(ctx, &sns.PublishInput{TopicArn: &l.topic, Message: new("x")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if l.MessageCount(other) != 0 || l.MessageCount(l.queueARN) != 1 {
			t.Errorf("messages = %d, %d, want none after Unsubscribe and one", l.MessageCount(other), l.MessageCount(l.queueARN))
		}
	})
}

func TestSubscribeRefusals(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		for _, tt := range []struct{ name, code, text, protocol, endpoint, attribute, value string }{
			{"queue's URL", "InvalidParameter", "Invalid parameter: SQS endpoint ARN", "sqs", *l.url(l.queueARN), "", ""},
			{"FIFO queue", "InvalidParameter", "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics", "sqs", l.queueARN + ".fifo", "", ""},
			{"unknown queue", "InvalidParameter", "stand-in: the queue " + l.queueARN + "2 does not exist", "sqs", l.queueARN + "2", "", ""},
			{"other protocol", "InvalidParameter", `stand-in: protocol "https" is not here; sqs and email are`, "https", "https://example.test", "", ""},
			{"filter policy", "InvalidParameter", "Invalid parameter: Attributes Reason: FilterPolicy: Unrecognized match type wildcard", "sqs", l.queueARN, "FilterPolicy", `{"a":[{"wildcard":"x*"}]}`},
			{"dead letters", "InvalidParameter", "Invalid parameter: Attributes Reason: RedrivePolicy: stand-in: deadLetterTargetArn must be the ARN of a queue", "sqs", l.queueARN, "RedrivePolicy", "{}"},
			{"dead letters, and more", "InvalidParameter", "Invalid parameter: Attributes Reason: RedrivePolicy: stand-in: it must be JSON with deadLetterTargetArn", "sqs", l.queueARN, "RedrivePolicy", `{"maxReceiveCount":1}`},
			{"no address", "InvalidParameter", "Invalid parameter: Email address", "email", "ops", "", ""},
			{"address with attributes", "InvalidParameter", "stand-in: attributes of an email subscription are not here", "email", "ops@example.com", "RawMessageDelivery", "true"},
			{"raw, in another case", "InvalidParameter", "Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [True]. Must be true or false.", "sqs", l.queueARN, "RawMessageDelivery", "True"},
			{"there, otherwise", "InvalidParameter", "stand-in: the subscription exists with different attributes", "sqs", l.queueARN, "RawMessageDelivery", "false"},
		} {
			in := &sns.SubscribeInput{TopicArn: &l.topic, Protocol: &tt.protocol, Endpoint: &tt.endpoint}
			if tt.attribute != "" {
				in.Attributes = map[string]string{tt.attribute: tt.value}
			}
			_, err := l.sns(l.Seed()).Subscribe(t.Context(), in)
			t.Log(tt.name)
			refused(t, err, tt.code, tt.text)
		}
	})
}

// TestDiscarded has what AWS drops without a word: the publisher is told that all is well.
func TestDiscarded(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client := l.sns(l.Seed())
		publish := func(attributeCount int, size int) {
			in := &sns.PublishInput{TopicArn: &l.topic, Message: new(strings.Repeat("x", size)), MessageAttributes: attributes()}
			for i := range attributeCount {
				in.MessageAttributes[fmt.Sprint("a", i)] = text("v")
			}
			if _, err := client.Publish(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for _, tt := range []struct{ attributes, size, arrived, discarded int }{
			{10, 1, 1, 0},
			{11, 1, 1, 1},
			{0, 2000, 2, 1},
		} {
			publish(tt.attributes, tt.size)
			if n, lost := l.MessageCount(l.queueARN), l.Discarded(l.subscription); n != tt.arrived || lost != tt.discarded {
				t.Errorf("after %d attributes: %d arrived, %d discarded, want %d, %d", tt.attributes, n, lost, tt.arrived, tt.discarded)
			}
		}
		l.DeleteQueue(l.queueARN)
		publish(0, 1)
		if lost := l.Discarded(l.subscription); lost != 2 {
			t.Errorf("discarded without a queue = %d, want 2", lost)
		}
	})
}
