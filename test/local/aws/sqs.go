package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// sqsInput is the union of the members that the actions of SQS take; each action names its own.
type sqsInput struct {
	QueueName                   string
	QueueNamePrefix             string
	QueueURL                    string `json:"QueueUrl"`
	QueueOwnerAWSAccountID      string `json:"QueueOwnerAWSAccountId"`
	Attributes                  map[string]string
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
	MaxNumberOfMessages         *int
	MaxResults                  *int
	NextToken                   string
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	ReceiptHandle               string
	MessageBody                 *string
	DelaySeconds                *int
	MessageAttributes           map[string]sqsAttribute
	MessageGroupID              *string `json:"MessageGroupId"`
	MessageDeduplicationID      *string `json:"MessageDeduplicationId"`
	Entries                     []sqsEntry
}

// sqsEntry is an entry of SendMessageBatch or DeleteMessageBatch.
type sqsEntry struct {
	ID                     string `json:"Id"`
	ReceiptHandle          string
	MessageBody            *string
	DelaySeconds           *int
	MessageAttributes      map[string]sqsAttribute
	MessageGroupID         *string `json:"MessageGroupId"`
	MessageDeduplicationID *string `json:"MessageDeduplicationId"`
}

type sqsAttribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// sqsAction is how an action of SQS is authorized and run.
type sqsAction struct {
	permission string
	members    []string
	run        func(*call, sqsInput, *sqsQueue) (any, *refusal)
	noQueue    bool // it names no queue, or one that need not exist
}

func (s *Server) sqsAction(name string) (sqsAction, bool) {
	a := sqsAction{permission: "sqs:" + strings.TrimSuffix(name, "Batch")}
	switch name {
	case "CreateQueue":
		a.members, a.run, a.noQueue = []string{"QueueName", "Attributes"}, s.createQueue, true
	case "GetQueueUrl":
		a.members, a.run, a.noQueue = []string{"QueueName", "QueueOwnerAWSAccountId"}, s.queueURL, true
	case "ListQueues":
		a.members, a.run, a.noQueue = []string{"QueueNamePrefix", "MaxResults", "NextToken"}, s.listQueues, true
	case "DeleteQueue":
		a.members, a.run = []string{"QueueUrl"}, s.deleteQueue
	case "GetQueueAttributes":
		a.members, a.run = []string{"QueueUrl", "AttributeNames"}, s.queueAttributes
	case "SetQueueAttributes":
		a.members, a.run = []string{"QueueUrl", "Attributes"}, s.setQueueAttributes
	case "PurgeQueue":
		a.members, a.run = []string{"QueueUrl"}, s.purgeQueue
	case "SendMessage":
		a.members = []string{"QueueUrl", "MessageBody", "DelaySeconds", "MessageAttributes", "MessageGroupId", "MessageDeduplicationId"}
		a.run = s.sendMessage
	case "SendMessageBatch":
		a.members, a.run = []string{"QueueUrl", "Entries"}, s.sendMessageBatch
	case "ReceiveMessage":
		a.members = []string{"QueueUrl", "AttributeNames", "MessageSystemAttributeNames", "MessageAttributeNames",
			"MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"}
		a.run = s.receiveMessage
	case "DeleteMessage":
		a.members, a.run = []string{"QueueUrl", "ReceiptHandle"}, s.deleteMessage
	case "DeleteMessageBatch":
		a.members, a.run = []string{"QueueUrl", "Entries"}, s.deleteMessageBatch
	case "ChangeMessageVisibility":
		a.members, a.run = []string{"QueueUrl", "ReceiptHandle", "VisibilityTimeout"}, s.changeVisibility
	default:
		return sqsAction{}, false
	}
	return a, true
}

// sqs answers a request that was signed for SQS.
func (s *Server) sqs(c *call) *answer {
	if c.isQuery() && c.claim.Service == serviceSQS {
		return s.sqsQuery(c)
	}
	action, in, r := s.readSQS(c)
	if r != nil {
		return s.refuse(c, r)
	}
	result, r := s.runSQS(c, action, in)
	if r != nil {
		return s.refuse(c, r)
	}
	a := &answer{status: http.StatusOK, contentType: contentJSON10}
	if result != nil {
		a.body = marshalJSON(result)
	}
	return a
}

// readSQS reads the action and its members. A member that the action does not have is refused: it would be ignored.
func (s *Server) readSQS(c *call) (sqsAction, sqsInput, *refusal) {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	target := c.Header.Get("X-Amz-Target")
	action, known := s.sqsAction(strings.TrimPrefix(target, targetPrefix))
	switch {
	case !strings.HasPrefix(target, targetPrefix) || !known || len(c.Header.Values("X-Amz-Target")) != 1:
		return action, sqsInput{}, &refusal{status: http.StatusBadRequest, code: "UnknownOperationException", namespace: namespaceCoral,
			text: "stand-in: the X-Amz-Target is not that of an action that is here"}
	case c.Method != http.MethodPost || c.URL.RawQuery != "":
		return action, sqsInput{}, serialization("a call is a POST without a query")
	case err != nil || media != contentJSON10:
		return action, sqsInput{}, serialization("the content type must be " + contentJSON10)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(c.body, &raw); err != nil || raw == nil {
		return action, sqsInput{}, serialization("the body must be a JSON object")
	}
	allowed := make(map[string]bool, len(action.members))
	for _, name := range action.members {
		allowed[name] = true
	}
	for name := range raw {
		if !allowed[name] {
			return action, sqsInput{}, serialization(fmt.Sprintf("member %s is not here", name))
		}
	}
	var in sqsInput
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return action, sqsInput{}, serialization("a member has the wrong type or is not here")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return action, sqsInput{}, serialization("something follows the JSON object")
	}
	return action, in, nil
}

func serialization(text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "SerializationException", namespace: namespaceValidate, text: "stand-in: " + text}
}

// sqsRefusal is a refusal of the service; queryCode is "" where the query protocol's code is the same.
func sqsRefusal(code, queryCode, text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, queryCode: queryCode, text: text}
}

func invalidValue(format string, args ...any) *refusal {
	return sqsRefusal("InvalidParameterValue", "", "stand-in: "+fmt.Sprintf(format, args...))
}

func noSuchQueue() *refusal {
	return sqsRefusal("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

// queueARN is the ARN of the queue that a URL names, whatever its host; "" if it is not a queue's URL.
func (s *Server) queueARN(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	parts := strings.Split(strings.TrimPrefix(u.Path, "/"), "/")
	if len(parts) != 2 || parts[0] != s.config.Account {
		return ""
	}
	return s.arn(serviceSQS, parts[1])
}

// between is a number that may be absent, -1 then.
func between(name string, n *int, least, most int) (int, *refusal) {
	if n == nil {
		return -1, nil
	}
	if *n < least || *n > most {
		return 0, invalidValue("%s must be from %d to %d", name, least, most)
	}
	return *n, nil
}
