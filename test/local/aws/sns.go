package aws

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// snsVersion is the only API version.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const snsVersion = "2010-03-31"

// snsAction is how an action of SNS is authorized and run.
type snsAction struct {
	// permission is the action in IAM.
	permission string
	// resource is the ARN that the permission is about.
	resource string
	// parameters are those it takes; a name that ends in a dot is a prefix.
	parameters []string
	// run answers; a nil result has no element in the answer.
	run func(*call) (any, *refusal)
}

func (s *Server) snsAction(c *call) (snsAction, bool) {
	name := c.claim.Action
	a := snsAction{permission: "SNS:" + name, resource: c.form.text("TopicArn")}
	switch name {
	case "CreateTopic":
		a.resource = s.arn(serviceSNS, c.form.text("Name"))
		a.parameters, a.run = []string{"Name", "Attributes.entry."}, s.createTopic
	case "DeleteTopic":
		a.parameters, a.run = []string{"TopicArn"}, s.deleteTopic
	case "ListTopics":
		a.resource = s.arn(serviceSNS, "*")
		a.parameters, a.run = []string{"NextToken"}, s.listTopics
	case "GetTopicAttributes":
		a.parameters, a.run = []string{"TopicArn"}, s.topicAttributes
	case "SetTopicAttributes":
		a.parameters, a.run = []string{"TopicArn", "AttributeName", "AttributeValue"}, s.setTopicAttributes
	case "Subscribe":
		a.parameters = []string{"TopicArn", "Protocol", "Endpoint", "ReturnSubscriptionArn", "Attributes.entry."}
		a.run = s.subscribe
	case "Unsubscribe":
		a.resource = topicOf(c.form.text("SubscriptionArn"))
		a.parameters, a.run = []string{"SubscriptionArn"}, s.unsubscribe
	case "ListSubscriptionsByTopic":
		a.parameters, a.run = []string{"TopicArn", "NextToken"}, s.listSubscriptions
	case "GetSubscriptionAttributes":
		a.resource = topicOf(c.form.text("SubscriptionArn"))
		a.parameters, a.run = []string{"SubscriptionArn"}, s.subscriptionAttributes
	case "SetSubscriptionAttributes":
		a.resource = topicOf(c.form.text("SubscriptionArn"))
		a.parameters, a.run = []string{"SubscriptionArn", "AttributeName", "AttributeValue"}, s.setSubscriptionAttributes
	case "Publish":
		a.parameters = append([]string{"TopicArn"}, publicationParameters()...)
		a.run = s.publish
	case "PublishBatch":
		a.permission = "SNS:Publish"
		a.parameters, a.run = []string{"TopicArn", batchPrefix}, s.publishBatch
	default:
		return snsAction{}, false
	}
	return a, true
}

// topicOf is the topic's ARN in a subscription's.
func topicOf(subscriptionARN string) string {
	if i := strings.LastIndex(subscriptionARN, ":"); i >= 0 {
		return subscriptionARN[:i]
	}
	return subscriptionARN
}

// sns answers a request that was signed for SNS.
func (s *Server) sns(c *call) *answer {
	if r := c.checkForm(); r != nil {
		return s.refuse(c, r)
	}
	action, known := s.snsAction(c)
	if !known || c.form.text("Version") != snsVersion {
		return s.refuse(c, snsRefusal("InvalidAction", fmt.Sprintf("stand-in: no action %s of version %s is here",
			c.form.text("Action"), c.form.text("Version"))))
	}
	if r := s.authorize(c, action.permission, action.resource); r != nil {
		return s.refuse(c, r)
	}
	for name := range c.form.values {
		known := name == "Action" || name == "Version" || slices.ContainsFunc(action.parameters, func(p string) bool {
			empty, _, _ := strings.Cut(p, ".") // an empty list goes without numbers
			return name == p || strings.HasSuffix(p, ".") && (strings.HasPrefix(name, p) || name == empty && c.form.text(name) == "")
		})
		if !known {
			return s.refuse(c, standInParameter("parameter %s of %s is not here", name, c.claim.Action))
		}
	}
	result, r := action.run(c)
	if r != nil {
		return s.refuse(c, r)
	}
	return xmlAnswer(c, result)
}

// checkForm checks that the request is a form of the query protocol and nothing else.
func (c *call) checkForm() *refusal {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case c.claim.Service != serviceSNS:
		return snsRefusal("InvalidAction", "stand-in: the request is signed for sns, but is none of sns")
	case c.Method != http.MethodPost || c.URL.EscapedPath() != "/" && c.URL.EscapedPath() != "" || c.URL.RawQuery != "":
		return snsRefusal("InvalidAction", "stand-in: a call is a POST to / without a query")
	case err != nil || media != "application/x-www-form-urlencoded":
		return snsRefusal("InvalidAction", "stand-in: the content type must be application/x-www-form-urlencoded")
	case c.form.err != nil:
		return snsRefusal("MalformedQueryString", "stand-in: the body is not a form")
	case c.form.twice() != "":
		return standInParameter("parameter %s is there twice", c.form.twice())
	}
	return nil
}

func snsRefusal(code, text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, text: text}
}

// invalidParameter has a text that AWS is on record for.
func invalidParameter(format string, args ...any) *refusal {
	return snsRefusal("InvalidParameter", "Invalid parameter: "+fmt.Sprintf(format, args...))
}

// standInParameter has a text of our own.
func standInParameter(format string, args ...any) *refusal {
	return snsRefusal("InvalidParameter", "stand-in: "+fmt.Sprintf(format, args...))
}

func notFound(text string) *refusal {
	return &refusal{status: http.StatusNotFound, code: "NotFound", text: text}
}

// checkARN checks the form of an ARN parameter.
func (s *Server) checkARN(c *call, name string) (string, *refusal) {
	arn := c.form.text(name)
	parts := strings.Split(arn, ":")
	switch {
	case arn == "":
		return "", standInParameter("%s is missing", name)
	case len(parts) < 6:
		return "", invalidParameter("%s Reason: An ARN must have at least 6 elements, not %d", name, len(parts))
	case parts[0] != "arn" || parts[1] != s.config.Partition || parts[2] != serviceSNS || parts[3] != s.config.Region:
		return "", invalidParameter("%s", name)
	}
	return arn, nil
}

// list groups the parameters PREFIX.N.REST by N, which must count from 1 without gaps.
func (f form) list(prefix string) ([]form, *refusal) {
	groups := make(map[int]url.Values)
	for name, values := range f.values {
		rest, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		number, member, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || strconv.Itoa(n) != number {
			return nil, standInParameter("parameter %s is not a numbered one of %s", name, prefix)
		}
		if groups[n] == nil {
			groups[n] = make(url.Values)
		}
		groups[n][member] = values
	}
	out := make([]form, len(groups))
	for i := range out {
		values, there := groups[i+1]
		if !there {
			return nil, standInParameter("the numbers of %s do not count from 1", prefix)
		}
		out[i] = form{values: values}
	}
	return out, nil
}

// only refuses members other than names; a name that ends in a dot is a prefix.
func (f form) only(where string, names ...string) *refusal {
	for member := range f.values {
		if !slices.ContainsFunc(names, func(n string) bool {
			return member == n || strings.HasSuffix(n, ".") && strings.HasPrefix(member, n)
		}) {
			return standInParameter("parameter %s%s is not here", where, member)
		}
	}
	return nil
}

// pairs reads Attributes.entry.N.key and .value.
func (f form) pairs() (map[string]string, *refusal) {
	list, r := f.list("Attributes.entry.")
	if r != nil {
		return nil, r
	}
	out := make(map[string]string, len(list))
	for _, entry := range list {
		if r := entry.only("Attributes.entry.N.", "key", "value"); r != nil {
			return nil, r
		}
		key := entry.text("key")
		if _, there := out[key]; there {
			return nil, standInParameter("attribute %s is there twice", key)
		}
		out[key] = entry.text("value")
	}
	return out, nil
}

// xmlPairs is a map in the query protocol's answers.
type xmlPairs struct {
	Entries []xmlPair `xml:"entry"`
}

type xmlPair struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}
