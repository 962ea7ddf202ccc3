package aws

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

// rawAttributesMax is how many attributes a raw message may have; one with more is discarded.
// Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
const rawAttributesMax = 10

// timestampFormat is that of envelopes.
const timestampFormat = "2006-01-02T15:04:05.000Z"

// notify hands a notification to all subscriptions. It waits for room, which each subscription's goroutine makes.
func (s *Server) notify(subscriptions []*subscription, n notification) {
	for _, sub := range subscriptions {
		select {
		case sub.in <- n:
		case <-sub.stop:
		case <-s.done:
		}
	}
}

// deliverAll is a subscription's goroutine.
func (s *Server) deliverAll(sub *subscription) {
	for {
		select {
		case n := <-sub.in:
			s.deliver(sub, n)
		case <-sub.stop:
			return
		case <-s.done:
			return
		}
	}
}

// deliver puts one notification into the subscription's queue, or counts it as filtered or discarded.
func (s *Server) deliver(sub *subscription, n notification) {
	settings := sub.settings.Load()
	if !settings.wants(n) {
		sub.filtered.Add(1)
		return
	}
	q := s.admitting(sub.queueARN, sub.topicARN)
	if q == nil { // a client's error, which SNS does not try again
		q = s.admitting(settings.redrive, sub.topicARN)
	}
	if q == nil {
		sub.discarded.Add(1)
		return
	}
	now := s.now()
	m := queue.Message{ID: uuid.NewString(), GroupID: n.groupID, SenderID: "sns.amazonaws.com", Sent: now}
	if n.sequence != "" {
		m.GroupID, m.DeduplicationID = "", ""
		if q.isFIFO() {
			m.GroupID, m.DeduplicationID = n.groupID, n.dedupID
		}
	}
	if settings.raw {
		if len(n.attributes) > rawAttributesMax {
			sub.discarded.Add(1)
			return
		}
		m.Body, m.Attributes = n.forQueues, n.attributes
	} else {
		m.Body = string(marshalJSON(s.envelope(sub, n, now)))
	}
	if m.Size() > q.messageBytes() {
		sub.discarded.Add(1)
		return
	}
	q.Send(m, -1)
}

// admitting is a queue that lets the topic send to it, nil if it does not or is not there.
func (s *Server) admitting(queueARN, topicARN string) *sqsQueue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q := s.queues[queueARN]; q != nil && q.admits(topicARN, s.config.Account) {
		return q
	}
	return nil
}

// envelope is the JSON that a subscriber without raw delivery gets, its members in the order of AWS.
type envelope struct {
	Type              string
	MessageId         string
	SequenceNumber    string `json:",omitempty"` // of a FIFO topic
	TopicArn          string
	Subject           string `json:",omitempty"`
	Message           string
	Timestamp         string
	UnsubscribeURL    string
	MessageAttributes map[string]envelopeAttribute `json:",omitempty"`
}

type envelopeAttribute struct {
	Type, Value string
}

func (s *Server) envelope(sub *subscription, n notification, now time.Time) envelope {
	e := envelope{
		Type: "Notification", MessageId: n.id, SequenceNumber: n.sequence, TopicArn: sub.topicARN, Subject: n.subject, Message: n.forQueues,
		Timestamp:      now.UTC().Format(timestampFormat),
		UnsubscribeURL: fmt.Sprintf("https://sns.%s.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=%s", s.config.Region, sub.arn),
	}
	for name, a := range n.attributes {
		if e.MessageAttributes == nil {
			e.MessageAttributes = make(map[string]envelopeAttribute, len(n.attributes))
		}
		value := a.String
		if a.IsBinary() {
			value = base64.StdEncoding.EncodeToString(a.Binary)
		}
		e.MessageAttributes[name] = envelopeAttribute{Type: a.Type, Value: value}
	}
	return e
}
