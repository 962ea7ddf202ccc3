package template

import (
	"fmt"
	"slices"
)

// Names are what the resources of a template become.
type Names struct {
	// Partition, Region and Account are those of all ARNs.
	Partition, Region, Account string
	// Stable is the identifier of a trust anchor or profile, from its kind, trust-anchor or profile, and its name.
	Stable func(kind, name string) string
}

func (n Names) arn(service, rest string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", n.Partition, service, n.Region, n.Account, rest)
}

// The types of resources.
const (
	typeRole         = "AWS::IAM::Role"
	typePolicy       = "AWS::IAM::Policy"
	typeTopic        = "AWS::SNS::Topic"
	typeSubscription = "AWS::SNS::Subscription"
	typeTable        = "AWS::DynamoDB::Table"
	typeQueue        = "AWS::SQS::Queue"
	typeQueuePolicy  = "AWS::SQS::QueuePolicy"
	typeEvents       = "AWS::Lambda::EventInvokeConfig"
	typeAnchor       = "AWS::RolesAnywhere::TrustAnchor"
	typeProfile      = "AWS::RolesAnywhere::Profile"
	typeAlarm        = "AWS::CloudWatch::Alarm"
)

func knownType(kind string) bool {
	return slices.Contains([]string{
		typeRole, typePolicy, typeTopic, typeSubscription, typeTable, typeQueue, typeQueuePolicy, typeEvents, typeAnchor, typeProfile, typeAlarm,
	}, kind)
}

// resource is a resource as it is written.
type resource struct {
	kind       string
	properties object
	after      []any // DependsOn
	metadata   any   // nil if there is none
	left       bool  // its condition is false
}

// made is a resource that another one refers to.
func (e *evaluator) made(id string) (resource, error) {
	r, there := e.resources[id]
	switch {
	case !there:
		return r, fmt.Errorf("there is no parameter and no resource %s", id)
	case r.left:
		return r, fmt.Errorf("resource %s is not made under its condition", id)
	}
	e.uses[id] = true
	return r, nil
}

// name is the property that names a resource; without it CloudFormation makes a name up, and the resource's in the template
// stands for that here.
func (e *evaluator) name(id string) (string, error) {
	r := e.resources[id]
	property, named := map[string]string{
		typeRole: "RoleName", typePolicy: "PolicyName", typeTopic: "TopicName", typeTable: "TableName", typeQueue: "QueueName",
		typeAnchor: "Name", typeProfile: "Name", typeAlarm: "AlarmName",
	}[r.kind]
	if !named {
		return "", nil
	}
	v, there := r.properties[property]
	if !there {
		return id, nil
	}
	if slices.Contains(e.busy, id) {
		return "", fmt.Errorf("resource %s needs its own name", id)
	}
	e.busy = append(e.busy, id)
	defer func() { e.busy = e.busy[:len(e.busy)-1] }()
	return e.text(v)
}

// path is a role's, with a slash at both ends.
func (e *evaluator) path(id string) (string, error) {
	v, there := e.resources[id].properties["Path"]
	if !there {
		return "/", nil
	}
	path, err := e.text(v)
	if err != nil {
		return "", err
	}
	if path == "" || path[0] != '/' || path[len(path)-1] != '/' {
		return "", fmt.Errorf("property Path must begin and end with a slash")
	}
	return path, nil
}

// ref is what Ref gives for a resource.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
func (e *evaluator) ref(id string) (string, error) {
	r, err := e.made(id)
	if err != nil {
		return "", err
	}
	switch r.kind {
	case typeRole, typeTable, typePolicy:
		return e.name(id)
	case typeTopic:
		return e.attribute(id, "TopicArn")
	case typeQueue:
		return e.attribute(id, "QueueUrl")
	case typeAnchor:
		return e.attribute(id, "TrustAnchorId")
	case typeProfile:
		return e.attribute(id, "ProfileId")
	}
	return "", fmt.Errorf("a reference to a resource of type %s is not read", r.kind)
}

// attribute is what Fn::GetAtt gives for a resource.
func (e *evaluator) attribute(id, attribute string) (string, error) {
	r, err := e.made(id)
	if err != nil {
		return "", err
	}
	name, err := e.name(id)
	if err != nil {
		return "", err
	}
	n := e.names
	switch r.kind + "." + attribute {
	case typeRole + ".Arn":
		path, err := e.path(id)
		return fmt.Sprintf("arn:%s:iam::%s:role%s%s", n.Partition, n.Account, path, name), err
	case typeTopic + ".TopicArn":
		return n.arn("sns", name), nil
	case typeTopic + ".TopicName", typeQueue + ".QueueName":
		return name, nil
	case typeTable + ".Arn":
		return n.arn("dynamodb", "table/"+name), nil
	case typeQueue + ".Arn":
		return n.arn("sqs", name), nil
	case typeQueue + ".QueueUrl":
		return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", n.Region, n.Account, name), nil
	case typeAnchor + ".TrustAnchorId":
		return n.Stable("trust-anchor", name), nil
	case typeAnchor + ".TrustAnchorArn":
		return n.arn("rolesanywhere", "trust-anchor/"+n.Stable("trust-anchor", name)), nil
	case typeProfile + ".ProfileId":
		return n.Stable("profile", name), nil
	case typeProfile + ".ProfileArn":
		return n.arn("rolesanywhere", "profile/"+n.Stable("profile", name)), nil
	}
	return "", fmt.Errorf("attribute %s of a resource of type %s is not read", attribute, r.kind)
}
