package aws

import (
	"sync"
	"sync/atomic"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

// queueAccess says what may be sent to a queue by SNS, which has no rights of its own: what the queue's policy allows.
// Source: https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
type queueAccess struct {
	policy atomic.Pointer[queuePolicy] // nil: none
	topics sync.Map                    // :: topic ARN → true; those that [Server.Subscribe] let in
}

type queuePolicy struct {
	text     string
	document policy.Document
}

func (a *queueAccess) text() string {
	if p := a.policy.Load(); p != nil {
		return p.text
	}
	return ""
}

// readAccess is the policy that the queue is to have: the attribute Policy, which an empty one takes away, or the present one.
func (q *sqsQueue) readAccess(attributes map[string]string) (*queuePolicy, *refusal) {
	text, there := attributes["Policy"]
	switch {
	case !there:
		return q.access.policy.Load(), nil
	case text == "":
		return nil, nil
	}
	d, err := policy.ParseQueue(text)
	if err != nil {
		return nil, sqsRefusal("InvalidAttributeValue", "", "stand-in: Policy: "+err.Error())
	}
	return &queuePolicy{text, d}, nil
}

// admits tells whether a topic may send to the queue.
func (q *sqsQueue) admits(topicARN, account string) bool {
	if _, let := q.access.topics.Load(topicARN); let {
		return true
	}
	p := q.access.policy.Load()
	if p == nil {
		return false
	}
	r := policy.Request{Action: "sqs:SendMessage", Resource: q.arn}
	r.Keys.Set("aws:SourceArn", topicARN)
	r.Keys.Set("aws:SourceAccount", account)
	return p.document.Evaluate(r) == policy.Allow
}
