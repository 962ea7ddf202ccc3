package template_test

import (
	"fmt"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/template"
)

func ExampleRead() {
	text := `
Parameters:
  Topic: {Type: String, Default: orders}
Resources:
  Publisher:
    Type: AWS::IAM::Role
    Properties:
      Path: /demo/
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}
      Policies:
        - PolicyName: publish
          PolicyDocument:
            Statement: {Effect: Allow, Action: sns:Publish, Resource: !Sub 'arn:${AWS::Partition}:sns:*:*:${Topic}'}
`
	names := template.Names{Partition: "aws", Region: "eu-central-1", Account: "111122223333"}
	t, err := template.Read(strings.NewReader(text), map[string]string{"Topic": "invoices"}, names)
	fmt.Println(t.Resources[0].Type, t.Resources[0].Name, t.Resources[0].Properties["Policies"], err)
	// Output: AWS::IAM::Role Publisher [map[PolicyDocument:map[Statement:map[Action:sns:Publish Effect:Allow Resource:arn:aws:sns:*:*:invoices]] PolicyName:publish]] <nil>
}
