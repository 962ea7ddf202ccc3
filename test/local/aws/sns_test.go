package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/go-cmp/cmp"
)

func text(v string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: new("String"), StringValue: &v}
}

func attributes(pairs ...string) map[string]types.MessageAttributeValue {
	out := make(map[string]types.MessageAttributeValue)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = text(pairs[i+1])
	}
	return out
}

// arrived waits until n messages are in a queue, in virtual time.
func (l *lab) arrived(t *testing.T, queueARN string, n int) []Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return must(l.WaitMessages(ctx, queueARN, n))(t)
}

func TestPublishRaw(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		out, err := l.sns(l.credentials(t, l.ask())).Publish(t.Context(), &sns.PublishInput{
			TopicArn: &l.topic, Message: new(`{"a":"<ü>&"}`), MessageGroupId: new("group"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"ce-id": text("1"), "n": {DataType: new("Number.int"), StringValue: new("-1.5e3")},
				"b": {DataType: new("Binary"), BinaryValue: []byte{0, 255}}, "l": {DataType: new("String.Array"), StringValue: new(`["x",1]`)},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(*out.MessageId) != 36 {
			t.Errorf("MessageId = %q, want a UUID", *out.MessageId)
		}
		got := l.arrived(t, l.queueARN, 1)
		want := []Message{{
			ID: got[0].ID, Body: `{"a":"<ü>&"}`, GroupID: "group", Arrived: time.Now(),
			Attributes: map[string]Attribute{
				"ce-id": {"String", "1"}, "n": {"Number.int", "-1.5e3"}, "b": {"Binary", "\x00\xff"}, "l": {"String.Array", `["x",1]`},
			},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestPublishEnvelope(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		queueARN := must(l.CreateQueue("envelopes"))(t)
		must(l.Subscribe(l.topic, queueARN, false))(t)
		out, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{
			TopicArn: &l.topic, Subject: new("hello"), MessageStructure: new("json"), Message: new(`{"default":"d","sqs":"<for queues>"}`),
			MessageAttributes: map[string]types.MessageAttributeValue{"a": text("v"), "b": {DataType: new("Binary"), BinaryValue: []byte{255}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		body := l.arrived(t, queueARN, 1)[0].Body
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"Type": "Notification", "MessageId": *out.MessageId, "TopicArn": l.topic, "Subject": "hello", "Message": "<for queues>",
			"Timestamp": "2026-12-01T12:00:00.000Z", "UnsubscribeURL": got["UnsubscribeURL"],
			"MessageAttributes": map[string]any{
				"a": map[string]any{"Type": "String", "Value": "v"}, "b": map[string]any{"Type": "Binary", "Value": "/w=="},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("envelope (-want +got):\n%s", diff)
		}
		if !strings.Contains(body, `"<for queues>"`) {
			t.Errorf("envelope = %s, want its text unescaped as AWS writes it", body)
		}
	})
}

// TestPublishRefusals has every text of a single message; nothing of it arrives.
func TestPublishRefusals(t *testing.T) {
	const noneOf = "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
	of := func(name string, v types.MessageAttributeValue) func(*sns.PublishInput) {
		return func(in *sns.PublishInput) { in.MessageAttributes = map[string]types.MessageAttributeValue{name: v} }
	}
	typed := func(dataType, value string) func(*sns.PublishInput) {
		return of("a", types.MessageAttributeValue{DataType: &dataType, StringValue: &value})
	}
	for _, tt := range []struct {
		name, code, text string
		change           func(*sns.PublishInput)
	}{
		{"ARN too short", "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 5", func(in *sns.PublishInput) { in.TopicArn = new("arn:aws:sns:eu-central-1:orders") }},
		{"other region", "InvalidParameter", "Invalid parameter: TopicArn", func(in *sns.PublishInput) { in.TopicArn = new("arn:aws:sns:us-east-1:111122223333:orders") }},
		{"no topic", "InvalidParameter", "stand-in: TopicArn is missing", func(in *sns.PublishInput) { in.TopicArn = nil }},
		{"unknown topic", "NotFound", "Topic does not exist", func(in *sns.PublishInput) { in.TopicArn = new(*in.TopicArn + "2") }},
		{"phone number", "InvalidParameter", "stand-in: parameter PhoneNumber of Publish is not here", func(in *sns.PublishInput) { in.PhoneNumber = new("+491") }},
		{"empty message", "InvalidParameter", "Invalid parameter: Empty message", func(in *sns.PublishInput) { in.Message = new("") }},
		{"control character", "InvalidParameter", "stand-in: the message holds characters that no queue takes", func(in *sns.PublishInput) { in.Message = new("a\x01") }},
		{"empty subject", "InvalidParameter", "Invalid parameter: Subject", func(in *sns.PublishInput) { in.Subject = new("") }},
		{"long subject", "InvalidParameter", "Invalid parameter: Subject", func(in *sns.PublishInput) { in.Subject = new(strings.Repeat("s", 100)) }},
		{"subject of two lines", "InvalidParameter", "Invalid parameter: Subject", func(in *sns.PublishInput) { in.Subject = new("a\nb") }},
		{"structure without default", "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body", func(in *sns.PublishInput) { in.MessageStructure, in.Message = new("json"), new(`{"sqs":"x"}`) }},
		{"structure that is no JSON", "InvalidParameter", "Invalid parameter: Message Structure - JSON message body failed to parse", func(in *sns.PublishInput) { in.MessageStructure = new("json") }},
		{"other structure", "InvalidParameter", "stand-in: MessageStructure must be json or absent", func(in *sns.PublishInput) { in.MessageStructure = new("xml") }},
		{"too long", "InvalidParameter", "Invalid parameter: Message too long", func(in *sns.PublishInput) { in.Message = new(strings.Repeat("x", 262_145)) }},
		{"too long with its attributes", "InvalidParameter", "Invalid parameter: Message too long", func(in *sns.PublishInput) {
			in.Message, in.MessageAttributes = new(strings.Repeat("x", 262_144-8)), attributes("a", "vv")
		}},
		{"deduplication id", "InvalidParameter", "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type", func(in *sns.PublishInput) { in.MessageDeduplicationId = new("1") }},
		{"group id with a space", "InvalidParameter", "stand-in: MessageGroupId …", func(in *sns.PublishInput) { in.MessageGroupId = new("a b") }},
		{"empty value", "ParameterValueInvalid", "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.", typed("String", "")},
		{"text as bytes", "ParameterValueInvalid", "The message attribute 'a' with type 'String' must use field 'String'.", of("a", types.MessageAttributeValue{DataType: new("String"), BinaryValue: []byte("x")})},
		{"number as bytes", "ParameterValueInvalid", "The message attribute 'a' with type 'Number' must use field 'String'.", of("a", types.MessageAttributeValue{DataType: new("Number"), BinaryValue: []byte("1")})},
		{"bytes as text", "ParameterValueInvalid", "The message attribute 'a' with type 'Binary' must use field 'Binary'.", typed("Binary", "x")},
		{"two values", "ParameterValueInvalid", "stand-in: the message attribute 'a' has two values", of("a", types.MessageAttributeValue{DataType: new("String"), StringValue: new("x"), BinaryValue: []byte("x")})},
		{"type that is none", "ParameterValueInvalid", noneOf, typed("Integer", "1")},
		{"type with an empty suffix", "ParameterValueInvalid", noneOf, typed("String.", "x")},
		{"type that begins like one", "ParameterValueInvalid", noneOf, typed("Stringx", "x")},
		{"number that is none", "ParameterValueInvalid", "stand-in: the message attribute 'a' is not a number", typed("Number", "0x10")},
		{"array that is none", "ParameterValueInvalid", "stand-in: the message attribute 'a' is not a JSON array", typed("String.Array", "x")},
		{"long name", "ParameterValueInvalid", "Length of message attribute name must be less than 256 bytes.", of(strings.Repeat("n", 256), text("x"))},
		{"character in a name", "ParameterValueInvalid", "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.", of("a^b", text("x"))},
		{"name with a dot first", "ParameterValueInvalid", "Invalid message attribute name starting with character '.' was found.", of(".a", text("x"))},
		{"name with a dot last", "ParameterValueInvalid", "Invalid message attribute name ending with character '.' was found.", of("a.", text("x"))},
		{"name with two dots", "ParameterValueInvalid", "Message attribute name can not have successive '.' character.", of("a..b", text("x"))},
		{"reserved name", "ParameterValueInvalid", "stand-in: the message attribute name 'aws.x' begins with a reserved prefix", of("aws.x", text("x"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				in := &sns.PublishInput{TopicArn: &l.topic, Message: new("hello")}
				tt.change(in)
				_, err := l.sns(l.Seed()).Publish(t.Context(), in)
				refused(t, err, tt.code, tt.text)
				time.Sleep(time.Minute)
				if n := l.MessageCount(l.queueARN); n != 0 {
					t.Errorf("%d messages arrived, want none", n)
				}
			})
		})
	}
}

func TestPublishAtTheLimit(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client := l.sns(l.Seed())
		in := &sns.PublishInput{TopicArn: &l.topic, Message: new(strings.Repeat("x", 262_144-9)), MessageAttributes: attributes("a", "vv")}
		if _, err := client.Publish(t.Context(), in); err != nil {
			t.Errorf("Publish of 262,144 bytes = %v, want it accepted", err)
		}
		if _, err := client.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{
			TopicArn: &l.topic, AttributeName: new("MaximumMessageSize"), AttributeValue: new("1048576"),
		}); err != nil {
			t.Fatal(err)
		}
		in.Message = new(strings.Repeat("x", 1_048_576-9))
		if _, err := client.Publish(t.Context(), in); err != nil {
			t.Errorf("Publish of 1,048,576 bytes = %v, want it accepted with MaximumMessageSize", err)
		}
		in.Message = new(*in.Message + "x")
		_, err := client.Publish(t.Context(), in)
		refused(t, err, "InvalidParameter", "Invalid parameter: Message too long")
		l.arrived(t, l.queueARN, 2)
	})
}

func batch(l *lab, ids ...string) *sns.PublishBatchInput {
	in := &sns.PublishBatchInput{TopicArn: &l.topic}
	for _, id := range ids {
		in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, types.PublishBatchRequestEntry{
			Id: new(id), Message: new("message " + id), MessageAttributes: attributes("ce-id", id),
		})
	}
	return in
}

func ten() []string {
	var ids []string
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("id_%d", i))
	}
	return ids
}

func TestPublishBatch(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		out, err := l.sns(l.Seed()).PublishBatch(t.Context(), batch(l, ten()...))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range out.Successful {
			ids = append(ids, *e.Id)
			if sdkaws.ToString(e.MessageId) == "" {
				t.Errorf("entry %s has no MessageId", *e.Id)
			}
		}
		if diff := cmp.Diff(ten(), ids); diff != "" || len(out.Failed) != 0 {
			t.Errorf("Successful (-want +got):\n%s\nFailed: %v", diff, out.Failed)
		}
		for i, m := range l.arrived(t, l.queueARN, 10) {
			if want := "message " + ten()[i]; m.Body != want || m.Attributes["ce-id"].Value != ten()[i] {
				t.Errorf("message %d = %q %v, want %q in order", i, m.Body, m.Attributes, want)
			}
		}
	})
}

func TestPublishBatchRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, code, text string
		ids              []string
		change           func(*sns.PublishBatchInput)
	}{
		{"eleven entries", "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.", append(ten(), "x"), nil},
		{"no entries", "EmptyBatchRequest", "stand-in: the batch request contains no entries", nil, nil},
		{"same id", "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.", []string{"a", "b", "a"}, nil},
		{"character in an id", "InvalidBatchEntryId", "The Id of a batch entry in the batch request contains an impermissible character: b.c", []string{"a", "b.c"}, nil},
		{"long id", "InvalidBatchEntryId", "The Id of a batch entry in the batch request is too long: " + strings.Repeat("a", 81), []string{strings.Repeat("a", 81)}, nil},
		{"sum too long", "BatchRequestTooLong", "The length of all the messages put together is more than the limit.", []string{"a", "b"}, func(in *sns.PublishBatchInput) {
			in.PublishBatchRequestEntries[0].Message = new(strings.Repeat("x", 262_000))
			in.PublishBatchRequestEntries[1].Message = new(strings.Repeat("x", 200))
		}},
		{"one empty message", "InvalidParameter", "Invalid parameter: Empty message", []string{"a", "b"}, func(in *sns.PublishBatchInput) { in.PublishBatchRequestEntries[1].Message = new("") }},
		{"one bad attribute", "ParameterValueInvalid", "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.", []string{"a", "b"}, func(in *sns.PublishBatchInput) {
			in.PublishBatchRequestEntries[1].MessageAttributes = attributes("a", "")
		}},
		{"unknown topic", "NotFound", "Topic does not exist", []string{"a"}, func(in *sns.PublishBatchInput) { in.TopicArn = new(*in.TopicArn + "2") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				in := batch(l, tt.ids...)
				if tt.ids == nil {
					in.PublishBatchRequestEntries = []types.PublishBatchRequestEntry{}
				}
				if tt.change != nil {
					tt.change(in)
				}
				_, err := l.sns(l.Seed()).PublishBatch(t.Context(), in)
				refused(t, err, tt.code, tt.text)
				time.Sleep(time.Minute)
				if n := l.MessageCount(l.queueARN); n != 0 {
					t.Errorf("%d messages arrived of a refused batch, want none", n)
				}
			})
		})
	}
}
