package main

import (
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/configdoc"
)

const topicARN = "arn:aws:sns:eu-central-1:111122223333:orders"

// newSettings are settings as the runtime would fill them.
func newSettings(change func(*settings)) *settings {
	var s settings
	s.SNS.TopicARN, s.SNS.Payload, s.SNS.AttributesMax, s.SNS.MaxBytes = topicARN, "event", 10, 256<<10
	if change != nil {
		change(&s)
	}
	return &s
}

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*settings)
		want   string // what the one problem says; "" for none
	}{
		"good":            {nil, ""},
		"other partition": {func(s *settings) { s.SNS.TopicARN = "arn:aws-cn:sns:cn-north-1:111122223333:orders" }, ""},
		"no ARN":          {func(s *settings) { s.SNS.TopicARN = "orders" }, `SNS_TOPIC_ARN is "orders"`},
		"a queue":         {func(s *settings) { s.SNS.TopicARN = "arn:aws:sqs:eu-central-1:111122223333:orders" }, "SNS_TOPIC_ARN is"},
		"a subscription":  {func(s *settings) { s.SNS.TopicARN += ":2bcfbf39-05c3-41de-beaa-fcfcc21c8f55" }, "SNS_TOPIC_ARN is"},
		"no region":       {func(s *settings) { s.SNS.TopicARN = "arn:aws:sns::111122223333:orders" }, "SNS_TOPIC_ARN is"},
		"FIFO":            {func(s *settings) { s.SNS.TopicARN += ".fifo" }, ""},
		"FIFO batch":      {func(s *settings) { s.SNS.TopicARN += ".fifo"; s.SNS.FIFOBatch = true }, ""},
		"standard batch":  {func(s *settings) { s.SNS.FIFOBatch = true }, "SNS_FIFO_BATCH and SNS_TOPIC_ARN contradict each other"},
		"batch of what?":  {func(s *settings) { s.SNS.TopicARN = "orders"; s.SNS.FIFOBatch = true }, `SNS_TOPIC_ARN is "orders"`},
		"group":           {func(s *settings) { s.SNS.GroupID = "{data/order}" }, ""},
		"bad group":       {func(s *settings) { s.SNS.GroupID = "{data/order" }, "SNS_GROUP_ID is wrong"},
		"attributes":      {func(s *settings) { s.SNS.Attributes = "sapconsumertenant, order={data/order}," }, ""},
		"twice":           {func(s *settings) { s.SNS.Attributes = "a,a" }, `SNS_ATTRIBUTES has "a" twice`},
		"standard one":    {func(s *settings) { s.SNS.Attributes = "ce-id={id}" }, `SNS_ATTRIBUTES has "ce-id" twice`},
		"no extension":    {func(s *settings) { s.SNS.Attributes = "subject" }, "no name of an extension"},
		"bad name":        {func(s *settings) { s.SNS.Attributes = "AWS.x={id}" }, "which SNS does not allow"},
		"no name":         {func(s *settings) { s.SNS.Attributes = "={id}" }, "which SNS does not allow"},
		"bad template":    {func(s *settings) { s.SNS.Attributes = "x={id" }, `a wrong template for "x"`},
		"space":           {func(s *settings) { s.SNS.TopicARN += " " }, "SNS_TOPIC_ARN is"},
		"newline":         {func(s *settings) { s.SNS.TopicARN += "\n" }, "SNS_TOPIC_ARN is"},
		"wildcard":        {func(s *settings) { s.SNS.TopicARN += "*" }, "SNS_TOPIC_ARN is"},
		"no name at all":  {func(s *settings) { s.SNS.TopicARN = "arn:aws:sns:eu-central-1:111122223333:.fifo" }, "SNS_TOPIC_ARN is"},
		"no account":      {func(s *settings) { s.SNS.TopicARN = "arn:aws:sns:eu-central-1::orders" }, "SNS_TOPIC_ARN is"},
		"short account":   {func(s *settings) { s.SNS.TopicARN = "arn:aws:sns:eu-central-1:11112222333:orders" }, "SNS_TOPIC_ARN is"},
		"odd account":     {func(s *settings) { s.SNS.TopicARN = "arn:aws:sns:eu-central-1:11112222333x:orders" }, "SNS_TOPIC_ARN is"},
		"no partition":    {func(s *settings) { s.SNS.TopicARN = "arn::sns:eu-central-1:111122223333:orders" }, "SNS_TOPIC_ARN is"},
		"longest name": {func(s *settings) {
			s.SNS.TopicARN = "arn:aws:sns:eu-central-1:111122223333:" + strings.Repeat("x", 256)
		}, ""},
		"longer name": {func(s *settings) {
			s.SNS.TopicARN = "arn:aws:sns:eu-central-1:111122223333:" + strings.Repeat("x", 257)
		}, "SNS_TOPIC_ARN is"},
		"data":         {func(s *settings) { s.SNS.Attributes = "data" }, "no name of an extension"},
		"upper case":   {func(s *settings) { s.SNS.Attributes = "Tenant" }, "no name of an extension"},
		"trace":        {func(s *settings) { s.SNS.Attributes = "traceparent" }, `SNS_ATTRIBUTES has "traceparent" twice`},
		"too many":     {func(s *settings) { s.SNS.Attributes = "a,b,c" }, "SNS_ATTRIBUTES and SNS_ATTRIBUTES_MAX contradict each other: 11 attributes"},
		"more allowed": {func(s *settings) { s.SNS.Attributes, s.SNS.AttributesMax = "a,b,c", 11 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := newSettings(tc.change).Check()
			switch {
			case tc.want == "" && len(problems) != 0:
				t.Errorf("Check() = %v, want no problem", problems)
			case tc.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.want)):
				t.Errorf("Check() = %v, want one that says %q", problems, tc.want)
			}
		})
	}
}

// TestEveryWrongAttributeIsReported: all at once, not one a restart.
func TestEveryWrongAttributeIsReported(t *testing.T) {
	problems := newSettings(func(s *settings) { s.SNS.Attributes = "ok,id,x={,ok" }).Check()
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	if len(got) != 3 || !strings.Contains(got[0], `"id"`) || !strings.Contains(got[1], `"x"`) || !strings.Contains(got[2], `"ok" twice`) {
		t.Errorf("Check() = %q, want one problem for each of id, x and the second ok", got)
	}
}

func TestRegionIsTheTopics(t *testing.T) {
	s := newSettings(func(s *settings) { s.SNS.TopicARN = "arn:aws:sns:us-east-1:111122223333:orders" })
	if problems := s.Check(); len(problems) != 0 || s.Region() != "us-east-1" {
		t.Errorf("Region() = %q (%v), want us-east-1", s.Region(), problems)
	}
}

func TestAttributeNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "A-b_c.d": true, "azAZ09": true, "a`": false, "a{": false, "a@": false, "a[": false, "a/": false, "a:": false, strings.Repeat("x", 255): true,
		"": false, strings.Repeat("x", 256): false, ".a": false, "a.": false, "a..b": false, "a b": false, "ä": false,
		"aws.x": false, "AmAzOn.x": false, "awsx": true,
	} {
		if got := validName(name); got != want {
			t.Errorf("validName(%q) = %t, want %t", name, got, want)
		}
	}
}

// TestConfigurationDocument keeps our part of docs/configuration.md true to the struct.
func TestConfigurationDocument(t *testing.T) {
	configdoc.Check(t, "../../docs/configuration.md", "publish-sns", &settings{})
}
