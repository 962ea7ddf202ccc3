package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/forward"
)

func done(ids ...string) (out []types.PublishBatchResultEntry) {
	for _, id := range ids {
		out = append(out, types.PublishBatchResultEntry{Id: aws.String(id), MessageId: aws.String("m" + id)})
	}
	return out
}

func failed(id, code, text string, senderFault bool) types.BatchResultErrorEntry {
	return types.BatchResultErrorEntry{Id: aws.String(id), Code: aws.String(code), Message: aws.String(text), SenderFault: senderFault}
}

// kinds is the verdict on each entry, in words.
func kinds(errs []error) []string {
	out := make([]string, len(errs))
	for i, err := range errs {
		out[i] = "accepted"
		if err != nil {
			out[i] = forward.KindOf(err).String()
		}
	}
	return out
}

// TestReplies: an entry is accepted if it is among the successful ones with a message id, and not among the failed ones.
func TestReplies(t *testing.T) {
	throttled := failed("1", "Throttled", "Rate exceeded", true)
	for name, tc := range map[string]struct {
		reply sns.PublishBatchOutput
		want  []string // of three entries
	}{
		"all":               {sns.PublishBatchOutput{Successful: done("2", "0", "1")}, []string{"accepted", "accepted", "accepted"}},
		"nothing":           {sns.PublishBatchOutput{}, []string{"unavailable", "unavailable", "unavailable"}},
		"one is missing":    {sns.PublishBatchOutput{Successful: done("0", "2")}, []string{"accepted", "unavailable", "accepted"}},
		"one twice":         {sns.PublishBatchOutput{Successful: done("0", "0", "2")}, []string{"accepted", "unavailable", "accepted"}},
		"unknown ids":       {sns.PublishBatchOutput{Successful: done("3", "-1", "x", "", "01", "+1", "1 ")}, []string{"unavailable", "unavailable", "unavailable"}},
		"no id":             {sns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{{MessageId: aws.String("m")}}}, []string{"unavailable", "unavailable", "unavailable"}},
		"no message id":     {sns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{{Id: aws.String("0")}, {Id: aws.String("1"), MessageId: aws.String("")}}}, []string{"unavailable", "unavailable", "unavailable"}},
		"throttled":         {sns.PublishBatchOutput{Successful: done("0", "2"), Failed: []types.BatchResultErrorEntry{throttled}}, []string{"accepted", "throttled", "accepted"}},
		"in both lists":     {sns.PublishBatchOutput{Successful: done("0", "1", "2"), Failed: []types.BatchResultErrorEntry{throttled}}, []string{"accepted", "unavailable", "accepted"}},
		"both, and invalid": {sns.PublishBatchOutput{Successful: done("0", "1", "2"), Failed: []types.BatchResultErrorEntry{failed("1", "InvalidParameter", "Invalid parameter: Message too long", true)}}, []string{"accepted", "unavailable", "accepted"}},
		"failed twice":      {sns.PublishBatchOutput{Successful: done("0", "2"), Failed: []types.BatchResultErrorEntry{throttled, failed("1", "InvalidParameter", "Invalid parameter: Empty message", true)}}, []string{"accepted", "unavailable", "accepted"}},
		"failed, unknown":   {sns.PublishBatchOutput{Successful: done("0", "1", "2"), Failed: []types.BatchResultErrorEntry{failed("7", "Throttled", "", false), {}}}, []string{"accepted", "accepted", "accepted"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, kinds(mapper(t, nil).read(&tc.reply, make([]error, 3)))); diff != "" {
				t.Errorf("read() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedEntries(t *testing.T) {
	const long = "Invalid parameter: Message too long"
	for name, tc := range map[string]struct {
		entry   types.BatchResultErrorEntry
		entries int
		want    forward.Kind
	}{
		"sender's fault, known":       {failed("0", "InvalidParameter", long, true), 2, forward.Invalid},
		"not the sender's":            {failed("0", "InvalidParameter", long, false), 2, forward.Unavailable},
		"sender's fault, unknown":     {failed("0", "SomethingNew", "x", true), 2, forward.Unavailable},
		"sender's fault, but no text": {failed("0", "InvalidParameter", "", true), 2, forward.Unavailable},
		"throttled":                   {failed("0", "ThrottlingException", "x", false), 2, forward.Throttled},
		"throttled, sender's fault":   {failed("0", "Throttled", "x", true), 2, forward.Throttled},
		"internal":                    {failed("0", "InternalError", "x", false), 2, forward.Unavailable},
		"no topic":                    {failed("0", "NotFound", "x", true), 2, forward.Denied},
		"badly formed batch":          {failed("0", "InvalidBatchEntryId", "x", true), 2, forward.BatchRefused},
		"badly formed batch of one":   {failed("0", "InvalidBatchEntryId", "x", true), 1, forward.Denied},
		"by another name":             {failed("0", "InvalidParameterException", long, true), 2, forward.Invalid},
		"topic by another name":       {failed("0", "NotFoundException", "x", true), 2, forward.Denied},
		"value by another name":       {failed("0", "InvalidParameterValue", "The message attribute 'a' is odd", true), 2, forward.Invalid},
		"nothing said":                {types.BatchResultErrorEntry{Id: aws.String("0"), SenderFault: true}, 2, forward.Unavailable},
	} {
		if got := mapper(t, nil).failure(tc.entry, tc.entries); forward.KindOf(got) != tc.want {
			t.Errorf("%s: failure() = %v, %v; want %v", name, forward.KindOf(got), got, tc.want)
		}
	}
}

// refusing is a network that answers every request with an error.
type refusing struct {
	status     int
	code, text string
}

func (r refusing) Do(request *http.Request) (*http.Response, error) {
	body := fmt.Sprintf(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, r.code, r.text)
	return &http.Response{
		StatusCode: r.status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body)), Request: request,
	}, nil
}

// TestRefusedCalls: what AWS says of a whole call, for an entry that was alone in it and for one of two. The texts are those
// of local-aws.md in spec, as AWS was recorded.
func TestRefusedCalls(t *testing.T) {
	const invalid, denied, throttled, unavailable, split = forward.Invalid, forward.Denied, forward.Throttled, forward.Unavailable, forward.BatchRefused
	for name, tc := range map[string]struct {
		answer       refusing
		alone, oneOf forward.Kind
		cause        error  // that stands in the chain of the entry that was alone
		says         string // the detail for it
	}{
		"too long":           {refusing{400, "InvalidParameter", "Invalid parameter: Message too long"}, invalid, split, forward.ErrTooLarge, "size limit"},
		"empty":              {refusing{400, "InvalidParameter", "Invalid parameter: Empty message"}, invalid, split, forward.ErrContent, "content"},
		"subject":            {refusing{400, "InvalidParameter", "Invalid parameter: Subject"}, invalid, split, forward.ErrContent, "content"},
		"structure":          {refusing{400, "InvalidParameter", "Invalid parameter: Message Structure - No default entry in JSON message body"}, invalid, split, forward.ErrContent, "content"},
		"attribute":          {refusing{400, "ParameterValueInvalid", "The message attribute 'ce-id' must contain non-empty message attribute value for message attribute type 'String'."}, invalid, split, forward.ErrContent, "content"},
		"attribute name":     {refusing{400, "ParameterValueInvalid", "Length of message attribute name must be less than 256 bytes."}, denied, denied, nil, "configured"},
		"attribute's letter": {refusing{400, "ParameterValueInvalid", "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots."}, denied, denied, nil, "configured"},
		"other value":        {refusing{400, "ParameterValueInvalid", "something new"}, denied, split, nil, "configuration"},
		"topic":              {refusing{400, "InvalidParameter", "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"}, denied, denied, nil, "configured"},
		"topic called so":    {refusing{400, "InvalidParameter", "Invalid parameter: TopicArn Reason: arn:aws:sns:eu-central-1:111122223333:Subject-Message too long"}, denied, denied, nil, "configured"},
		"group's value":      {refusing{400, "InvalidParameter", "Invalid parameter: MessageGroupId Reason: x"}, denied, denied, nil, "configured"},
		"group":              {refusing{400, "InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"}, denied, denied, nil, "configured"},
		"deduplication":      {refusing{400, "InvalidParameter", "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"}, denied, denied, nil, "configured"},
		"no deduplication":   {refusing{400, "InvalidParameter", "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"}, denied, denied, nil, "configured"},
		"other parameter":    {refusing{400, "InvalidParameter", "Invalid parameter: Unheard of"}, denied, split, nil, "configuration"},
		"other 4xx":          {refusing{400, "SomethingNew", "x"}, denied, split, nil, "configuration"},
		"batch too long":     {refusing{400, "BatchRequestTooLong", "The length of all the messages put together is more than the limit."}, denied, split, nil, "configured"},
		"too many":           {refusing{400, "TooManyEntriesInBatchRequest", "x"}, denied, split, nil, "configured"},
		"none":               {refusing{400, "EmptyBatchRequest", "x"}, denied, split, nil, "configured"},
		"ids":                {refusing{400, "BatchEntryIdsNotDistinct", "x"}, denied, split, nil, "configured"},
		"an id":              {refusing{400, "InvalidBatchEntryId", "x"}, denied, split, nil, "configured"},
		"no topic":           {refusing{404, "NotFound", "Topic does not exist"}, denied, denied, nil, "SNS_TOPIC_ARN"},
		"no permission":      {refusing{403, "AuthorizationError", "User: arn:aws:sts::1:x is not authorized"}, denied, denied, nil, "permitted"},
		"throttled":          {refusing{400, "Throttling", "Rate exceeded"}, throttled, throttled, nil, ""},
		"internal":           {refusing{500, "InternalError", "x"}, unavailable, unavailable, nil, ""},
		"session":            {refusing{403, "ExpiredToken", "x"}, unavailable, unavailable, nil, "signs in again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mapper(t, nil)
			s.client = sns.New(sns.Options{
				Region: "eu-central-1", HTTPClient: tc.answer, RetryMaxAttempts: 1, BaseEndpoint: aws.String("https://sns.example"),
				Credentials: aws.CredentialsProviderFunc(fixed),
			})
			e := order()
			item, err := s.Prepare(&e, "")
			if err != nil {
				t.Fatal(err)
			}
			alone := s.Send(t.Context(), []forward.Item{item})[0]
			if kind := forward.KindOf(alone); kind != tc.alone {
				t.Errorf("the verdict on an entry alone = %v, %v; want %v", kind, alone, tc.alone)
			}
			for i, err := range s.Send(t.Context(), []forward.Item{item, item}) {
				if kind := forward.KindOf(err); kind != tc.oneOf {
					t.Errorf("the verdict on entry %d of two = %v, %v; want %v", i, kind, err, tc.oneOf)
				}
			}
			if tc.cause != nil && !errors.Is(alone, tc.cause) {
				t.Errorf("Send() = %v, want %v in its chain", alone, tc.cause)
			}
			if !strings.Contains(alone.Error(), topicARN) {
				t.Errorf("Send() = %v, want the topic named for the operator", alone)
			}
			detail := forward.Detail(alone)
			if !strings.Contains(detail, tc.says) || strings.Contains(detail, "arn:") || strings.Contains(detail, "example") {
				t.Errorf("Detail() = %q, want it to say %q, without ARN and host", detail, tc.says)
			}
		})
	}
}

// TestTheCallHoldsTheBatch: what SNS gets is what was prepared, under distinct ids.
func TestTheCallHoldsTheBatch(t *testing.T) {
	s := mapper(t, nil)
	var sent bytes.Buffer
	s.client = sns.New(sns.Options{
		Region: "eu-central-1", RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(fixed), HTTPClient: keeping{&sent},
	})
	e := order()
	item, err := s.Prepare(&e, "")
	if err != nil {
		t.Fatal(err)
	}
	errs := s.Send(t.Context(), []forward.Item{item, item})
	if diff := cmp.Diff([]string{"unavailable", "accepted"}, kinds(errs)); diff != "" {
		t.Errorf("Send() (-want +got):\n%s", diff)
	}
	for _, part := range []string{"TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A111122223333%3Aorders", "member.1.Id=0", "member.2.Id=1", "Value.DataType=String", "Name=ce-subject"} {
		if !strings.Contains(sent.String(), part) {
			t.Errorf("the request does not hold %s:\n%s", part, sent.String())
		}
	}
}

// keeping is a network that keeps what it was sent, and accepts entry 1.
type keeping struct{ sent *bytes.Buffer }

func (k keeping) Do(request *http.Request) (*http.Response, error) {
	if _, err := io.Copy(k.sent, request.Body); err != nil {
		return nil, err
	}
	const body = `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Failed/><Successful><member><Id>1</Id><MessageId>m</MessageId></member></Successful></PublishBatchResult></PublishBatchResponse>`
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
}
