// Package aws is what is deployed to AWS, for tools and tests that read it. [Template], [Create] and [Terraform] make the same
// resources, of the same parameters, for those who use CloudFormation, the AWS CLI or Terraform.
package aws

import "embed"

// Template is the CloudFormation template: trust anchor, profile, one role for each function with the rights of its one call,
// and the targets.
//
//go:embed template.yaml
var Template []byte

// Create is the script for the AWS CLI. Its head says what it reads and writes.
//
//go:embed create.sh
var Create []byte

// Terraform is the module, in the folder terraform.
//
//go:embed terraform
var Terraform embed.FS
