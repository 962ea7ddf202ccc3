package policy

import (
	"fmt"
	"slices"
)

// QueueService is the only principal a queue's policy may name.
const QueueService = "sns.amazonaws.com"

// ParseQueue reads the policy of a queue: statements with Effect, Principal, Action, Resource and Condition, about what SNS may
// do with the queue. Errors name the element that is wrong or not evaluated.
// Source: https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
func ParseQueue(text string) (Document, error) {
	return parse("queue policy", text, queueStatement)
}

func queueStatement(o object) (statement, error) {
	if err := o.only("Sid", "Effect", "Principal", "Action", "Resource", "Condition"); err != nil {
		return statement{}, err
	}
	var s statement
	var err error
	if s.deny, err = effect(o); err != nil {
		return statement{}, err
	}
	if err := principal(o, QueueService); err != nil {
		return statement{}, err
	}
	if err := s.readActions(o, "Action"); err != nil {
		return statement{}, err
	}
	if err := s.readResources(o, "Resource"); err != nil {
		return statement{}, err
	}
	s.conditions, err = conditions(o, trustOperator, "aws:SourceArn", "aws:SourceAccount")
	return s, err
}

// principal checks that the only principal is that service.
func principal(o object, only ...string) error {
	p, ok := objectOf(o["Principal"])
	if !ok {
		return fmt.Errorf(`principal must be {"Service": %q}`, only[0])
	}
	if err := p.only("Service"); err != nil {
		return fmt.Errorf("principal: %w", err)
	}
	services, err := p.strings("Service")
	if err != nil {
		return fmt.Errorf("principal: %w", err)
	}
	for _, service := range services {
		if !slices.Contains(only, service) {
			return fmt.Errorf("principal service %q is not evaluated; only %s is", service, only[0])
		}
	}
	return nil
}

// readActions reads the Action or NotAction element.
func (s *statement) readActions(o object, name string) error {
	actions, err := o.strings(name)
	if err != nil {
		return err
	}
	for _, action := range actions {
		if err := checkAction(action); err != nil {
			return err
		}
	}
	s.actions = lower(actions)
	return nil
}

// readResources reads the Resource or NotResource element.
func (s *statement) readResources(o object, name string) error {
	resources, err := o.strings(name)
	if err != nil {
		return err
	}
	for _, text := range resources {
		r, err := parseResource(text)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, r)
	}
	return nil
}
