package policy_test

import (
	"fmt"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

func ExampleParseIdentity() {
	_, err := policy.ParseIdentity(`{"Version": "2012-10-17", "Statement": {
		"Effect": "Allow", "Action": "sns:Publish", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
	}}`)
	fmt.Println(err)
	// Output: read policy: statement 1: condition operator "IpAddress" is not evaluated
}
