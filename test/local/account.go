package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws"
)

// Names of what Prepare makes.
const (
	FunctionName     = "orders"
	FunctionRoleName = "orders-run"
)

// Prepare makes what a customer has before the set-up, and nothing more: an instance of the Destination service, whose service
// key is written into folder with the certificate to check the stand by, and a Lambda function with an alias and its execution
// role. The description has no environments and no steps.
func (s *Stand) Prepare(function Lambda, folder, controlURL string) (*Description, error) {
	role, err := s.AWS.CreateExecutionRole(FunctionRoleName)
	if err != nil {
		return nil, err
	}
	if function.Path == "" && function.Handler == nil {
		function.Handler = func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
	}
	function.Role = role
	arn, err := s.AWS.CreateFunction(FunctionName, function)
	if err != nil {
		return nil, err
	}
	if _, err := s.AWS.CreateAlias(arn, alias, "$LATEST"); err != nil {
		return nil, err
	}
	seed := s.AWS.Seed()
	d := &Description{
		AWSURL: s.awsURL, BTPURL: s.btpURL, ControlURL: controlURL,
		CAPath: filepath.Join(folder, "ca.pem"), ServiceKeyPath: filepath.Join(folder, "service-key.json"),
		Region: strings.Split(arn, ":")[3], AccessKeyID: seed.AccessKeyID, SecretAccessKey: seed.SecretAccessKey,
		Root: Fingerprint(s.pki.Root()),
	}
	if err := os.WriteFile(d.CAPath, s.CA(), 0o600); err != nil {
		return nil, err
	}
	return d, os.WriteFile(d.ServiceKeyPath, s.BTP.ServiceKey(s.btpURL), 0o600)
}

// Stack is what makes a CloudFormation stack, with the names of its API.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
type Stack struct {
	TemplateBody string
	Parameters   []Parameter
}

// Parameter is one value of a stack.
type Parameter struct{ ParameterKey, ParameterValue string }

// Made is what came of a stack: its outputs by key, and its resources in the order in which they were made.
type Made struct {
	Outputs   map[string]string
	Resources []aws.Made
}

// Apply makes a stack's resources. After an error nothing was made.
func (s *Stand) Apply(stack Stack) (*Made, error) {
	parameters := make(map[string]string, len(stack.Parameters))
	for _, p := range stack.Parameters {
		if _, twice := parameters[p.ParameterKey]; twice {
			return nil, fmt.Errorf("make the stack: the parameter %s is given twice", p.ParameterKey)
		}
		parameters[p.ParameterKey] = p.ParameterValue
	}
	d, err := s.AWS.LoadTemplate(strings.NewReader(stack.TemplateBody), parameters)
	if err != nil {
		return nil, fmt.Errorf("make the stack: %w", err)
	}
	return &Made{Outputs: d.Outputs, Resources: d.Made}, nil
}
