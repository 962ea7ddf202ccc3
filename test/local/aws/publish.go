package aws

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/fifo"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

const (
	batchPrefix     = "PublishBatchRequestEntries.member."
	attributePrefix = "MessageAttributes.entry."

	// Limits of Publish and PublishBatch.
	// Source: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
	batchEntriesMax = 10
	entryIDMax      = 80
	subjectMax      = 100 // characters; the documentation says both "less than" and "up to" 100
	groupIDMax      = 128
)

// publicationParameters are those of a message, in Publish and in an entry of PublishBatch.
func publicationParameters() []string {
	return []string{"Message", "Subject", "MessageStructure", "MessageGroupId", "MessageDeduplicationId", attributePrefix}
}

// publication is a message that was checked.
type publication struct {
	entryID    string
	message    string // as published, which is what counts and what the envelope's receivers get
	forQueues  string // the message for SQS, if MessageStructure gives it one of its own
	subject    string
	groupID    string
	dedupID    string // of a FIFO topic, given or made of the content
	attributes map[string]queue.Attribute
	size       int
}

// notification is a publication on its way to subscribers.
type notification struct {
	publication
	id       string
	sequence string // of a FIFO topic, "" of a standard one
}

func (s *Server) publish(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	now := s.snapshot(t)
	p, r := readPublication(c.form, now)
	if r != nil {
		return nil, r
	}
	if p.size > now.messageBytes {
		return nil, invalidParameter("Message too long")
	}
	receipt, repeat := s.accept(now, p)
	c.effect = "published 1"
	if repeat {
		c.effect = "published 0, repeated 1"
	}
	return struct {
		MessageId      string
		SequenceNumber string `xml:",omitempty"`
	}{receipt.MessageID, receipt.SequenceNumber}, nil
}

// topicState is what a topic is at some moment.
type topicState struct {
	subscriptions          []*subscription
	messageBytes           int
	fifo                   *fifoTopic
	contentBased, perGroup bool // of a FIFO topic
}

// snapshot is what a topic is now.
func (s *Server) snapshot(t *topic) topicState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return topicState{
		subscriptions: t.subscriptions, messageBytes: t.messageBytes, fifo: t.fifo,
		contentBased: t.attributes["ContentBasedDeduplication"] == "true", perGroup: t.attributes["FifoThroughputScope"] == scopeGroup,
	}
}

type xmlAccepted struct {
	Id, MessageId  string
	SequenceNumber string `xml:",omitempty"`
}

type xmlFailed struct {
	Id, Code, Message string
	SenderFault       bool
}

func (s *Server) publishBatch(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	list, r := c.form.list(batchPrefix)
	if r != nil {
		return nil, r
	}
	if r := checkBatch(list); r != nil {
		return nil, r
	}
	publications := make([]publication, len(list))
	entries := make([]Entry, len(list))
	now := s.snapshot(t)
	sum := 0
	for i, entry := range list {
		if publications[i], r = readPublication(entry, now); r != nil {
			return nil, r
		}
		publications[i].entryID = entry.text("Id")
		entries[i] = publications[i].entry()
		sum += publications[i].size
	}
	if sum > now.messageBytes {
		return nil, snsRefusal("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")
	}
	var result struct {
		Successful struct {
			Members []xmlAccepted `xml:"member"`
		}
		Failed struct {
			Members []xmlFailed `xml:"member"`
		}
	}
	published, repeated := 0, 0
	for i, fate := range s.fates(c, entries) {
		receipt := fifo.Receipt{MessageID: uuid.NewString()}
		if fate.delivered() {
			var repeat bool
			if receipt, repeat = s.accept(now, publications[i]); repeat {
				repeated++
			} else {
				published++
			}
		}
		switch entryID := entries[i].ID; {
		case fate.kind == PartialFailure:
			result.Failed.Members = append(result.Failed.Members, fate.failed(entryID))
		case fate.kind == UnknownIDs:
			result.Successful.Members = append(result.Successful.Members, xmlAccepted{"unknown-" + uuid.NewString(), receipt.MessageID, receipt.SequenceNumber})
		case fate.kind != MissingIDs:
			result.Successful.Members = append(result.Successful.Members, xmlAccepted{entryID, receipt.MessageID, receipt.SequenceNumber})
		}
	}
	c.effect = fmt.Sprintf("published %d", published)
	if repeated > 0 {
		c.effect += fmt.Sprintf(", repeated %d", repeated)
	}
	return result, nil
}

// failed is how the answer shows an entry that a fault hit.
func (f fate) failed(id string) xmlFailed {
	out := xmlFailed{Id: id, Code: f.fault.Code, Message: f.fault.Text, SenderFault: f.fault.SenderFault}
	if out.Code == "" {
		out.Code = "InternalError"
	}
	if out.Message == "" {
		out.Message = "stand-in: an injected fault of this entry"
	}
	return out
}

// checkBatch checks the batch's shape and its ids.
func checkBatch(list []form) *refusal {
	if len(list) == 0 {
		return snsRefusal("EmptyBatchRequest", "stand-in: the batch request contains no entries")
	}
	if len(list) > batchEntriesMax {
		return snsRefusal("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
	}
	seen := make(map[string]bool, len(list))
	for _, entry := range list {
		id := entry.text("Id")
		if seen[id] {
			return snsRefusal("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
		}
		seen[id] = true
	}
	for _, entry := range list {
		if r := entry.only(batchPrefix+"N.", append([]string{"Id"}, publicationParameters()...)...); r != nil {
			return r
		}
		switch id := entry.text("Id"); {
		case id == "":
			return snsRefusal("InvalidBatchEntryId", "stand-in: an entry has no Id")
		case strings.ContainsFunc(id, func(r rune) bool { return !asciiAlphanumeric(r) && r != '-' && r != '_' }):
			return snsRefusal("InvalidBatchEntryId", "The Id of a batch entry in the batch request contains an impermissible character: "+id)
		case len(id) > entryIDMax:
			return snsRefusal("InvalidBatchEntryId", "The Id of a batch entry in the batch request is too long: "+id)
		}
	}
	return nil
}

func (p publication) entry() Entry {
	e := Entry{ID: p.entryID, Message: p.message, Attributes: make(map[string]string, len(p.attributes))}
	for name, a := range p.attributes {
		if !a.IsBinary() {
			e.Attributes[name] = a.String
		}
	}
	return e
}

// readPublication reads and checks one message to a topic.
func readPublication(f form, t topicState) (publication, *refusal) {
	p := publication{message: f.text("Message"), subject: f.text("Subject"), groupID: f.text("MessageGroupId")}
	p.forQueues = p.message
	switch {
	case p.message == "":
		return p, invalidParameter("Empty message")
	case !queueCanHold(p.message):
		return p, standInParameter("the message holds characters that no queue takes")
	case f.has("Subject") && !validSubject(p.subject):
		return p, invalidParameter("Subject")
	case f.has("MessageGroupId") && !validGroupID(p.groupID):
		return p, standInParameter("MessageGroupId must have 1 to %d letters, digits or punctuation", groupIDMax)
	}
	var r *refusal
	if p.dedupID, r = deduplicationID(f, t); r != nil {
		return p, r
	}
	if structure := f.text("MessageStructure"); structure == "json" {
		if p.forQueues, r = messageForQueues(p.message); r != nil {
			return p, r
		}
	} else if structure != "" {
		return p, standInParameter("MessageStructure must be json or absent")
	}
	if p.attributes, r = readAttributes(f); r != nil {
		return p, r
	}
	p.size = queue.Message{Body: p.message, Attributes: p.attributes}.Size() + len(p.subject)
	return p, nil
}

// messageForQueues picks the message for SQS from one with MessageStructure json.
func messageForQueues(message string) (string, *refusal) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(message), &values); err != nil || values == nil {
		return "", invalidParameter("Message Structure - JSON message body failed to parse")
	}
	var fallback, own string
	if raw, there := values["default"]; !there || json.Unmarshal(raw, &fallback) != nil {
		return "", invalidParameter("Message Structure - No default entry in JSON message body")
	}
	raw, there := values[serviceSQS]
	if !there {
		return fallback, nil
	}
	if err := json.Unmarshal(raw, &own); err != nil || !queueCanHold(own) {
		return "", standInParameter("the message for sqs is not a string that a queue takes")
	}
	return own, nil
}

// queueCanHold tells whether text is UTF-8 of the characters that SQS takes.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func queueCanHold(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}

func validSubject(text string) bool {
	n := utf8.RuneCountInString(text)
	return n > 0 && n < subjectMax && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// validGroupID tells whether text is 1 to 128 ASCII letters, digits and punctuation, without a space.
func validGroupID(text string) bool {
	return text != "" && len(text) <= groupIDMax && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func asciiAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
