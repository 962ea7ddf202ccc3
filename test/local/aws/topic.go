package aws

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Limits of topics.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
// Source: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html
const (
	messageBytesDefault = 262_144
	messageBytesMin     = 1_024
	messageBytesMax     = 1_048_576

	topicNameMax = 256 // with .fifo
	listPage     = 100 // topics or subscriptions an answer
)

var topicNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// topic is a standard or a FIFO topic. The server's lock guards it.
type topic struct {
	arn           string
	attributes    map[string]string // :: those that were set
	messageBytes  int
	fifo          *fifoTopic      // nil of a standard topic
	subscriptions []*subscription // replaced, never changed in place
	emails        []string        // addresses that have not confirmed, which nobody does here
}

// CreateTopic makes a standard topic and returns its ARN; that it exists already is no error.
func (s *Server) CreateTopic(name string) (string, error) {
	arn, r := s.addTopic(name, nil)
	if r != nil {
		return "", fmt.Errorf("create topic %q: %s", name, r.text)
	}
	return arn, nil
}

// DeleteTopic removes a topic and its subscriptions; that it does not exist is no error.
func (s *Server) DeleteTopic(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[arn]
	if t == nil {
		return
	}
	delete(s.topics, arn)
	for _, sub := range t.subscriptions {
		delete(s.subscriptions, sub.arn)
		close(sub.stop)
	}
}

func (s *Server) addTopic(name string, attributes map[string]string) (string, *refusal) {
	fifo := attributes["FifoTopic"]
	base, suffixed := strings.CutSuffix(name, ".fifo")
	switch {
	case suffixed != (fifo == "true"):
		return "", invalidParameter("Topic Name")
	case fifo != "" && fifo != "true" && fifo != "false":
		return "", standInParameter("FifoTopic must be true or false")
	case !topicNamePattern.MatchString(base) || len(name) > topicNameMax:
		return "", invalidParameter("Topic Name")
	}
	attributes = maps.Clone(attributes)
	delete(attributes, "FifoTopic")
	for key, value := range attributes {
		if r := checkTopicAttribute(key, value, suffixed); r != nil {
			return "", r
		}
	}
	arn := s.arn(serviceSNS, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics[arn]; t != nil {
		for key, value := range attributes {
			if t.attributes[key] != value {
				return "", invalidParameter("Attributes Reason: Topic already exists with different attributes")
			}
		}
		return arn, nil
	}
	t := &topic{arn: arn, attributes: make(map[string]string), messageBytes: messageBytesDefault}
	if suffixed {
		t.fifo = &fifoTopic{}
		maps.Copy(t.attributes, fifoTopicDefaults())
	}
	for key, value := range attributes {
		t.set(key, value)
	}
	s.topics[arn] = t
	return arn, nil
}

func checkTopicAttribute(key, value string, fifo bool) *refusal {
	switch key {
	case "ContentBasedDeduplication", "FifoThroughputScope":
		return checkFIFOTopicAttribute(key, value, fifo)
	case "DisplayName":
		if len(value) > 100 {
			return standInParameter("DisplayName has more than 100 characters")
		}
		return nil
	case "MaximumMessageSize":
		if n, err := strconv.Atoi(value); err != nil || n < messageBytesMin || n > messageBytesMax {
			return standInParameter("MaximumMessageSize must be a number from %d to %d", messageBytesMin, messageBytesMax)
		}
		return nil
	}
	return standInParameter("topic attribute %s is not here", key)
}

// set sets an attribute that was checked.
func (t *topic) set(key, value string) {
	t.attributes[key] = value
	if key == "MaximumMessageSize" {
		t.messageBytes, _ = strconv.Atoi(value) // checked
	}
}

// findTopic is the topic of the call's TopicArn.
func (s *Server) findTopic(c *call) (*topic, *refusal) {
	arn, r := s.checkARN(c, "TopicArn")
	if r != nil {
		return nil, r
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.topics[arn]; t != nil {
		return t, nil
	}
	return nil, notFound("Topic does not exist")
}

func (s *Server) createTopic(c *call) (any, *refusal) {
	attributes, r := c.form.pairs()
	if r != nil {
		return nil, r
	}
	arn, r := s.addTopic(c.form.text("Name"), attributes)
	if r != nil {
		return nil, r
	}
	c.effect = "topic created"
	return struct{ TopicArn string }{arn}, nil
}

func (s *Server) deleteTopic(c *call) (any, *refusal) {
	arn, r := s.checkARN(c, "TopicArn")
	if r != nil {
		return nil, r
	}
	s.DeleteTopic(arn)
	c.effect = "topic deleted"
	return nil, nil
}

func (s *Server) listTopics(c *call) (any, *refusal) {
	s.mu.RLock()
	arns := slices.Sorted(maps.Keys(s.topics))
	s.mu.RUnlock()
	page, next, r := pageOf(arns, c.form.text("NextToken"))
	if r != nil {
		return nil, r
	}
	type member struct{ TopicArn string }
	result := struct {
		Topics struct {
			Members []member `xml:"member"`
		}
		NextToken string `xml:",omitempty"`
	}{NextToken: next}
	for _, arn := range page {
		result.Topics.Members = append(result.Topics.Members, member{arn})
	}
	return result, nil
}

// pageOf is the page of sorted names that a token asks for, and the token of the next.
func pageOf(names []string, token string) (page []string, next string, r *refusal) {
	if token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", standInParameter("NextToken is not one that was given out")
		}
		names = names[sort.SearchStrings(names, string(last)+"\x00"):]
	}
	if len(names) <= listPage {
		return names, "", nil
	}
	page = names[:listPage]
	return page, base64.RawURLEncoding.EncodeToString([]byte(page[listPage-1])), nil
}

func (s *Server) topicAttributes(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	values := map[string]string{
		"TopicArn": t.arn, "Owner": s.config.Account, "DisplayName": "",
		"SubscriptionsConfirmed": strconv.Itoa(len(t.subscriptions)),
		"SubscriptionsPending":   "0", "SubscriptionsDeleted": "0",
	}
	maps.Copy(values, t.attributes)
	return attributesResult(values), nil
}

func attributesResult(values map[string]string) any {
	var result struct{ Attributes xmlPairs }
	for _, key := range slices.Sorted(maps.Keys(values)) {
		result.Attributes.Entries = append(result.Attributes.Entries, xmlPair{Key: key, Value: values[key]})
	}
	return result
}

func (s *Server) setTopicAttributes(c *call) (any, *refusal) {
	t, r := s.findTopic(c)
	if r != nil {
		return nil, r
	}
	key, value := c.form.text("AttributeName"), c.form.text("AttributeValue")
	if r := checkTopicAttribute(key, value, t.fifo != nil); r != nil {
		return nil, r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.set(key, value)
	c.effect = "topic attribute set"
	return nil, nil
}
