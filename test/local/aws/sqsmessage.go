package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

// Limits of messages.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	receiveMax      = 10
	waitMax         = 20     // seconds
	visibilityMax   = 43_200 // seconds
	delayMax        = 900    // seconds
	attributesMax   = 10
	sqsBatchMax     = 10
	sqsBatchBytes   = 1_048_576
	charactersTaken = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
)

// outgoing is a message that was checked.
type outgoing struct {
	queue.Message
	delay time.Duration // negative: the queue's
}

// readMessage checks a message of SendMessage or an entry of SendMessageBatch.
func (s *Server) readMessage(c *call, e sqsEntry, q *sqsQueue) (outgoing, *refusal) {
	if e.MessageBody == nil || *e.MessageBody == "" {
		return outgoing{}, sqsRefusal("MissingParameter", "", "The request must contain the parameter MessageBody.")
	}
	delay, r := between("DelaySeconds", e.DelaySeconds, 0, delayMax)
	if r != nil {
		return outgoing{}, r
	}
	m := outgoing{delay: time.Duration(delay) * time.Second}
	m.Message = queue.Message{ID: uuid.NewString(), Body: *e.MessageBody, SenderID: c.identity.arn, Sent: s.now()}
	if r := m.address(e, q); r != nil {
		return outgoing{}, r
	}
	if !queueCanHold(m.Body) {
		return outgoing{}, sqsRefusal("InvalidMessageContents", "", "stand-in: the body holds characters other than "+charactersTaken)
	}
	if len(e.MessageAttributes) > attributesMax {
		return outgoing{}, invalidValue("a message has at most %d attributes", attributesMax)
	}
	for name, a := range e.MessageAttributes {
		if m.Attributes == nil {
			m.Attributes = make(map[string]queue.Attribute, len(e.MessageAttributes))
		}
		if m.Attributes[name], r = readQueueAttribute(name, a); r != nil {
			return outgoing{}, r
		}
	}
	if m.Size() > q.messageBytes() {
		return outgoing{}, sqsRefusal("InvalidParameterValue", "",
			fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.messageBytes()))
	}
	return m, nil
}

func readQueueAttribute(name string, a sqsAttribute) (queue.Attribute, *refusal) {
	if r := checkAttributeName(name); r != nil {
		return queue.Attribute{}, invalidValue("the name of message attribute %q is not valid", name)
	}
	base := baseType(a.DataType)
	out := queue.Attribute{Type: a.DataType, Binary: a.BinaryValue}
	if a.StringValue != nil {
		out.String = *a.StringValue
	}
	switch {
	case base == "":
		return out, invalidValue("the type of message attribute %q must be Binary, Number or String", name)
	case base == "Binary" && (len(a.BinaryValue) == 0 || a.StringValue != nil),
		base != "Binary" && (out.String == "" || a.BinaryValue != nil):
		return out, invalidValue("message attribute %q must have one value, of its type and not empty", name)
	case base != "Binary" && !queueCanHold(out.String):
		return out, invalidValue("message attribute %q holds characters other than %s", name, charactersTaken)
	case base == "Number" && !validNumber(out.String):
		return out, invalidValue("message attribute %q is not a number", name)
	}
	return out, nil
}

// sent is what a sender is told of a message.
type sent struct {
	ID                     string `json:"Id,omitempty"`
	MessageID              string `json:"MessageId"`
	MD5OfMessageBody       string
	MD5OfMessageAttributes string `json:",omitempty"`
	SequenceNumber         string `json:",omitempty"`
}

// tell is what the sender of a message is told; a FIFO queue may have taken it for a repeat.
func tell(entryID string, m queue.Message) sent {
	return sent{
		ID: entryID, MessageID: m.ID, MD5OfMessageBody: m.MD5OfBody(), MD5OfMessageAttributes: m.MD5OfAttributes(),
		SequenceNumber: m.SequenceNumber,
	}
}

func (s *Server) sendMessage(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	m, r := s.readMessage(c, sqsEntry{
		MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds, MessageAttributes: in.MessageAttributes,
		MessageGroupID: in.MessageGroupID, MessageDeduplicationID: in.MessageDeduplicationID,
	}, q)
	if r != nil {
		return nil, r
	}
	taken := q.Send(m.Message, m.delay)
	c.effect = "sent 1"
	if taken.ID != m.ID {
		c.effect = "sent 0, repeated 1"
	}
	return tell("", taken), nil
}

func (s *Server) sendMessageBatch(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	if r := checkEntries(in.Entries); r != nil {
		return nil, r
	}
	messages := make([]outgoing, len(in.Entries))
	sum := 0
	for i, e := range in.Entries {
		if e.ReceiptHandle != "" {
			return nil, serialization("member ReceiptHandle is not here")
		}
		var r *refusal
		if messages[i], r = s.readMessage(c, e, q); r != nil {
			return nil, r
		}
		sum += messages[i].Size()
	}
	if sum > sqsBatchBytes {
		return nil, sqsRefusal("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong",
			fmt.Sprintf("stand-in: the batch has more than %d bytes", sqsBatchBytes))
	}
	var successful []sent
	repeated := 0
	for i, m := range messages {
		taken := q.Send(m.Message, m.delay)
		successful = append(successful, tell(in.Entries[i].ID, taken))
		if taken.ID != m.ID {
			repeated++
		}
	}
	c.effect = fmt.Sprintf("sent %d", len(messages)-repeated)
	if repeated > 0 {
		c.effect += fmt.Sprintf(", repeated %d", repeated)
	}
	return map[string]any{"Successful": successful, "Failed": []any{}}, nil
}

// checkEntries checks a batch's shape and ids.
func checkEntries(entries []sqsEntry) *refusal {
	const prefix = "AWS.SimpleQueueService."
	if len(entries) == 0 {
		return sqsRefusal("EmptyBatchRequest", prefix+"EmptyBatchRequest", "stand-in: the batch has no entries")
	}
	if len(entries) > sqsBatchMax {
		return sqsRefusal("TooManyEntriesInBatchRequest", prefix+"TooManyEntriesInBatchRequest",
			fmt.Sprintf("stand-in: the batch has more than %d entries", sqsBatchMax))
	}
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		bad := strings.ContainsFunc(e.ID, func(r rune) bool { return !asciiAlphanumeric(r) && r != '-' && r != '_' })
		if e.ID == "" || len(e.ID) > entryIDMax || bad {
			return sqsRefusal("InvalidBatchEntryId", prefix+"InvalidBatchEntryId",
				"stand-in: an entry's Id must have 1 to 80 letters, digits, hyphens and underscores")
		}
		if seen[e.ID] {
			return sqsRefusal("BatchEntryIdsNotDistinct", prefix+"BatchEntryIdsNotDistinct", "stand-in: two entries have the same Id")
		}
		seen[e.ID] = true
	}
	return nil
}

// received is a message as ReceiveMessage shows it.
type received struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string       `json:",omitempty"`
	MD5OfMessageAttributes string                  `json:",omitempty"`
	MessageAttributes      map[string]sqsAttribute `json:",omitempty"`
}

func (s *Server) receiveMessage(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	most, r := between("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, receiveMax)
	if r != nil {
		return nil, r
	}
	wait, r := between("WaitTimeSeconds", in.WaitTimeSeconds, 0, waitMax)
	if r != nil {
		return nil, r
	}
	visibility, r := between("VisibilityTimeout", in.VisibilityTimeout, 0, visibilityMax)
	if r != nil {
		return nil, r
	}
	system := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for _, name := range system {
		if !slices.Contains(append(systemAttributes(), "All"), name) {
			return nil, sqsRefusal("InvalidAttributeName", "", "stand-in: system attribute "+name+" is not here")
		}
	}
	taken := q.Receive(c.Context(), max(most, 1), time.Duration(wait)*time.Second, time.Duration(visibility)*time.Second)
	c.effect = fmt.Sprintf("received %d", len(taken))
	var messages []received
	for _, m := range taken {
		messages = append(messages, s.show(m, system, in.MessageAttributeNames))
	}
	if messages == nil {
		return struct{}{}, nil
	}
	return map[string]any{"Messages": messages}, nil
}

func systemAttributes() []string {
	return []string{"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
		"MessageGroupId", "MessageDeduplicationId", "SequenceNumber"}
}

func (s *Server) show(m queue.Received, system, wanted []string) received {
	out := received{MessageID: m.ID, ReceiptHandle: m.Handle, MD5OfBody: m.MD5OfBody(), Body: m.Body}
	first := m.First.Add(time.Duration(s.offset.Load()))
	values := map[string]string{
		"SenderId": m.SenderID, "SentTimestamp": strconv.FormatInt(m.Sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(first.UnixMilli(), 10),
	}
	for name, value := range map[string]string{
		"MessageGroupId": m.GroupID, "MessageDeduplicationId": m.DeduplicationID, "SequenceNumber": m.SequenceNumber,
	} {
		if value != "" {
			values[name] = value
		}
	}
	for name, value := range values {
		if slices.Contains(system, name) || slices.Contains(system, "All") {
			if out.Attributes == nil {
				out.Attributes = make(map[string]string)
			}
			out.Attributes[name] = value
		}
	}
	shown := make(map[string]queue.Attribute)
	for name, a := range m.Attributes {
		if !wants(wanted, name) {
			continue
		}
		shown[name] = a
		if out.MessageAttributes == nil {
			out.MessageAttributes = make(map[string]sqsAttribute)
		}
		b := sqsAttribute{DataType: a.Type, BinaryValue: a.Binary}
		if !a.IsBinary() {
			b.StringValue = &a.String
		}
		out.MessageAttributes[name] = b
	}
	out.MD5OfMessageAttributes = queue.MD5Of(shown)
	return out
}

// wants tells whether a receiver asked for an attribute: by name, by prefix.* or by All or .*.
func wants(wanted []string, name string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		prefix, all := strings.CutSuffix(w, ".*")
		return w == "All" || w == name || all && (prefix == "" || strings.HasPrefix(name, prefix+"."))
	})
}

func badHandle(handle string) *refusal {
	return sqsRefusal("ReceiptHandleIsInvalid", "", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle))
}

func (s *Server) deleteMessage(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	if err := q.Delete(in.ReceiptHandle); err != nil {
		return nil, badHandle(in.ReceiptHandle)
	}
	c.effect = "deleted 1"
	return nil, nil
}

func (s *Server) deleteMessageBatch(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	if r := checkEntries(in.Entries); r != nil {
		return nil, r
	}
	type done struct {
		ID string `json:"Id"`
	}
	successful, failed := []done{}, []json.RawMessage{}
	for _, e := range in.Entries {
		if err := q.Delete(e.ReceiptHandle); err != nil {
			failed = append(failed, marshalJSON(map[string]any{
				"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true, "Message": badHandle(e.ReceiptHandle).text,
			}))
			continue
		}
		successful = append(successful, done{e.ID})
	}
	c.effect = fmt.Sprintf("deleted %d", len(successful))
	return map[string]any{"Successful": successful, "Failed": failed}, nil
}

func (s *Server) changeVisibility(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	if in.VisibilityTimeout == nil {
		return nil, sqsRefusal("MissingParameter", "", "The request must contain the parameter VisibilityTimeout.")
	}
	seconds, r := between("VisibilityTimeout", in.VisibilityTimeout, 0, visibilityMax)
	if r != nil {
		return nil, r
	}
	switch err := q.ChangeVisibility(in.ReceiptHandle, time.Duration(seconds)*time.Second); {
	case errors.Is(err, queue.ErrHandle):
		return nil, badHandle(in.ReceiptHandle)
	case errors.Is(err, queue.ErrInvisible):
		return nil, sqsRefusal("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "stand-in: the message is not in flight")
	}
	c.effect = "visibility changed"
	return nil, nil
}
