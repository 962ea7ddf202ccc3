// Package aws is what is deployed to AWS, for tools and tests that read it.
package aws

import _ "embed"

// Template is the CloudFormation template: one role for each function, with the rights of its one call.
//
//go:embed template.yaml
var Template []byte
