package aws

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/filter"
)

// SubscriptionOptions are what a subscription may be.
type SubscriptionOptions struct {
	// Raw delivers the message itself instead of the JSON envelope, and its attributes as attributes of the queue's message.
	Raw bool
	// FilterPolicy is the JSON that says which messages are delivered; "" and {} mean all.
	FilterPolicy string
	// FilterPolicyScope is MessageAttributes or MessageBody; "" means MessageAttributes.
	FilterPolicyScope string
}

// subscriptionSettings are what a subscription is at some moment. They are immutable.
type subscriptionSettings struct {
	raw    bool
	scope  filter.Scope
	policy *filter.Policy // nil: everything is delivered
	// redrive is the ARN of the queue that gets what cannot be delivered; "" means that it is lost.
	redrive string
}

// SubscribeFiltered subscribes a queue to a topic, lets the topic send to the queue, whatever its policy says, and returns the
// subscription's ARN. Errors name what is wrong with the filter policy.
func (s *Server) SubscribeFiltered(topicARN, queueARN string, o SubscriptionOptions) (string, error) {
	attributes := map[string]string{"RawMessageDelivery": fmt.Sprint(o.Raw)}
	if o.FilterPolicy != "" {
		attributes["FilterPolicy"] = o.FilterPolicy
	}
	if o.FilterPolicyScope != "" {
		attributes["FilterPolicyScope"] = o.FilterPolicyScope
	}
	settings, r := parseSettings(attributes)
	var arn string
	if r == nil {
		arn, r = s.addSubscription(topicARN, queueARN, settings)
	}
	if r == nil {
		s.mu.RLock()
		s.queues[queueARN].access.topics.Store(topicARN, true) // addSubscription found it
		s.mu.RUnlock()
	}
	if r != nil {
		return "", fmt.Errorf("subscribe %s to %s: %s", queueARN, topicARN, r.text)
	}
	return arn, nil
}

// Filtered is how many notifications a subscription's filter policy kept back.
func (s *Server) Filtered(subscriptionARN string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if sub := s.subscriptions[subscriptionARN]; sub != nil {
		return int(sub.filtered.Load())
	}
	return 0
}

// parseSettings reads the attributes of Subscribe. AWS puts "Attributes Reason: " before what it says of them.
func parseSettings(attributes map[string]string) (*subscriptionSettings, *refusal) {
	settings := &subscriptionSettings{scope: filter.MessageAttributes}
	for key := range attributes {
		if key != "RawMessageDelivery" && key != "FilterPolicy" && key != "FilterPolicyScope" && key != "RedrivePolicy" {
			return nil, standInParameter("subscription attribute %s is not here", key)
		}
	}
	for _, key := range []string{"RawMessageDelivery", "RedrivePolicy", "FilterPolicyScope", "FilterPolicy"} { // the policy is read under its scope
		value, there := attributes[key]
		if !there {
			continue
		}
		var r *refusal
		if settings, r = settings.with(key, value); r != nil {
			if rest, recorded := strings.CutPrefix(r.text, "Invalid parameter: "); recorded && key != "RawMessageDelivery" {
				r.text = "Invalid parameter: Attributes Reason: " + rest
			}
			return nil, r
		}
	}
	return settings, nil
}

// with is the settings with one attribute set.
func (o *subscriptionSettings) with(key, value string) (*subscriptionSettings, *refusal) {
	out := *o
	text := ""
	if out.policy != nil {
		text = out.policy.String()
	}
	switch key {
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return nil, invalidParameter("Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
		}
		out.raw = value == "true"
		return &out, nil
	case "RedrivePolicy":
		redrive, err := readRedrive(value)
		if err != nil {
			return nil, invalidParameter("RedrivePolicy: stand-in: %s", err)
		}
		out.redrive = redrive
		return &out, nil
	case "FilterPolicyScope":
		out.scope = filter.Scope(value)
		if out.scope != filter.MessageAttributes && out.scope != filter.MessageBody {
			return nil, invalidParameter("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value)
		}
	case "FilterPolicy":
		text, out.policy = value, nil
	default:
		return nil, standInParameter("subscription attribute %s is not here", key)
	}
	if strings.TrimSpace(text) == "{}" || text == "" && key == "FilterPolicyScope" {
		return &out, nil
	}
	policy, err := filter.Parse(text, out.scope)
	if r, refused := errors.AsType[*filter.Refusal](err); refused {
		if r.Recorded {
			return nil, invalidParameter("%s", r.Text)
		}
		return nil, standInParameter("%s", r.Text)
	}
	out.policy = policy
	return &out, nil
}

// same tells whether a second Subscribe asks for what is there.
func (o *subscriptionSettings) same(other *subscriptionSettings) bool {
	if o.raw != other.raw || o.redrive != other.redrive || o.scope != other.scope || (o.policy == nil) != (other.policy == nil) {
		return false
	}
	return o.policy == nil || o.policy.String() == other.policy.String()
}

// wants tells whether a notification passes the filter policy.
func (o *subscriptionSettings) wants(n notification) bool {
	switch {
	case o.policy == nil:
		return true
	case o.scope == filter.MessageBody:
		return o.policy.MatchBody(n.forQueues)
	}
	attributes := make(map[string]filter.Attribute, len(n.attributes))
	for name, a := range n.attributes {
		attributes[name] = filter.Attribute{Type: a.Type, Value: a.String}
	}
	return o.policy.MatchAttributes(attributes)
}
