package aws

import (
	"fmt"
	"strconv"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/fifo"
)

// The values of DeduplicationScope and FifoThroughputLimit.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
const (
	dedupQueue    = "queue"
	dedupGroup    = "messageGroup"
	limitPerQueue = "perQueue"
	limitPerGroup = "perMessageGroupId"
)

// fifoSettings are what a FIFO queue is at some moment. They are immutable.
type fifoSettings struct {
	contentBased bool
	scope        string // DeduplicationScope
	throughput   string // FifoThroughputLimit, which limits nothing here
}

// CreateFIFOQueue makes a FIFO queue, whose name ends in .fifo, with the settings of AWS and returns its ARN; that it exists
// already with these options is no error.
func (s *Server) CreateFIFOQueue(name string, o FIFOOptions) (string, error) {
	attributes := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": strconv.FormatBool(o.ContentBased), "DeduplicationScope": dedupQueue}
	if o.PerGroup {
		attributes["DeduplicationScope"] = dedupGroup
	}
	q, r := s.addQueue(name, attributes)
	if r != nil {
		return "", fmt.Errorf("create FIFO queue %q: %s", name, r.text)
	}
	return q.arn, nil
}

// isFIFO tells whether it is a FIFO queue, which never changes.
func (q *sqsQueue) isFIFO() bool { return q.fifo.Load() != nil }

// attributes are those of a FIFO queue.
func (f *fifoSettings) attributes() map[string]string {
	return map[string]string{
		"FifoQueue": "true", "ContentBasedDeduplication": strconv.FormatBool(f.contentBased),
		"DeduplicationScope": f.scope, "FifoThroughputLimit": f.throughput,
	}
}

// configureFIFO reads those of the attributes that only FIFO queues have; others are passed by.
func configureFIFO(now *fifoSettings, attributes map[string]string) (*fifoSettings, *refusal) {
	var out fifoSettings
	if now != nil {
		out = *now
	}
	for key, value := range attributes {
		var known bool
		switch key {
		case "FifoQueue":
			known = value == "true"
		case "ContentBasedDeduplication":
			known = value == "true" || value == "false"
			out.contentBased = value == "true"
		case "DeduplicationScope":
			known = value == dedupQueue || value == dedupGroup
			out.scope = value
		case "FifoThroughputLimit":
			known = value == limitPerQueue || value == limitPerGroup
			out.throughput = value
		default:
			continue
		}
		if now == nil {
			return nil, sqsRefusal("InvalidAttributeName", "", "stand-in: "+key+" is an attribute of FIFO queues")
		}
		if !known {
			return nil, sqsRefusal("InvalidAttributeValue", "", "stand-in: "+key+" cannot be "+strconv.Quote(value))
		}
	}
	if now == nil {
		return nil, nil
	}
	if out.throughput == limitPerGroup && out.scope != dedupGroup {
		return nil, sqsRefusal("InvalidAttributeValue", "", "stand-in: "+limitPerGroup+" needs the DeduplicationScope "+dedupGroup)
	}
	return &out, nil
}

// address sets the group and deduplication ids of a message.
func (m *outgoing) address(e sqsEntry, q *sqsQueue) *refusal {
	settings := q.fifo.Load()
	switch {
	case settings == nil && e.MessageDeduplicationID != nil:
		return invalidValue("MessageDeduplicationId is not valid for a standard queue")
	case e.MessageGroupID != nil && !validGroupID(*e.MessageGroupID):
		return invalidValue("MessageGroupId must have 1 to %d letters, digits or punctuation", groupIDMax)
	case e.MessageDeduplicationID != nil && !validGroupID(*e.MessageDeduplicationID):
		return invalidValue("MessageDeduplicationId must have 1 to %d letters, digits or punctuation", groupIDMax)
	case e.MessageGroupID != nil:
		m.GroupID = *e.MessageGroupID
	}
	switch {
	case settings == nil:
		return nil
	case e.MessageGroupID == nil:
		return sqsRefusal("MissingParameter", "", "The request must contain the parameter MessageGroupId.")
	case e.DelaySeconds != nil && *e.DelaySeconds != 0:
		return invalidValue("DelaySeconds is not valid for a message of a FIFO queue")
	case e.MessageDeduplicationID != nil:
		m.DeduplicationID = *e.MessageDeduplicationID
	case settings.contentBased:
		m.DeduplicationID = fifo.ContentID(m.Body)
	default:
		// As users report it.
		return sqsRefusal("InvalidParameterValue", "",
			"The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	m.delay = -1
	return nil
}
