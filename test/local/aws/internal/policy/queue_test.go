package policy

import (
	"strings"
	"testing"
)

func TestQueuePolicy(t *testing.T) {
	const whole = `{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"SQS:SendMessage",
		"Resource":"arn:aws:sqs:eu-central-1:111122223333:orders","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-central-1:111122223333:orders"}}}]}`
	d, err := ParseQueue(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		action, resource, source string
		want                     Verdict
	}{
		{"sqs:SendMessage", "orders", "orders", Allow}, {"sqs:ReceiveMessage", "orders", "orders", Silent},
		{"sqs:SendMessage", "other", "orders", Silent}, {"sqs:SendMessage", "orders", "other", Silent},
	} {
		r := Request{Action: tt.action, Resource: "arn:aws:sqs:eu-central-1:111122223333:" + tt.resource}
		r.Keys.Set("aws:SourceArn", "arn:aws:sns:eu-central-1:111122223333:"+tt.source)
		if got := d.Evaluate(r); got != tt.want {
			t.Errorf("%+v = %v, want %v", tt, got, tt.want)
		}
	}
	for _, tt := range []struct{ old, changed, says string }{
		{`"Service":"sns.amazonaws.com"`, `"AWS":"*"`, `principal: element "AWS" is not evaluated`}, {`"Service":"sns.amazonaws.com"`, `"Service":"s3.amazonaws.com"`, `"s3.amazonaws.com" is not evaluated; only sns.amazonaws.com is`},
		{`"Principal":{"Service":"sns.amazonaws.com"}`, `"Principal":"*"`, "principal must be"}, {`"Principal":{"Service":"sns.amazonaws.com"}`, `"Principal":{"Service":[]}`, "principal"}, {`"Action"`, `"NotAction"`, `element "NotAction"`},
		{`"SQS:SendMessage"`, `"SendMessage"`, "service:Name"}, {`"SQS:SendMessage"`, `1`, "Action"}, {`"arn:aws:sqs:eu-central-1:111122223333:orders"`, `"orders"`, "ARN of six parts"},
		{`"Resource":"arn:aws:sqs:eu-central-1:111122223333:orders",`, ``, "Resource"}, {`"aws:SourceArn"`, `"aws:PrincipalArn"`, "condition key"}, {`ArnEquals`, `Bool`, "condition operator"}, {`"Allow"`, `"allow"`, "Effect"},
	} {
		_, err := ParseQueue(strings.Replace(whole, tt.old, tt.changed, 1))
		if err == nil || !strings.HasPrefix(err.Error(), "read queue policy: ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("with %s = %v, want an error that says %q", tt.changed, err, tt.says)
		}
	}
	deny, err := ParseQueue(strings.Replace(whole, "Allow", "Deny", 1))
	if r := (Request{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:eu-central-1:111122223333:orders"}); err != nil || deny.Evaluate(r) != Silent {
		t.Errorf("a Deny whose condition does not hold = %v, %v, want silent", deny.Evaluate(r), err)
	}
}
