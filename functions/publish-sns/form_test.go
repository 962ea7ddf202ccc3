package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/awscall"
	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// recorder is a network that keeps the last request, and answers none.
type recorder struct {
	request *http.Request
	body    []byte
}

var errKept = errors.New("kept")

func (k *recorder) Do(r *http.Request) (_ *http.Response, err error) {
	k.request = r
	k.body, err = io.ReadAll(r.Body)
	return nil, errors.Join(errKept, err)
}

// bySDK is the call as the SDK makes it of its own types.
func bySDK(t testing.TB, config aws.Config, topic string, items []forward.Item) {
	t.Helper()
	entries := make([]types.PublishBatchRequestEntry, len(items))
	optional := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	for i, item := range items {
		m := item.Payload.(*message)
		attributes := map[string]types.MessageAttributeValue{}
		for _, a := range m.attributes {
			attributes[a.name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(a.value)}
		}
		entries[i] = types.PublishBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), Message: aws.String(string(m.body)), MessageAttributes: attributes,
			MessageGroupId: optional(m.group), MessageDeduplicationId: optional(m.once),
		}
	}
	in := &sns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: entries}
	if _, err := sns.NewFromConfig(config).PublishBatch(t.Context(), in); !errors.Is(err, errKept) {
		t.Fatal(err)
	}
}

// sameCall sends the items as the sink and as the SDK do: line, headers and body are the same. Time, invocation and the
// signature over them are each call's own.
func sameCall(t testing.TB, topic string, items []forward.Item) {
	t.Helper()
	var ours, theirs recorder
	config := func(k *recorder) aws.Config {
		return aws.Config{
			Region: "eu-central-1", HTTPClient: k, Credentials: aws.CredentialsProviderFunc(fixed), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		}
	}
	set := &settings{}
	set.SNS.TopicARN = topic
	c := config(&ours)
	s := newSink(set, bridge.Target{AWS: c, Session: awscall.NewSession(c.Credentials, func(string) {})})
	if err := errors.Join(s.Send(t.Context(), items)...); !errors.Is(err, errKept) {
		t.Fatal(err)
	}
	bySDK(t, config(&theirs), topic, items)
	if !bytes.Equal(ours.body, theirs.body) {
		t.Errorf("the body differs from the SDK's (-SDK +ours):\n%s", cmp.Diff(strings.Split(string(theirs.body), "&"), strings.Split(string(ours.body), "&")))
	}
	line := func(k recorder) []string {
		out := []string{k.request.Method + " " + k.request.URL.String() + " " + strconv.FormatInt(k.request.ContentLength, 10)}
		for name, values := range k.request.Header {
			switch name {
			case "Authorization", "X-Amz-Date", "Amz-Sdk-Invocation-Id":
				values = []string{"of this call alone"}
			}
			out = append(out, name+": "+strings.Join(values, ", "))
		}
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff(line(theirs), line(ours)); diff != "" {
		t.Errorf("the request differs from the SDK's (-SDK +ours):\n%s", diff)
	}
	if size := len(ours.body); size == 0 || ours.request.ContentLength != int64(size) {
		t.Errorf("Content-Length is %d of %d bytes", ours.request.ContentLength, size)
	}
}

const benchTopic = "arn:aws:sns:eu-central-1:111122223333:orders"

// itemsOf are n items whose attributes are the pairs of the list, each message with one pair less than the one before.
func itemsOf(n int, body, once, group string, pairs []attribute) []forward.Item {
	items := make([]forward.Item, n)
	for i := range items {
		m := &message{body: []byte(body + strings.Repeat(" ", i)), once: once, group: group}
		for _, a := range pairs[min(i, len(pairs)):] {
			if !slices.ContainsFunc(m.attributes, func(other attribute) bool { return other.name == a.name }) {
				m.attributes = append(m.attributes, a)
			}
		}
		slices.SortFunc(m.attributes, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
		items[i] = forward.Item{Payload: m}
	}
	return items
}

// TestFormIsTheSDKs for events as they come, in every number of entries, with and without groups.
func TestFormIsTheSDKs(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"standard": nil, "fifo": fifo, "data": func(s *settings) { s.SNS.Payload = "data" },
		"more attributes": func(s *settings) { s.SNS.Attributes, s.SNS.AttributesMax = "aa={id},ce={id},tenant,zz={type}", 12 },
	} {
		s := mapper(t, change)
		for n := 1; n <= batchMax; n++ {
			var items []forward.Item
			for i := range n {
				e := order()
				e.SetID(fmt.Sprint("an id & more=", i))
				item, err := s.Prepare(&e, map[bool]string{true: trace}[i%2 == 0])
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, item)
			}
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) { sameCall(t, s.settings.SNS.TopicARN, items) })
		}
	}
}

// TestFormOfManyAttributes: two and three digits are sorted as texts, of attributes as of entries.
func TestFormOfManyAttributes(t *testing.T) {
	for _, n := range []int{1, 2, 9, 10, 11, 19, 20, 99, 100, 101} {
		var pairs []attribute
		for i := range n {
			pairs = append(pairs, attribute{fmt.Sprintf("a%d", i), fmt.Sprint(i)})
		}
		sameCall(t, benchTopic, itemsOf(1, "{}", "", "", pairs))
		sameCall(t, benchTopic, itemsOf(n, "{}", "", "", pairs[:1]))
	}
}

// FuzzForm: whatever an event holds, the call is the one that the SDK would make of it, and its size was known before.
func FuzzForm(f *testing.F) {
	f.Add(1, "hello", "", "", "ce-id\x001", "orders")
	f.Add(10, `{"a":"b c+d&e=f%20~-._*"}`, "once", "group", "b\x00ä€😀\x00a\x00\xff\xfe\x00b\x00twice", "orders.fifo")
	f.Add(12, "", "\x7f", "!\"#$", "\x00\x00\x00", "a b")
	f.Fuzz(func(t *testing.T, n int, body, once, group, list, topic string) {
		var pairs []attribute
		for words := strings.Split(list, "\x00"); len(words) > 1; words = words[2:] {
			pairs = append(pairs, attribute{words[0], words[1]})
		}
		items := itemsOf(1+int(uint(n)%12), body, once, group, pairs)
		sameCall(t, topic, items)
		for i, item := range items {
			m := item.Payload.(*message)
			if size, most := len(m.appendForm(nil, i+1)), m.formMax(); size > most {
				t.Errorf("entry %d has %d bytes, formMax says at most %d", i+1, size, most)
			}
		}
	})
}
