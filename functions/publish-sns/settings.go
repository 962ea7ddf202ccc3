package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/shared/cloudevent"
)

// settings is what publish-sns is configured by besides what all functions are.
type settings struct {
	SNS struct {
		TopicARN      string      `env:"SNS_TOPIC_ARN" required:"true" doc:"topic that events are published to; its region is where they go" example:"arn:aws:sns:eu-central-1:111122223333:orders"`
		Payload       string      `env:"SNS_PAYLOAD" default:"event" values:"event,data" doc:"what a message holds: the whole event as JSON, or its data alone" example:"data"`
		Attributes    string      `env:"SNS_ATTRIBUTES" doc:"more message attributes: a comma list of extension names, which are left out where an event has none, or of name=template, which every event must fill" example:"sapconsumertenant,order={data/order/id}"`
		GroupID       string      `env:"SNS_GROUP_ID" doc:"template of the message group id; empty: of a FIFO topic the event's partitionkey, else subject, else source, and none of a standard topic" example:"{data/order/id}"`
		FIFOBatch     bool        `env:"SNS_FIFO_BATCH" default:"false" doc:"true, of a FIFO topic only: one call may hold several events of a group, in order: faster, and an event that SNS refuses alone is then overtaken by those of its group in the same call" example:"true"`
		AttributesMax int         `env:"SNS_ATTRIBUTES_MAX" default:"10" min:"8" max:"100" doc:"most attributes of a message; an SQS queue subscribed with raw delivery silently discards messages with more than 10" example:"12"`
		MaxBytes      bridge.Size `env:"SNS_MAX_BYTES" default:"256 KiB" min:"1 KiB" max:"1 MiB" doc:"largest message with its attributes: the topic's MaximumMessageSize; a larger one is answered 413" example:"1MiB"`
	} `group:"publish-sns"`

	fifo  bool                 // the topic is one; made by Check
	group *cloudevent.Template // nil: the event's own; made by Check
	topic arn.ARN              // made by Check
	extra []extraAttribute     // made by Check
}

// extraAttribute is one entry of SNS_ATTRIBUTES.
type extraAttribute struct {
	name     string
	template *cloudevent.Template // nil: the value of the extension of that name
}

// standardAttributes are sent with every event that has them, so that subscriptions can filter by them.
//
//nolint:gochecknoglobals // a table, never changed
var standardAttributes = []string{
	"ce-id", "ce-source", "ce-type", "ce-specversion", "ce-subject", "ce-time", "ce-datacontenttype", "traceparent",
}

// Check reads the topic's ARN and the list of attributes.
func (s *settings) Check() []bridge.Problem {
	var problems []bridge.Problem
	against := func(name, format string, args ...any) {
		problems = append(problems, bridge.Problem{Names: []string{name}, Reason: fmt.Sprintf(format, args...)})
	}
	topic, err := arn.Parse(s.SNS.TopicARN)
	known := err == nil && isTopic(topic)
	if !known {
		against("SNS_TOPIC_ARN", "is %q, which is not the ARN of a topic: arn:aws:sns:region:account:name is needed", s.SNS.TopicARN)
	}
	s.topic, s.fifo = topic, strings.HasSuffix(topic.Resource, ".fifo")
	if s.SNS.GroupID != "" {
		if s.group, err = cloudevent.ParseTemplate(s.SNS.GroupID); err != nil {
			against("SNS_GROUP_ID", "is wrong: %v", err)
		}
	}
	if s.SNS.FIFOBatch && known && !s.fifo {
		problems = append(problems, bridge.Problem{
			Names:  []string{"SNS_FIFO_BATCH", "SNS_TOPIC_ARN"},
			Reason: "contradict each other: a standard topic keeps no order, so its batches are not restricted; unset SNS_FIFO_BATCH, or name a topic that ends in .fifo",
		})
	}
	extra, wrong := parseAttributes(s.SNS.Attributes)
	for _, err := range wrong {
		against("SNS_ATTRIBUTES", "has %v", err)
	}
	s.extra = extra
	if n := len(standardAttributes) + len(extra); n > s.SNS.AttributesMax && s.SNS.AttributesMax > 0 {
		problems = append(problems, bridge.Problem{
			Names:  []string{"SNS_ATTRIBUTES", "SNS_ATTRIBUTES_MAX"},
			Reason: fmt.Sprintf("contradict each other: %d attributes with the %d that every message has, at most %d", n, len(standardAttributes), s.SNS.AttributesMax),
		})
	}
	return problems
}

// Region is the topic's.
func (s *settings) Region() string { return s.topic.Region }

// isTopic tells whether an ARN is one of a topic: a region, an account of 12 digits, and a name of letters, digits, - and _
// with .fifo at the end of a FIFO topic's. Source: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
func isTopic(a arn.ARN) bool {
	name := strings.TrimSuffix(a.Resource, ".fifo")
	return a.Service == "sns" && consistsOf(a.Partition, "-") && consistsOf(a.Region, "-") && len(a.AccountID) == 12 && strings.Trim(a.AccountID, "0123456789") == "" &&
		consistsOf(name, "-_") && len(a.Resource) <= topicNameMaxBytes
}

// topicNameMaxBytes is the longest name of a topic. Source: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
const topicNameMaxBytes = 256

// consistsOf tells whether s is one or more letters and digits of ASCII, and characters of also.
func consistsOf(s, also string) bool {
	other := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(also, c)
	}
	return s != "" && !strings.ContainsFunc(s, other)
}

// parseAttributes reads a comma list of names and name=template, and says of each wrong entry what is wrong with it.
func parseAttributes(list string) (out []extraAttribute, wrong []error) {
	seen := make(map[string]bool)
	for _, name := range standardAttributes {
		seen[name] = true
	}
	for entry := range strings.SplitSeq(list, ",") {
		name, text, isTemplate := strings.Cut(strings.TrimSpace(entry), "=")
		if name == "" && !isTemplate {
			continue // an empty list, or a comma at its end
		}
		a, err := parseAttribute(name, text, isTemplate)
		if seen[name] {
			err = fmt.Errorf("%q twice; every message has it already or the list names it again", name)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		seen[name] = true
		out = append(out, a)
	}
	return out, wrong
}

func parseAttribute(name, text string, isTemplate bool) (extraAttribute, error) {
	switch {
	case isTemplate && !validName(name):
		return extraAttribute{}, fmt.Errorf("the name %q, which SNS does not allow: letters, digits, - _ and single . inside, not AWS. or Amazon. at the start", name)
	case isTemplate:
		template, err := cloudevent.ParseTemplate(text)
		if err != nil {
			return extraAttribute{}, fmt.Errorf("a wrong template for %q: %w", name, err)
		}
		return extraAttribute{name: name, template: template}, nil
	case !cloudevent.ValidName(name) || cloudevent.IsAttribute(name) || cloudevent.IsReserved(name):
		return extraAttribute{}, fmt.Errorf("%q, which is no name of an extension; for anything else write name={template}", name)
	}
	return extraAttribute{name: name}, nil
}

// nameMaxBytes is below what SNS refuses. Source: https://docs.aws.amazon.com/sns/latest/dg/SNSMessageAttributes.html
const nameMaxBytes = 255

// validName tells whether SNS takes an attribute of that name.
// Source: https://docs.aws.amazon.com/sns/latest/dg/SNSMessageAttributes.html
func validName(name string) bool {
	lower := strings.ToLower(name)
	return consistsOf(name, "-_.") && len(name) <= nameMaxBytes && !strings.HasPrefix(lower, "aws.") && !strings.HasPrefix(lower, "amazon.") &&
		!strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".") && !strings.Contains(name, "..")
}
