package aws

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// sqsVersion is the API version of SQS in the query protocol, which AWS CLIs from before 2024 speak.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
const (
	sqsVersion   = "2012-11-05"
	sqsNamespace = "http://queue.amazonaws.com/doc/2012-11-05/"
)

// sqsPair is an attribute in the answers of the query protocol.
type sqsPair struct{ Name, Value string }

// sqsQuery answers a request of the query protocol: the actions that set queues up. Messages go as JSON.
func (s *Server) sqsQuery(c *call) *answer {
	if r := c.checkQuery(sqsVersion); r != nil {
		return s.refuse(c, r)
	}
	var in sqsInput
	var r *refusal
	action, known := s.sqsAction(c.claim.Action)
	allowed := []string{"Action", "Version", "QueueUrl"}
	switch c.claim.Action {
	case "CreateQueue", "SetQueueAttributes":
		allowed = append(allowed, "QueueName", "Attribute.")
		in.Attributes, r = c.form.sqsAttributes()
	case "GetQueueAttributes":
		allowed = append(allowed, "AttributeName.")
		in.AttributeNames, r = c.form.texts("AttributeName.")
	case "GetQueueUrl", "DeleteQueue":
		allowed = append(allowed, "QueueName")
	default:
		known = false
	}
	if !known {
		return s.refuse(c, queryRefusal("InvalidAction", "stand-in: action "+c.claim.Action+" is not here in the query protocol"))
	}
	if r == nil {
		r = c.form.only("", allowed...)
	}
	if r != nil {
		return s.refuse(c, queryRefusal("InvalidParameterValue", r.text))
	}
	in.QueueName, in.QueueURL = c.form.text("QueueName"), c.form.text("QueueUrl")
	result, r := s.runSQS(c, action, in)
	if r != nil {
		if r.queryCode != "" {
			r.code = r.queryCode
		}
		return s.refuse(c, r)
	}
	switch result := result.(type) {
	case map[string]string:
		return xmlAnswer(c, struct {
			QueueURL string `xml:"QueueUrl"`
		}{result["QueueUrl"]})
	case map[string]any:
		attributes, _ := result["Attributes"].(map[string]string)
		var shown struct{ Attribute []sqsPair }
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			shown.Attribute = append(shown.Attribute, sqsPair{name, attributes[name]})
		}
		return xmlAnswer(c, shown)
	}
	return xmlAnswer(c, nil)
}

// texts are PREFIX1, PREFIX2 and so on.
func (f form) texts(prefix string) ([]string, *refusal) {
	list, r := f.list(prefix)
	if r != nil {
		return nil, r
	}
	var out []string
	for _, one := range list {
		out = append(out, one.text(""))
	}
	return out, nil
}

// sqsAttributes reads Attribute.N.Name and .Value.
func (f form) sqsAttributes() (map[string]string, *refusal) {
	list, r := f.list("Attribute.")
	if r != nil {
		return nil, r
	}
	out := make(map[string]string, len(list))
	for _, one := range list {
		if r := one.only("Attribute.N.", "Name", "Value"); r != nil {
			return nil, r
		}
		out[one.text("Name")] = one.text("Value")
	}
	return out, nil
}

// runSQS runs an action of SQS as the caller.
func (s *Server) runSQS(c *call, action sqsAction, in sqsInput) (any, *refusal) {
	resource := s.arn(serviceSQS, in.QueueName)
	if !action.noQueue {
		resource = s.queueARN(in.QueueURL)
	}
	if r := s.authorize(c, action.permission, resource); r != nil {
		return nil, r
	}
	var q *sqsQueue
	if !action.noQueue {
		s.mu.RLock()
		q = s.queues[resource]
		s.mu.RUnlock()
		if q == nil {
			return nil, noSuchQueue()
		}
	}
	return action.run(c, in, q)
}

// controlAction names an operation of the control plane of Roles Anywhere by its method and path; "" is none.
func controlAction(method, path string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return map[string]string{
		"POST trustanchors": "CreateTrustAnchor", "GET trustanchors": "ListTrustAnchors", "GET trustanchor": "GetTrustAnchor",
		"PATCH trustanchor": "UpdateTrustAnchor", "DELETE trustanchor": "DeleteTrustAnchor", "PATCH put-notifications-settings": "PutNotificationSettings",
		"POST profiles": "CreateProfile", "GET profiles": "ListProfiles", "GET profile": "GetProfile", "PATCH profile": "UpdateProfile",
		"DELETE profile": "DeleteProfile",
	}[method+" "+kind]
}

// readControl reads what a request of the control plane says it is; false if it is none.
func (c *call) readControl() bool {
	if action := controlAction(c.Method, c.URL.Path); action != "" {
		c.claim.Service, c.claim.Action = serviceRolesAnywhere, action
		return true
	}
	if action, found := strings.CutPrefix(c.Header.Get("X-Amz-Target"), cloudWatchTarget); found && c.Method == http.MethodPost {
		c.claim.Service, c.claim.Action = serviceCloudWatch, action
		return true
	}
	return false
}
