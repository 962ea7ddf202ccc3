package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	alias           = "live"
)

// Scenario is the one-time set-up of the reference architecture, as it was applied to a stand: a trust anchor of BTP's root;
// the roles of deploy/aws/template.yaml, which this certificate alone may have; a profile that joins them; a destination with
// the certificate; and the targets: a topic with a subscribed queue, a table, and a Lambda function.
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

	stand *Stand
	roles map[string]string // :: name in the template → ARN
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
	for _, step := range []struct {
		what string
		do   func() (string, error)
	}{
		{"certificate", func() (string, error) { return c.certify(leaf) }},
		{"trust anchor", func() (result string, err error) {
			c.TrustAnchorARN, err = s.AWS.CreateTrustAnchor("btp", s.pki.Root())
			return "of the CA behind that certificate: " + s.pki.Root().Subject.CommonName, err
		}},
		{"targets", func() (string, error) { return c.createTargets(function) }},
		{"IAM roles", c.createRoles},
		{"profile", func() (result string, err error) {
			c.ProfileARN, err = s.AWS.CreateProfile("trustbridge", aws.ProfileOptions{Roles: []string{c.RoleARN, c.StoreRoleARN, c.InvokeRoleARN}})
			return "trustbridge, joins the anchor and those roles", err
		}},
	} {
		start := time.Now()
		result, err := step.do()
		if err != nil {
			return nil, fmt.Errorf("set up the %s: %w", step.what, err)
		}
		c.Steps = append(c.Steps, Step{step.what, result, time.Since(start)})
	}
	return c, nil
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

// createTargets makes the topic, with a queue that is subscribed with raw delivery so that attributes arrive as attributes;
// the table; and the function with its alias.
func (c *Scenario) createTargets(function Lambda) (result string, err error) {
	cloud := c.stand.AWS
	if c.TopicARN, err = cloud.CreateTopic("orders"); err != nil {
		return "", err
	}
	if c.QueueARN, err = cloud.CreateQueue("orders"); err != nil {
		return "", err
	}
	if _, err = cloud.Subscribe(c.TopicARN, c.QueueARN, true); err != nil {
		return "", err
	}
	if c.TableARN, err = cloud.CreateTable("orders", aws.Key{Name: "pk", Type: "S"}); err != nil {
		return "", err
	}
	if function.Path == "" && function.Handler == nil {
		function.Handler = func(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
	}
	if c.FunctionARN, err = cloud.CreateFunction("orders", function); err != nil {
		return "", err
	}
	_, err = cloud.CreateAlias(c.FunctionARN, alias, "$LATEST")
	return "topic with a subscribed SQS queue, table, Lambda function: orders", err
}

// createRoles makes the roles of the template that we ship.
func (c *Scenario) createRoles() (result string, err error) {
	return "from deploy/aws/template.yaml, for that certificate alone", c.Deploy(deploy.Template)
}

// Deploy makes the roles of a template in place of those that are there, with the parameters of this scenario. The template
// has the parameters and the names of roles of deploy/aws/template.yaml, so that the roles' ARNs and the profile stay. After
// an error there are no roles.
func (c *Scenario) Deploy(template []byte) error {
	for _, arn := range c.roles {
		if err := c.stand.AWS.DeleteRole(arn); err != nil {
			return err
		}
	}
	d, err := c.stand.AWS.LoadTemplate(bytes.NewReader(template), map[string]string{
		"TrustAnchorArn": c.TrustAnchorARN, "SubjectLocality": c.stand.BTP.L(), "IssuerCommonNames": c.Material.Chain[1].Subject.CommonName,
		"PublishSnsCommonName": CommonName, "StoreDynamodbCommonName": CommonName, "InvokeLambdaCommonName": CommonName,
		"TopicArn": c.TopicARN, "TableArn": c.TableARN, "FunctionArn": c.FunctionARN, "FunctionAlias": alias,
	})
	c.roles = d.Roles
	c.RoleARN, c.StoreRoleARN, c.InvokeRoleARN = c.roles["PublishSnsRole"], c.roles["StoreDynamodbRole"], c.roles["InvokeLambdaRole"]
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
	name, _ := c.policy(function)
	return c.stand.AWS.DeleteRolePolicy(c.Role(function), name)
}

// Permit gives it back.
func (c *Scenario) Permit(function string) error {
	name, document := c.policy(function)
	return c.stand.AWS.PutRolePolicy(c.Role(function), name, document)
}

// policy is the name and the text of a role's policy, as the template has them.
func (c *Scenario) policy(function string) (name, text string) {
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
