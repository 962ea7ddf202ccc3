package aws

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/template"
)

// The properties of the types that are made, as CloudFormation names them. Those of other types are beside what they make.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html
type (
	roleProperties struct {
		RoleName                 string  `json:",omitempty"`
		Path                     string  `json:",omitempty"`
		Description              string  `json:",omitempty"`
		MaxSessionDuration       *number `json:",omitempty"`
		AssumeRolePolicyDocument json.RawMessage
		Policies                 []policyProperties `json:",omitempty"`
	}
	policyProperties struct {
		PolicyName     string
		PolicyDocument json.RawMessage
		Roles          []string `json:",omitempty"`
	}
	topicProperties struct {
		TopicName string `json:",omitempty"`
	}
	subscriptionProperties struct {
		TopicArn, Protocol, Endpoint string
		RawMessageDelivery           *flag           `json:",omitempty"`
		RedrivePolicy                json.RawMessage `json:",omitempty"`
	}
	queueProperties struct {
		QueueName              string          `json:",omitempty"`
		SqsManagedSseEnabled   *flag           `json:",omitempty"`
		MessageRetentionPeriod *number         `json:",omitempty"`
		VisibilityTimeout      *number         `json:",omitempty"`
		RedrivePolicy          json.RawMessage `json:",omitempty"`
	}
	queuePolicyProperties struct {
		Queues         []string
		PolicyDocument json.RawMessage
	}
	tableProperties struct {
		TableName               string `json:",omitempty"`
		BillingMode             string `json:",omitempty"`
		AttributeDefinitions    []struct{ AttributeName, AttributeType string }
		KeySchema               []struct{ AttributeName, KeyType string }
		TimeToLiveSpecification *struct {
			AttributeName string
			Enabled       flag
		} `json:",omitempty"`
		PointInTimeRecoverySpecification *struct{ PointInTimeRecoveryEnabled flag } `json:",omitempty"`
	}
)

// properties decodes a resource's.
func properties[P any](r template.Resource) (p P, err error) {
	return p, decodeProperties(r.Properties, &p)
}

// with decodes a resource's properties and makes it.
func with[P any](r template.Resource, do func(P) (string, error)) (string, error) {
	p, err := properties[P](r)
	if err != nil {
		return "", err
	}
	return do(p)
}

// make makes a resource, or nothing, and returns its ARN if it has one.
func (s *Server) make(r template.Resource) (string, error) {
	switch r.Type {
	case "AWS::IAM::Role":
		return with(r, func(p roleProperties) (string, error) {
			if p.Path != "" && (p.Path[0] != '/' || p.Path[len(p.Path)-1] != '/') {
				return "", fmt.Errorf("property Path must begin and end with a slash")
			}
			lasts := durationDefault
			if p.MaxSessionDuration != nil {
				lasts = time.Duration(*p.MaxSessionDuration) * time.Second
			}
			return s.makeRole(strings.TrimPrefix(p.Path, "/")+r.Name, string(p.AssumeRolePolicyDocument), lasts, p.Policies)
		})
	case "AWS::IAM::Policy":
		return with(r, s.makePolicy)
	case "AWS::SNS::Topic":
		return with(r, func(topicProperties) (string, error) { return s.makeTopic(r.Name) })
	case "AWS::SNS::Subscription":
		return with(r, s.makeSubscription)
	case "AWS::SQS::Queue":
		return with(r, func(p queueProperties) (string, error) { return s.makeQueue(r.Name, p) })
	case "AWS::SQS::QueuePolicy":
		return with(r, s.makeQueuePolicy)
	case "AWS::DynamoDB::Table":
		return with(r, func(p tableProperties) (string, error) { return s.makeTable(r.Name, p) })
	case "AWS::Lambda::EventInvokeConfig":
		return with(r, func(p eventsProperties) (string, error) {
			return "", s.SetOnFailure(s.functionARN(p.FunctionName), p.Qualifier, p.DestinationConfig.OnFailure.Destination)
		})
	case "AWS::RolesAnywhere::TrustAnchor":
		return with(r, s.makeAnchor)
	case "AWS::RolesAnywhere::Profile":
		return with(r, func(p profileProperties) (string, error) { return s.CreateProfile(p.Name, p.options()) })
	case "AWS::CloudWatch::Alarm":
		return with(r, func(p alarmProperties) (string, error) {
			p.AlarmName = r.Name
			return "", s.putAlarm(p)
		})
	}
	return "", fmt.Errorf("type %s is not made here", r.Type)
}

// unmake takes away what make made, as far as it is still there.
func (s *Server) unmake(r template.Resource) {
	switch r.Type {
	case "AWS::IAM::Role":
		p, _ := properties[roleProperties](r) // it was made of them
		_ = s.DeleteRole(fmt.Sprintf("arn:%s:iam::%s:role/%s", s.config.Partition, s.config.Account, strings.TrimPrefix(p.Path, "/")+r.Name))
	case "AWS::IAM::Policy":
		p, _ := properties[policyProperties](r)
		for _, name := range p.Roles {
			s.mu.RLock()
			role := s.roleNamed(name)
			s.mu.RUnlock()
			if role != nil {
				_ = s.DeleteRolePolicy(role.arn, p.PolicyName)
			}
		}
	case "AWS::SNS::Topic":
		s.DeleteTopic(s.arn(serviceSNS, r.Name))
	case "AWS::SQS::Queue":
		s.DeleteQueue(s.arn(serviceSQS, r.Name))
	case "AWS::SQS::QueuePolicy":
		p, _ := properties[queuePolicyProperties](r)
		p.PolicyDocument = nil
		_, _ = s.makeQueuePolicy(p)
	case "AWS::DynamoDB::Table":
		_ = s.DeleteTable(r.Name)
	case "AWS::Lambda::EventInvokeConfig":
		p, _ := properties[eventsProperties](r)
		s.mu.Lock()
		if f := s.functions[s.functionARN(p.FunctionName)]; f != nil {
			delete(f.failures, p.Qualifier)
		}
		s.mu.Unlock()
	case "AWS::RolesAnywhere::TrustAnchor":
		_ = s.DeleteTrustAnchor(s.anchorARN(r.Name))
	case "AWS::RolesAnywhere::Profile":
		_ = s.DeleteProfile(s.profileARN(r.Name))
	case "AWS::CloudWatch::Alarm":
		s.deleteAlarm(r.Name)
	} // a subscription goes with its topic
}

func same(a, b template.Resource) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Name == b.Name && reflect.DeepEqual(a.Properties, b.Properties)
}

// makeRole makes a role with its inline policies, or nothing.
func (s *Server) makeRole(name, trust string, lasts time.Duration, policies []policyProperties) (string, error) {
	arn, err := s.CreateRole(name, trust)
	if err != nil {
		return "", err
	}
	err = s.SetMaxSessionDuration(arn, lasts)
	seen := make(map[string]bool)
	for _, p := range policies {
		if err == nil && (p.PolicyName == "" || seen[p.PolicyName] || p.Roles != nil) {
			err = fmt.Errorf("policy %q has no name, or one that is there twice, or Roles", p.PolicyName)
		}
		if err == nil {
			err = s.PutRolePolicy(arn, p.PolicyName, string(p.PolicyDocument))
		}
		seen[p.PolicyName] = true
	}
	if err != nil {
		_ = s.DeleteRole(arn) // it is there
		return "", err
	}
	return arn, nil
}

// makePolicy gives a policy to roles, which need not be the template's.
func (s *Server) makePolicy(p policyProperties) (string, error) {
	if len(p.Roles) == 0 || p.PolicyName == "" {
		return "", fmt.Errorf("it must have a PolicyName and Roles")
	}
	var arns []string
	for _, name := range p.Roles {
		s.mu.RLock()
		r := s.roleNamed(name)
		s.mu.RUnlock()
		if r == nil {
			return "", fmt.Errorf("role %q does not exist", name)
		}
		arns = append(arns, r.arn)
	}
	for _, arn := range arns {
		if err := s.PutRolePolicy(arn, p.PolicyName, string(p.PolicyDocument)); err != nil {
			return "", err // the first already: they get the same text
		}
	}
	return "", nil
}

func (s *Server) makeTopic(name string) (string, error) {
	s.mu.RLock()
	there := s.topics[s.arn(serviceSNS, name)] != nil
	s.mu.RUnlock()
	if there {
		return "", fmt.Errorf("topic %q exists already", name)
	}
	return s.CreateTopic(name)
}

// makeSubscription subscribes a queue, without letting the topic in: that is the queue policy's.
func (s *Server) makeSubscription(p subscriptionProperties) (string, error) {
	attributes := make(map[string]string)
	if p.RawMessageDelivery != nil {
		attributes["RawMessageDelivery"] = strconv.FormatBool(bool(*p.RawMessageDelivery))
	}
	if p.RedrivePolicy != nil {
		attributes["RedrivePolicy"] = string(p.RedrivePolicy)
	}
	var r *refusal
	var arn string
	if p.Protocol == protocolEmail {
		s.mu.RLock()
		t := s.topics[p.TopicArn]
		s.mu.RUnlock()
		if t == nil {
			return "", fmt.Errorf("topic %s does not exist", p.TopicArn)
		}
		r = s.addEmail(t, p.Endpoint, attributes)
	} else if p.Protocol != serviceSQS {
		r = standInParameter("protocol %q is not here; sqs and email are", p.Protocol)
	} else {
		var settings *subscriptionSettings
		if settings, r = parseSettings(attributes); r == nil {
			arn, r = s.addSubscription(p.TopicArn, p.Endpoint, settings)
		}
	}
	if r != nil {
		return "", fmt.Errorf("subscribe %s: %s", p.Endpoint, r.text)
	}
	return arn, nil
}

func (s *Server) makeQueue(name string, p queueProperties) (string, error) {
	s.mu.RLock()
	there := s.queues[s.arn(serviceSQS, name)] != nil
	s.mu.RUnlock()
	if there {
		return "", fmt.Errorf("queue %q exists already", name)
	}
	attributes := make(map[string]string)
	for key, n := range map[string]*number{"MessageRetentionPeriod": p.MessageRetentionPeriod, "VisibilityTimeout": p.VisibilityTimeout} {
		if n != nil {
			attributes[key] = strconv.Itoa(int(*n))
		}
	}
	if p.SqsManagedSseEnabled != nil {
		attributes["SqsManagedSseEnabled"] = strconv.FormatBool(bool(*p.SqsManagedSseEnabled))
	}
	if p.RedrivePolicy != nil {
		attributes["RedrivePolicy"] = string(p.RedrivePolicy)
	}
	q, r := s.addQueue(name, attributes)
	if r != nil {
		return "", fmt.Errorf("create queue %q: %s", name, r.text)
	}
	return q.arn, nil
}

// makeQueuePolicy sets the policy of queues, which have none after a nil one.
func (s *Server) makeQueuePolicy(p queuePolicyProperties) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, url := range p.Queues {
		q := s.queues[s.queueARN(url)]
		if q == nil {
			return "", fmt.Errorf("queue %s does not exist", url)
		}
		if r := s.configure(q, map[string]string{"Policy": string(p.PolicyDocument)}); r != nil {
			return "", fmt.Errorf("%s", r.text)
		}
	}
	return "", nil
}

func (s *Server) makeTable(name string, p tableProperties) (string, error) {
	types := make(map[string]dynamodb.Type)
	for _, a := range p.AttributeDefinitions {
		types[a.AttributeName] = dynamodb.Type(a.AttributeType)
	}
	var keys []Key
	for i, k := range p.KeySchema {
		if i > 1 || k.KeyType != []string{"HASH", "RANGE"}[i] || types[k.AttributeName] == "" {
			return "", fmt.Errorf("KeySchema must be a HASH key, and perhaps a RANGE key after it, that are defined")
		}
		keys = append(keys, Key{Name: k.AttributeName, Type: types[k.AttributeName]})
	}
	if len(types) != len(keys) || len(p.AttributeDefinitions) != len(keys) {
		return "", fmt.Errorf("AttributeDefinitions must be the attributes of the key, and no others")
	}
	if p.BillingMode != "PAY_PER_REQUEST" {
		return "", fmt.Errorf("BillingMode %q is not here; PAY_PER_REQUEST is", p.BillingMode)
	}
	arn, err := s.CreateTable(name, keys...)
	if err != nil {
		return "", err
	}
	if ttl := p.TimeToLiveSpecification; ttl != nil && bool(ttl.Enabled) {
		err = s.tables.SetTTL(name, ttl.AttributeName, true, s.now())
	}
	if r := p.PointInTimeRecoverySpecification; r != nil && err == nil {
		err = s.tables.SetRecovery(name, bool(r.PointInTimeRecoveryEnabled), s.now())
	}
	if err != nil {
		_ = s.DeleteTable(name) // it is there
		return "", err
	}
	return arn, nil
}
