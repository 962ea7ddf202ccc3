package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

var queueNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

const queueNameMax = 80 // with .fifo

// sqsQueue is a standard or a FIFO queue.
type sqsQueue struct {
	*queue.Queue
	arn, name string
	created   time.Time
	bytes     atomic.Int64 // MaximumMessageSize
	redrive   atomic.Pointer[string]
	access    queueAccess
	encrypted atomic.Bool                  // SqsManagedSseEnabled: by keys that SNS can use
	fifo      atomic.Pointer[fifoSettings] // nil of a standard queue
}

func (q *sqsQueue) messageBytes() int { return int(q.bytes.Load()) }

// Attribute is a message attribute.
type Attribute struct {
	// Type is String, Number or Binary, perhaps with a suffix after a dot.
	Type string
	// Value is the text, or the bytes of a Binary.
	Value string
}

// Message is a message that arrived in a queue.
type Message struct {
	// ID is the queue's for it.
	ID string
	// Body is the text.
	Body string
	// Attributes are by name; nil if there are none.
	Attributes map[string]Attribute
	// GroupID is the message group, "" if none.
	GroupID string
	// DeduplicationID and SequenceNumber are those of a FIFO queue, "" in others.
	DeduplicationID, SequenceNumber string
	// Arrived is by the stand-in's clock.
	Arrived time.Time
}

// CreateQueue makes a standard queue with the settings of AWS and returns its ARN; that it exists already is no error.
func (s *Server) CreateQueue(name string) (string, error) {
	q, r := s.addQueue(name, nil)
	if r != nil {
		return "", fmt.Errorf("create queue %q: %s", name, r.text)
	}
	return q.arn, nil
}

// DeleteQueue removes a queue and its messages; that it does not exist is no error.
func (s *Server) DeleteQueue(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[arn]; q != nil {
		q.Close()
		delete(s.queues, arn)
	}
}

// Messages are all messages that ever arrived in a queue, in order, whether or not they were received; the first 200,000
// of them. Nothing is consumed. A queue that does not exist has none.
func (s *Server) Messages(queueARN string) []Message {
	s.mu.RLock()
	q := s.queues[queueARN]
	s.mu.RUnlock()
	if q == nil {
		return nil
	}
	arrived := q.Arrived()
	out := make([]Message, len(arrived))
	for i, m := range arrived {
		out[i] = Message{ID: m.ID, Body: m.Body, GroupID: m.GroupID, DeduplicationID: m.DeduplicationID, SequenceNumber: m.SequenceNumber, Arrived: m.Sent}
		for name, a := range m.Attributes {
			if out[i].Attributes == nil {
				out[i].Attributes = make(map[string]Attribute, len(m.Attributes))
			}
			value := a.String
			if a.IsBinary() {
				value = string(a.Binary)
			}
			out[i].Attributes[name] = Attribute{Type: a.Type, Value: value}
		}
	}
	return out
}

// MessageCount is how many messages ever arrived in a queue, 0 for one that does not exist.
func (s *Server) MessageCount(queueARN string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q := s.queues[queueARN]; q != nil {
		return q.Count()
	}
	return 0
}

// WaitMessages waits until n messages have arrived in all and returns them. It fails if the queue does not exist or ctx
// ends first, and then says how many arrived.
func (s *Server) WaitMessages(ctx context.Context, queueARN string, n int) ([]Message, error) {
	s.mu.RLock()
	q := s.queues[queueARN]
	s.mu.RUnlock()
	if q == nil {
		return nil, fmt.Errorf("wait for messages: queue %s does not exist", queueARN)
	}
	if err := q.Wait(ctx, n); err != nil {
		return s.Messages(queueARN), fmt.Errorf("queue %s: %w", queueARN, err)
	}
	return s.Messages(queueARN), nil
}

// defaults are the attributes of a new queue.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
func defaults() map[string]string {
	return map[string]string{
		"VisibilityTimeout": "30", "DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
		"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
}

func (s *Server) addQueue(name string, attributes map[string]string) (*sqsQueue, *refusal) {
	base, fifo := strings.CutSuffix(name, ".fifo")
	if fifo != (attributes["FifoQueue"] == "true") {
		return nil, invalidValue("the name of a FIFO queue ends in .fifo and FifoQueue is true; of others neither")
	}
	if !queueNamePattern.MatchString(base) || len(name) > queueNameMax {
		return nil, invalidValue("a queue's name has 1 to 80 letters, digits, hyphens and underscores, with .fifo if it ends so")
	}
	all := defaults()
	maps.Copy(all, attributes)
	arn := s.arn(serviceSQS, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[arn]; q != nil {
		have := q.attributes()
		for key, value := range attributes {
			if have[key] != value {
				return nil, sqsRefusal("QueueNameExists", "QueueAlreadyExists",
					"A queue already exists with the same name and a different value for attribute "+key)
			}
		}
		return q, nil
	}
	q := &sqsQueue{Queue: queue.New(queue.Settings{FIFO: fifo}), arn: arn, name: name, created: s.now()}
	if fifo {
		q.fifo.Store(&fifoSettings{scope: dedupQueue, throughput: limitPerQueue})
	}
	if r := s.configure(q, all); r != nil {
		return nil, r
	}
	if s.closed {
		q.Close()
	}
	s.queues[arn] = q
	return q, nil
}

// attributes are those that can be set.
func (q *sqsQueue) attributes() map[string]string {
	set := q.Settings()
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	out := map[string]string{
		"VisibilityTimeout": seconds(set.Visibility), "DelaySeconds": seconds(set.Delay), "MessageRetentionPeriod": seconds(set.Retention),
		"ReceiveMessageWaitTimeSeconds": seconds(set.Wait), "MaximumMessageSize": strconv.Itoa(q.messageBytes()),
		"SqsManagedSseEnabled": strconv.FormatBool(q.encrypted.Load()),
	}
	if text := q.access.text(); text != "" {
		out["Policy"] = text
	}
	if text := q.redrive.Load(); text != nil {
		out["RedrivePolicy"] = *text
	}
	if f := q.fifo.Load(); f != nil {
		maps.Copy(out, f.attributes())
	}
	return out
}

// configure sets attributes after checking all of them. The caller holds mu.
func (s *Server) configure(q *sqsQueue, attributes map[string]string) *refusal {
	set, size, redrive := q.Settings(), q.messageBytes(), q.redrive.Load()
	fifo, r := configureFIFO(q.fifo.Load(), attributes)
	if r != nil {
		return r
	}
	access, r := q.readAccess(attributes)
	if r != nil {
		return r
	}
	encrypted := q.encrypted.Load()
	for key, value := range attributes {
		if key == "RedrivePolicy" {
			dead, receives, r := s.parseRedrive(q, value)
			if r != nil {
				return r
			}
			set.Dead, set.MaxReceives, redrive = dead, receives, &value
			continue
		}
		least, most := 0, 0
		switch key {
		case "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit", "Policy":
			continue
		case "SqsManagedSseEnabled":
			if value != "true" && value != "false" {
				return sqsRefusal("InvalidAttributeValue", "", "stand-in: SqsManagedSseEnabled must be true or false")
			}
			encrypted = value == "true"
			continue
		case "VisibilityTimeout":
			most = 43_200
		case "DelaySeconds":
			most = 900
		case "ReceiveMessageWaitTimeSeconds":
			most = 20
		case "MessageRetentionPeriod":
			least, most = 60, 1_209_600
		case "MaximumMessageSize":
			least, most = messageBytesMin, messageBytesMax
		default:
			return sqsRefusal("InvalidAttributeName", "", "stand-in: queue attribute "+key+" is not here")
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return sqsRefusal("InvalidAttributeValue", "", fmt.Sprintf("stand-in: %s must be a number from %d to %d", key, least, most))
		}
		d := time.Duration(n) * time.Second
		switch key {
		case "VisibilityTimeout":
			set.Visibility = d
		case "DelaySeconds":
			set.Delay = d
		case "ReceiveMessageWaitTimeSeconds":
			set.Wait = d
		case "MessageRetentionPeriod":
			set.Retention = d
		case "MaximumMessageSize":
			size = n
		}
	}
	set.PerGroup = fifo != nil && fifo.scope == dedupGroup
	q.fifo.Store(fifo)
	q.access.policy.Store(access)
	q.encrypted.Store(encrypted)
	q.Configure(set)
	q.bytes.Store(int64(size))
	q.redrive.Store(redrive)
	return nil
}

// parseRedrive reads a RedrivePolicy. The caller holds mu.
func (s *Server) parseRedrive(q *sqsQueue, text string) (*queue.Queue, int, *refusal) {
	var p struct {
		DeadLetterTargetARN string      `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.Number `json:"maxReceiveCount"` // a number or a string of digits
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, 0, invalidValue("RedrivePolicy must be JSON with deadLetterTargetArn and maxReceiveCount")
	}
	n, err := strconv.Atoi(p.MaxReceiveCount.String())
	if err != nil || n < 1 || n > 1000 {
		return nil, 0, invalidValue("maxReceiveCount must be from 1 to 1000")
	}
	dead := s.queues[p.DeadLetterTargetARN]
	if dead == nil || dead == q {
		return nil, 0, invalidValue("deadLetterTargetArn must be another queue that exists")
	}
	if dead.isFIFO() != q.isFIFO() {
		return nil, 0, invalidValue("the dead-letter queue of a FIFO queue is a FIFO queue, that of a standard queue a standard one")
	}
	return dead.Queue, n, nil
}

// urlOf is a queue's URL under the host that the request came to.
func (c *call) urlOf(s *Server, q *sqsQueue) string {
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s/%s/%s", scheme, c.Host, s.config.Account, q.name)
}

func (s *Server) createQueue(c *call, in sqsInput, _ *sqsQueue) (any, *refusal) {
	q, r := s.addQueue(in.QueueName, in.Attributes)
	if r != nil {
		return nil, r
	}
	c.effect = "queue created"
	return map[string]string{"QueueUrl": c.urlOf(s, q)}, nil
}

func (s *Server) queueURL(c *call, in sqsInput, _ *sqsQueue) (any, *refusal) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.queues[s.arn(serviceSQS, in.QueueName)]
	if q == nil || in.QueueOwnerAWSAccountID != "" && in.QueueOwnerAWSAccountID != s.config.Account {
		return nil, noSuchQueue()
	}
	return map[string]string{"QueueUrl": c.urlOf(s, q)}, nil
}

func (s *Server) listQueues(c *call, in sqsInput, _ *sqsQueue) (any, *refusal) {
	if in.MaxResults != nil || in.NextToken != "" {
		return nil, invalidValue("pages of ListQueues are not here")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var urls []string
	for _, arn := range slices.Sorted(maps.Keys(s.queues)) {
		if q := s.queues[arn]; strings.HasPrefix(q.name, in.QueueNamePrefix) {
			urls = append(urls, c.urlOf(s, q))
		}
	}
	if len(urls) > 1000 {
		return nil, invalidValue("more than 1000 queues match and pages are not here")
	}
	return map[string]any{"QueueUrls": urls}, nil
}

func (s *Server) deleteQueue(c *call, _ sqsInput, q *sqsQueue) (any, *refusal) {
	s.DeleteQueue(q.arn)
	c.effect = "queue deleted"
	return nil, nil
}

func (s *Server) purgeQueue(c *call, _ sqsInput, q *sqsQueue) (any, *refusal) {
	q.Purge()
	c.effect = "queue purged"
	return nil, nil
}

func (s *Server) queueAttributes(_ *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	all := q.attributes()
	visible, inFlight, delayed := q.Depth()
	all["QueueArn"] = q.arn
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(inFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
	out := make(map[string]string)
	for _, name := range in.AttributeNames {
		value, known := all[name]
		switch {
		case name == "All":
			maps.Copy(out, all)
		case known:
			out[name] = value
		case name != "RedrivePolicy" && name != "Policy":
			return nil, sqsRefusal("InvalidAttributeName", "", "stand-in: queue attribute "+name+" is not here")
		}
	}
	return map[string]any{"Attributes": out}, nil
}

func (s *Server) setQueueAttributes(c *call, in sqsInput, q *sqsQueue) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.configure(q, in.Attributes); r != nil {
		return nil, r
	}
	c.effect = "queue attributes set"
	return nil, nil
}
