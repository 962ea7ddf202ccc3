package aws

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// Call is what a request says it is, before anything of it is proved; faults are matched against it.
type Call struct {
	// Service is rolesanywhere, sns, sqs, dynamodb, sts, lambda, iam or monitoring, which is CloudWatch.
	Service string
	// Action is for example CreateSession, PublishBatch or ReceiveMessage; "" if the request names none.
	Action string
	// Resource is the topic's ARN, the queue's URL, the role's or function's ARN or the table as the request names it,
	// several joined by commas; "" if the request names none.
	Resource string
	// Number counts the calls of this service and action, from 1, while any fault is injected.
	Number int
	// Body is the request's body; it must not be changed.
	Body []byte
}

// targetPrefix begins the X-Amz-Target of every SQS call.
const targetPrefix = "AmazonSQS."

// readClaim reads what the request says it is.
func (c *call) readClaim() {
	c.claim.Body = c.body
	if c.Method == http.MethodPost && c.URL.EscapedPath() == "/sessions" && !strings.HasPrefix(c.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
		c.claim.Service, c.claim.Action = serviceRolesAnywhere, "CreateSession"
		var members struct {
			RoleARN string `json:"roleArn"`
		}
		_ = json.Unmarshal(c.body, &members) // a claim: what cannot be read is absent
		c.claim.Resource = members.RoleARN
		if q := c.URL.Query().Get("roleArn"); q != "" {
			c.claim.Resource = q
		}
		return
	}
	if c.readControl() {
		return
	}
	if action, found := strings.CutPrefix(c.Header.Get("X-Amz-Target"), dynamoTarget); found {
		c.claim.Service, c.claim.Action = serviceDynamoDB, action
		c.tree, c.treeErr = strictjson.Decode(c.body, dynamoDepth)
		c.claim.Resource = dynamoTables(c.tree)
		return
	}
	if target := c.Header.Get("X-Amz-Target"); target != "" {
		c.claim.Service = serviceSQS
		c.claim.Action = strings.TrimPrefix(target, targetPrefix)
		var members struct {
			QueueURL string `json:"QueueUrl"`
		}
		_ = json.Unmarshal(c.body, &members) // a claim: what cannot be read is absent
		c.claim.Resource = members.QueueURL
		return
	}
	c.claim.Service = serviceSNS
	values, err := url.ParseQuery(string(c.body))
	c.form = form{values: values, err: err}
	c.claim.Action = c.form.text("Action")
	c.claim.Resource = c.form.text("TopicArn")
	if service, other := map[string]string{
		stsVersion: serviceSTS, iamVersion: serviceIAM, cloudWatchVersion: serviceCloudWatch, sqsVersion: serviceSQS,
	}[c.form.text("Version")]; other {
		c.claim.Service, c.claim.Resource = service, c.form.text("QueueUrl")
	}
}

// form is the body of a call of the query protocol.
type form struct {
	values url.Values
	err    error
}

// text is a parameter's value, "" if it is absent.
func (f form) text(name string) string { return f.values.Get(name) }

// has tells whether a parameter is there, perhaps empty.
func (f form) has(name string) bool {
	_, there := f.values[name]
	return there
}

// twice is a parameter that is there more than once, "" if none is: one of the two would be ignored.
func (f form) twice() string {
	for name, values := range f.values {
		if len(values) > 1 {
			return name
		}
	}
	return ""
}
