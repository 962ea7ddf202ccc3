package aws

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/fifo"
)

// The values of FifoThroughputScope.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
const (
	scopeTopic = "Topic"
	scopeGroup = "MessageGroup"
)

// FIFOOptions are what a FIFO topic or queue may be.
type FIFOOptions struct {
	// ContentBased makes a message without a deduplication id get the SHA-256 of its body as one; false: it is refused.
	ContentBased bool
	// PerGroup makes deduplication ids count within their message group only; false: in the whole topic or queue.
	PerGroup bool
}

// fifoTopic is what a FIFO topic has besides.
type fifoTopic struct {
	mu     sync.Mutex // guards ledger; held until all subscriptions have the message, so that they get one order
	ledger fifo.Ledger
}

func fifoTopicDefaults() map[string]string {
	return map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": scopeTopic}
}

// CreateFIFOTopic makes a FIFO topic, whose name ends in .fifo, and returns its ARN; that it exists already with these
// options is no error.
func (s *Server) CreateFIFOTopic(name string, o FIFOOptions) (string, error) {
	attributes := fifoTopicDefaults()
	attributes["ContentBasedDeduplication"] = strconv.FormatBool(o.ContentBased)
	if o.PerGroup {
		attributes["FifoThroughputScope"] = scopeGroup
	}
	arn, r := s.addTopic(name, attributes)
	if r != nil {
		return "", fmt.Errorf("create FIFO topic %q: %s", name, r.text)
	}
	return arn, nil
}

func checkFIFOTopicAttribute(key, value string, fifoTopic bool) *refusal {
	switch {
	case !fifoTopic:
		return standInParameter("%s is an attribute of FIFO topics", key)
	case key == "ContentBasedDeduplication" && value != "true" && value != "false":
		return standInParameter("ContentBasedDeduplication must be true or false")
	case key == "FifoThroughputScope" && value != scopeTopic && value != scopeGroup:
		return standInParameter("FifoThroughputScope must be %s or %s", scopeTopic, scopeGroup)
	}
	return nil
}

// deduplicationID is a message's, given or made of its content; "" for a standard topic.
func deduplicationID(f form, t topicState) (string, *refusal) {
	id := f.text("MessageDeduplicationId")
	switch {
	case t.fifo == nil && f.has("MessageDeduplicationId"):
		return "", invalidParameter("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
	case t.fifo == nil:
		return "", nil
	case !f.has("MessageGroupId"):
		return "", invalidParameter("The MessageGroupId parameter is required for FIFO topics")
	case f.has("MessageDeduplicationId") && !validGroupID(id):
		return "", standInParameter("MessageDeduplicationId must have 1 to %d letters, digits or punctuation", groupIDMax)
	case id == "" && !t.contentBased:
		return "", invalidParameter("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case id == "":
		return fifo.ContentID(f.text("Message")), nil
	}
	return id, nil
}

// accept takes a message and hands it to all subscriptions; a repeat on a FIFO topic gets the first's receipt and goes
// nowhere.
func (s *Server) accept(t topicState, p publication) (receipt fifo.Receipt, repeat bool) {
	id := uuid.NewString()
	if t.fifo == nil {
		s.notify(t.subscriptions, notification{publication: p, id: id})
		return fifo.Receipt{MessageID: id}, false
	}
	scope := ""
	if t.perGroup {
		scope = p.groupID
	}
	t.fifo.mu.Lock()
	defer t.fifo.mu.Unlock()
	if receipt, repeat = t.fifo.ledger.Accept(scope, p.dedupID, id, s.now()); !repeat {
		s.notify(t.subscriptions, notification{publication: p, id: id, sequence: receipt.SequenceNumber})
	}
	return receipt, repeat
}
