package aws

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
)

// subscription hands the notifications of a topic to a queue, by a goroutine of its own.
type subscription struct {
	arn, topicARN, queueARN string
	settings                atomic.Pointer[subscriptionSettings]
	in                      chan notification // bounded; a publisher waits when it is full
	stop                    chan struct{}     // closed by Unsubscribe and DeleteTopic
	discarded, filtered     atomic.Int64
}

// deliveryQueue is how many notifications wait for a subscription's goroutine.
const deliveryQueue = 1_000

// Subscribe subscribes a queue to a topic, lets the topic send to the queue as AWS's console does, and returns the
// subscription's ARN. raw delivers the message itself instead of
// the JSON envelope, and its attributes as attributes of the queue's message.
func (s *Server) Subscribe(topicARN, queueARN string, raw bool) (string, error) {
	return s.SubscribeFiltered(topicARN, queueARN, SubscriptionOptions{Raw: raw})
}

// Discarded is how many notifications a subscription could not deliver: raw ones with more than ten attributes, ones above
// the queue's message size, and ones whose queue is gone or does not admit the topic and that no dead-letter queue took. AWS discards these without a word too.
// Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
func (s *Server) Discarded(subscriptionARN string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sub := s.subscriptions[subscriptionARN]; sub != nil {
		return int(sub.discarded.Load())
	}
	return 0
}

func (s *Server) addSubscription(topicARN, queueARN string, settings *subscriptionSettings) (string, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topicARN]
	switch {
	case t == nil:
		return "", notFound("Topic does not exist")
	case strings.HasSuffix(queueARN, ".fifo") && t.fifo == nil:
		return "", invalidParameter("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	case s.queues[queueARN] == nil:
		return "", standInParameter("the queue %s does not exist", queueARN)
	case s.closed:
		return "", standInParameter("it is closed")
	}
	for _, sub := range t.subscriptions {
		if sub.queueARN == queueARN {
			if !sub.settings.Load().same(settings) {
				return "", standInParameter("the subscription exists with different attributes")
			}
			return sub.arn, nil
		}
	}
	sub := &subscription{
		arn: topicARN + ":" + uuid.NewString(), topicARN: topicARN, queueARN: queueARN,
		in: make(chan notification, deliveryQueue), stop: make(chan struct{}),
	}
	sub.settings.Store(settings)
	t.subscriptions = append(slices.Clone(t.subscriptions), sub)
	s.subscriptions[sub.arn] = sub
	s.workers.Go(func() { s.deliverAll(sub) })
	return sub.arn, nil
}

func (s *Server) subscribe(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	attributes, r := c.form.pairs()
	if r != nil {
		return nil, r
	}
	protocol, endpoint := c.form.text("Protocol"), c.form.text("Endpoint")
	if protocol == protocolEmail {
		if r := s.addEmail(t, endpoint, attributes); r != nil {
			return nil, r
		}
		c.effect = "subscribed, to be confirmed"
		return struct{ SubscriptionArn string }{"pending confirmation"}, nil
	}
	if protocol != serviceSQS {
		return nil, standInParameter("protocol %q is not here; sqs and email are", protocol)
	}
	if parts := strings.Split(endpoint, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != serviceSQS {
		return nil, invalidParameter("SQS endpoint ARN")
	}
	settings, r := parseSettings(attributes)
	if r != nil {
		return nil, r
	}
	arn, r := s.addSubscription(t.arn, endpoint, settings)
	if r != nil {
		return nil, r
	}
	c.effect = "subscribed"
	return struct{ SubscriptionArn string }{arn}, nil
}

// findSubscription is the subscription of the call's SubscriptionArn.
func (s *Server) findSubscription(c *call) (*subscription, *refusal) {
	arn, r := s.checkARN(c, "SubscriptionArn")
	if r != nil {
		return nil, r
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sub := s.subscriptions[arn]; sub != nil {
		return sub, nil
	}
	return nil, notFound("Subscription does not exist")
}

// unsubscribe succeeds for a subscription that is not there.
func (s *Server) unsubscribe(c *call) (any, *refusal) {
	arn, r := s.checkARN(c, "SubscriptionArn")
	if r != nil {
		return nil, r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[arn]
	if sub == nil {
		return nil, nil
	}
	delete(s.subscriptions, arn)
	if t := s.topics[sub.topicARN]; t != nil {
		t.subscriptions = slices.DeleteFunc(slices.Clone(t.subscriptions), func(other *subscription) bool { return other == sub })
	}
	close(sub.stop)
	c.effect = "unsubscribed"
	return nil, nil
}

func (s *Server) listSubscriptions(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var arns []string
	for _, sub := range t.subscriptions {
		arns = append(arns, sub.arn)
	}
	slices.Sort(arns)
	page, next, r := pageOf(arns, c.form.text("NextToken"))
	if r != nil {
		return nil, r
	}
	type member struct{ SubscriptionArn, Owner, Protocol, Endpoint, TopicArn string }
	result := struct {
		Subscriptions struct {
			Members []member `xml:"member"`
		}
		NextToken string `xml:",omitempty"`
	}{NextToken: next}
	if next == "" {
		for _, address := range t.emails {
			result.Subscriptions.Members = append(result.Subscriptions.Members,
				member{"PendingConfirmation", s.config.Account, protocolEmail, address, t.arn})
		}
	}
	for _, arn := range page {
		sub := s.subscriptions[arn]
		result.Subscriptions.Members = append(result.Subscriptions.Members,
			member{arn, s.config.Account, serviceSQS, sub.queueARN, sub.topicARN})
	}
	return result, nil
}

func (s *Server) subscriptionAttributes(c *call) (any, *refusal) {
	sub, r := s.findSubscription(c)
	if r != nil {
		return nil, r
	}
	settings := sub.settings.Load()
	values := map[string]string{
		"SubscriptionArn": sub.arn, "TopicArn": sub.topicARN, "Owner": s.config.Account, "Protocol": serviceSQS, "Endpoint": sub.queueARN,
		"RawMessageDelivery": strconv.FormatBool(settings.raw), "PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true",
	}
	if settings.policy != nil {
		values["FilterPolicy"], values["FilterPolicyScope"] = settings.policy.String(), string(settings.scope)
	}
	if settings.redrive != "" {
		values["RedrivePolicy"] = string(marshalJSON(map[string]string{"deadLetterTargetArn": settings.redrive}))
	}
	return attributesResult(values), nil
}

func (s *Server) setSubscriptionAttributes(c *call) (any, *refusal) {
	sub, r := s.findSubscription(c)
	if r != nil {
		return nil, r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	settings, r := sub.settings.Load().with(c.form.text("AttributeName"), c.form.text("AttributeValue"))
	if r != nil {
		return nil, r
	}
	sub.settings.Store(settings)
	c.effect = "subscription attribute set"
	return nil, nil
}
