package aws

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

const (
	locality   = "destination-configuration.cfapps.eu10.hana.ondemand.com/11111111-2222-3333-4444-555555555555"
	otherPlace = "destination-configuration.cfapps.eu10.hana.ondemand.com/99999999-2222-3333-4444-555555555555"
	issuerCN   = "SAP PKI Certificate Service Client CA"
	worker     = "arn:aws:lambda:eu-central-1:111122223333:function:worker"
	workerRole = "worker-role"
	stack      = "events" // the name of the stack in tests
)

// stackARN is the ARN of what the stack calls by its name.
func stackARN(service, rest string) string {
	return "arn:aws:" + service + ":eu-central-1:111122223333:" + rest
}

// deployed is the template that we ship.
func deployed(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../../../deploy/aws/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pemOf is certificates in PEM.
func pemOf(certificates ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certificates {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}

// parameters are those of the template, for a root, with the lab's function.
func parameters(root *x509.Certificate) map[string]string {
	return map[string]string{
		"Name": stack, "TrustAnchorCertificate": pemOf(root), "SubjectLocality": locality,
		"FunctionName": "worker", "FunctionRoleName": workerRole,
	}
}

// works makes the function that the template needs, which fails every time with a payload that is the text fail.
func (s *Server) works(t testing.TB) {
	t.Helper()
	role, err := s.CreateExecutionRole("service/" + workerRole)
	if err != nil {
		t.Fatal(err)
	}
	arn, err := s.CreateFunction("worker", FunctionOptions{Role: role, Handler: func(ctx context.Context, payload []byte) ([]byte, error) {
		if string(payload) == `"fail"` {
			return fails(ctx, payload)
		}
		return payload, nil
	}})
	if err == nil {
		_, err = s.CreateAlias(arn, "live", "$LATEST")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// load makes a template with these parameters beside what the lab has.
func (l *lab) load(t *testing.T, text string, parameters map[string]string) Deployment {
	t.Helper()
	d, err := l.LoadTemplate(strings.NewReader(text), parameters)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// subject is a certificate as SAP issues them.
func (l *lab) subject(place, cn, issuer string) (leaf, issuing testpki.Authority) {
	issuing = l.root.Intermediate(issuer)
	return issuing.Leaf(cn, func(c *x509.Certificate) {
		if place != "" {
			c.Subject.Locality = []string{place}
		}
	}), issuing
}

// deployedFunction is what one of our functions has of a deployment, and does with it.
type deployedFunction struct {
	name, role, output, cn string
	// calls are the ways in which it uses what its role may do, and the actions that each needs. Each answers nil if the call was
	// allowed and its effect is there.
	calls map[string]func(*testing.T, *lab, ask) error
}

// functionsDeployed are our functions, and what each asks AWS for.
func functionsDeployed() []deployedFunction {
	return []deployedFunction{
		{"publish-sns", "PublishSnsRole", "PublishSnsRoleArn", "trustbridge-publish-sns", map[string]func(*testing.T, *lab, ask) error{
			"sns:Publish": func(t *testing.T, l *lab, a ask) error {
				queue := stackARN("sqs", stack)
				before := l.MessageCount(queue)
				topic := stackARN("sns", stack)
				in := batch(l, "a")
				in.TopicArn = &topic
				if _, err := l.sns(l.credentials(t, a)).PublishBatch(t.Context(), in); err != nil {
					return err
				}
				_, err := l.sns(l.credentials(t, a)).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: new("x")})
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err = l.WaitMessages(ctx, queue, before+2)
				return err
			},
		}},
		{"store-dynamodb", "StoreDynamodbRole", "StoreDynamodbRoleArn", "trustbridge-store-dynamodb", map[string]func(*testing.T, *lab, ask) error{
			"dynamodb:PutItem": func(t *testing.T, l *lab, a ask) error {
				_, err := l.dynamo(l.credentials(t, a)).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(stack), Item: pk("put")})
				return err
			},
			"dynamodb:BatchWriteItem": func(t *testing.T, l *lab, a ask) error {
				_, err := l.dynamo(l.credentials(t, a)).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamotypes.WriteRequest{
					stack: {{PutRequest: &dynamotypes.PutRequest{Item: pk("batch")}}},
				}})
				return err
			},
		}},
		{"invoke-lambda", "InvokeLambdaRole", "InvokeLambdaRoleArn", "trustbridge-invoke-lambda", map[string]func(*testing.T, *lab, ask) error{
			"lambda:InvokeFunction": func(t *testing.T, l *lab, a ask) error {
				out, err := l.lambda(l.credentials(t, a)).Invoke(t.Context(), &lambda.InvokeInput{
					FunctionName: new(worker + ":live"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`"x"`)})
				if err == nil && out.StatusCode != 202 {
					t.Errorf("Invoke = %d, want 202", out.StatusCode)
				}
				return err
			},
		}},
	}
}

// pk is an item of the table, with the sort key that it may have.
func pk(value string) map[string]dynamotypes.AttributeValue {
	return map[string]dynamotypes.AttributeValue{
		"pk": &dynamotypes.AttributeValueMemberS{Value: value}, "sk": &dynamotypes.AttributeValueMemberS{Value: "x"},
	}
}

// signIn is what the certificate asks for, with a deployment's anchor and profile.
func (l *lab) signIn(d map[string]string, role string, leaf, issuing testpki.Authority) ask {
	return ask{
		leaf: leaf, chain: []*x509.Certificate{issuing.Cert}, region: "eu-central-1", date: time.Now(),
		members: map[string]any{"trustAnchorArn": d["TrustAnchorArn"], "profileArn": d["ProfileArn"], "roleArn": d[role]},
	}
}
