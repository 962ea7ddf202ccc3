package local

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	deploy "github.com/trustbridge/trustbridge/deploy/aws"
	"github.com/trustbridge/trustbridge/test/local/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

// Names of what SetUp makes.
const (
	DestinationName = "aws-orders"
	KeyStoreName    = "orders.pem"
	CommonName      = "trustbridge-orders"
	policyName      = "publish" // of the template
	name            = "orders"  // of what the template makes, and of the function
	alias           = "live"
	functionRole    = "orders-function"
)

// Scenario is the one-time set-up of the reference architecture, as it was applied to a stand: a destination with a
// certificate; a Lambda function; and all of deploy/aws/template.yaml: a trust anchor of BTP's root, roles that this
// certificate alone may have, a profile that joins them, and the targets: a topic with a subscribed queue, and a table.
type Scenario struct {
	TrustAnchorARN, ProfileARN string
	// RoleARN is publish-sns's; StoreRoleARN and InvokeRoleARN are the others'.
	RoleARN, StoreRoleARN, InvokeRoleARN string
	TopicARN, QueueARN                   string
	TableARN                             string // partition key pk, a string
	FunctionARN                          string // without its alias
	// Material is the certificate that the destination holds.
	Material *btp.Material
	// Steps are what was done, in order.
	Steps []Step

	stand      *Stand
	deployment aws.Deployment
}

// Step is one step of the set-up.
type Step struct {
	// What was made, in the words of the reference architecture.
	What string `json:"what"`
	// Result names it.
	Result string `json:"result"`
	// Took is how long it took.
	Took time.Duration `json:"took"`
}

// Lambda is the Lambda function of a scenario. The zero value answers what it gets.
type Lambda = aws.FunctionOptions

// SetUp applies the set-up. leaf says what the certificate is to be; its CN is CommonName.
func (s *Stand) SetUp(leaf btp.Leaf, function Lambda) (*Scenario, error) {
	c := &Scenario{stand: s}
	leaf.CN = CommonName
	start := time.Now()
	result, err := c.certify(leaf)
	if err != nil {
		return nil, fmt.Errorf("set up the certificate: %w", err)
	}
	c.Steps = []Step{{"certificate", result, time.Since(start)}}
	start = time.Now()
	if err := c.createFunction(function); err != nil {
		return nil, fmt.Errorf("set up the Lambda function: %w", err)
	}
	made := time.Since(start)
	if err := c.createStack(); err != nil {
		return nil, fmt.Errorf("set up what deploy/aws/template.yaml makes: %w", err)
	}
	c.Steps = append(c.Steps, []Step{
		{"trust anchor", "of the CA behind that certificate: " + s.pki.Root().Subject.CommonName, c.took("AWS::RolesAnywhere::TrustAnchor")},
		{"targets", "topic with a subscribed SQS queue, table, Lambda function: " + name,
			made + c.took("AWS::SNS::", "AWS::SQS::", "AWS::DynamoDB::", "AWS::Lambda::", "AWS::CloudWatch::")},
		{"IAM roles", "from deploy/aws/template.yaml, for that certificate alone", c.took("AWS::IAM::")},
		{"profile", name + ", joins the anchor and those roles", c.took("AWS::RolesAnywhere::Profile")},
	}...)
	return c, nil
}

// took is how long the resources took whose types begin so.
func (c *Scenario) took(types ...string) (sum time.Duration) {
	for _, made := range c.deployment.Made {
		if slices.ContainsFunc(types, func(t string) bool { return strings.HasPrefix(made.Type, t) }) {
			sum += made.Took
		}
	}
	return sum
}

// certify makes the certificate and the destination that names it.
func (c *Scenario) certify(leaf btp.Leaf) (string, error) {
	m, err := c.stand.BTP.Issue(leaf)
	if err != nil {
		return "", err
	}
	content, err := m.PEM()
	if err != nil {
		return "", err
	}
	c.Material = m
	c.stand.BTP.PutCertificate(btp.Instance, KeyStoreName, content)
	c.stand.BTP.PutDestination(btp.Instance, DestinationName, btp.ClientCertificate(KeyStoreName))
	return fmt.Sprintf("CN=%s in destination %s, until %s", CommonName, DestinationName, m.Chain[0].NotAfter.UTC().Format(time.DateOnly)), nil
}

// createFunction makes the function with its alias and its execution role, which may do nothing yet.
func (c *Scenario) createFunction(function Lambda) (err error) {
	cloud := c.stand.AWS
	if function.Path == "" && function.Handler == nil {
		function.Handler = func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
	}
	if function.Role, err = cloud.CreateExecutionRole(functionRole); err != nil {
		return err
	}
	if c.FunctionARN, err = cloud.CreateFunction(name, function); err != nil {
		return err
	}
	_, err = cloud.CreateAlias(c.FunctionARN, alias, "$LATEST")
	return err
}

// createStack makes all of the template that we ship.
func (c *Scenario) createStack() (err error) {
	if c.deployment, err = c.stand.AWS.LoadTemplate(bytes.NewReader(deploy.Template), c.parameters()); err != nil {
		return err
	}
	c.setRoles()
	out := c.deployment.Outputs
	c.TrustAnchorARN, c.ProfileARN, c.TopicARN = out["TrustAnchorArn"], out["ProfileArn"], out["TopicArn"]
	// The outputs are what settings take; these two are named by the same name in the same account and region.
	c.QueueARN = strings.Replace(c.TopicARN, ":sns:", ":sqs:", 1)
	c.TableARN = strings.Replace(strings.Replace(c.TopicARN, ":sns:", ":dynamodb:", 1), ":"+name, ":table/"+out["TableName"], 1)
	return nil
}

// parameters are those of the template.
func (c *Scenario) parameters() map[string]string {
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.stand.pki.Root().Raw})
	return map[string]string{
		"Name": name, "TrustAnchorCertificate": string(root), "SubjectLocality": c.stand.BTP.L(), "IssuerCommonNames": c.Material.Chain[1].Subject.CommonName,
		"PublishSnsCommonName": CommonName, "StoreDynamodbCommonName": CommonName, "InvokeLambdaCommonName": CommonName,
		"FunctionName": name, "FunctionAlias": alias, "FunctionRoleName": functionRole,
	}
}

func (c *Scenario) setRoles() {
	roles := c.deployment.Roles
	c.RoleARN, c.StoreRoleARN, c.InvokeRoleARN = roles["PublishSnsRole"], roles["StoreDynamodbRole"], roles["InvokeLambdaRole"]
}

// Deploy makes the roles and policies of a template in place of those that are there, with the parameters of this scenario. The
// template has the parameters, the other resources and the names of roles of deploy/aws/template.yaml, so that all ARNs and the
// profile stay. After an error there are no roles.
func (c *Scenario) Deploy(template []byte) (err error) {
	c.deployment, err = c.stand.AWS.ReplacePolicies(c.deployment, bytes.NewReader(template), c.parameters())
	c.setRoles()
	return err
}

// TrustPolicy admits certificates of the anchor with that locality, our common name and the present issuer, and no others.
func (c *Scenario) TrustPolicy(l string) string {
	issuer := c.Material.Chain[1].Subject.CommonName
	return document(map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": "rolesanywhere.amazonaws.com"},
		"Action": []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"},
		"Condition": map[string]any{
			"ArnEquals": map[string]any{"aws:SourceArn": c.TrustAnchorARN},
			"StringEquals": map[string]any{
				"aws:PrincipalTag/x509Subject/L": l, "aws:PrincipalTag/x509Subject/CN": CommonName, "aws:PrincipalTag/x509Issuer/CN": issuer,
			},
		},
	})
}

// Functions are the names of the functions.
func Functions() []string { return []string{"publish-sns", "store-dynamodb", "invoke-lambda"} }

// Role is the ARN of a function's role.
func (c *Scenario) Role(function string) string {
	return map[string]string{"publish-sns": c.RoleARN, "store-dynamodb": c.StoreRoleARN, "invoke-lambda": c.InvokeRoleARN}[function]
}

// Forbid takes the one permission away that a function's role has.
func (c *Scenario) Forbid(function string) error {
	policy, _ := c.policy(function)
	return c.stand.AWS.DeleteRolePolicy(c.Role(function), policy)
}

// Permit gives it back.
func (c *Scenario) Permit(function string) error {
	policy, document := c.policy(function)
	return c.stand.AWS.PutRolePolicy(c.Role(function), policy, document)
}

// policy is the name and the text of a role's policy, as the template has them.
func (c *Scenario) policy(function string) (policy, text string) {
	allow := func(resource string, actions ...string) string {
		return document(map[string]any{"Effect": "Allow", "Action": actions, "Resource": resource})
	}
	switch function {
	case "store-dynamodb":
		return "store", allow(c.TableARN, "dynamodb:BatchWriteItem", "dynamodb:PutItem")
	case "invoke-lambda":
		return "invoke", allow(c.FunctionARN+":"+alias, "lambda:InvokeFunction")
	}
	return policyName, allow(c.TopicARN, "sns:Publish")
}

// RolePolicy allows one action on the topic.
func (c *Scenario) RolePolicy(action string) string {
	return document(map[string]any{"Effect": "Allow", "Action": action, "Resource": c.TopicARN})
}

// SetRolePolicy replaces what the role may do.
func (c *Scenario) SetRolePolicy(policy string) error {
	return c.stand.AWS.PutRolePolicy(c.RoleARN, policyName, policy)
}

// document is a policy with one statement.
func document(statement map[string]any) string {
	out, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
	if err != nil {
		panic(err) // maps and strings
	}
	return string(out)
}

// Environment is what a function is configured with for this scenario, as NAME=value. The CA certificate and the service
// key, which holds a secret, are written into folder.
func (c *Scenario) Environment(function, folder string) ([]string, error) {
	own := map[string][]string{
		"publish-sns":    {"ROLES_ANYWHERE_ROLE_ARN=" + c.RoleARN, "SNS_TOPIC_ARN=" + c.TopicARN},
		"store-dynamodb": {"ROLES_ANYWHERE_ROLE_ARN=" + c.StoreRoleARN, "DYNAMODB_TABLE=" + c.TableARN},
		"invoke-lambda":  {"ROLES_ANYWHERE_ROLE_ARN=" + c.InvokeRoleARN, "LAMBDA_FUNCTION=" + c.FunctionARN + ":" + alias},
	}[function]
	if own == nil {
		return nil, fmt.Errorf("no function is called %q", function)
	}
	ca, key := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "service-key.json")
	if err := os.WriteFile(ca, c.stand.CA(), 0o600); err != nil {
		return nil, err
	}
	if err := c.WriteServiceKey(folder); err != nil {
		return nil, err
	}
	return append([]string{
		"ADDRESS=127.0.0.1", "PORT=0", "AUTH=none", "DRAIN_DELAY=0s",
		"DESTINATION_NAME=" + DestinationName, "DESTINATION_SERVICE_KEY_PATH=" + key, "SSL_CERT_FILE=" + ca,
		"ROLES_ANYWHERE_TRUST_ANCHOR_ARN=" + c.TrustAnchorARN, "ROLES_ANYWHERE_PROFILE_ARN=" + c.ProfileARN,
		"AWS_ENDPOINT_URL=" + c.stand.AWSURL(), "AWS_CA_BUNDLE=" + ca,
	}, own...), nil
}

// QueueURL is where a subscriber receives.
func (c *Scenario) QueueURL() string {
	part := strings.Split(c.QueueARN, ":")
	return c.stand.AWSURL() + "/" + part[4] + "/" + part[5]
}

// WriteServiceKey writes the present service key into folder, as a rotation does.
func (c *Scenario) WriteServiceKey(folder string) error {
	return os.WriteFile(filepath.Join(folder, "service-key.json"), c.stand.BTP.ServiceKey(c.stand.BTPURL()), 0o600)
}
