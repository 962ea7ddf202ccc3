package deploy

import (
	"os"
	"strings"
	"testing"
)

const cloudFoundry = "../../deploy/cloudfoundry/manifest.yml"

// filledIn are the variables that README.md has the administrator collect.
func filledIn() map[string]string {
	return map[string]string{
		"webhook_origins": "mesh.example.com", "destination": "aws-orders",
		"TrustAnchorArn":    "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555",
		"ProfileArn":        "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/66666666-7777-8888-9999-000000000000",
		"PublishSnsRoleArn": "arn:aws:iam::111122223333:role/publish", "StoreDynamodbRoleArn": "arn:aws:iam::111122223333:role/store",
		"InvokeLambdaRoleArn": "arn:aws:iam::111122223333:role/invoke", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:orders",
		"TableName": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders", "FunctionArn": "arn:aws:lambda:eu-central-1:111122223333:function:orders:live",
	}
}

func manifest(t *testing.T) *Manifest {
	t.Helper()
	text, err := os.ReadFile(cloudFoundry)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadCloudFoundry(text, filledIn())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCloudFoundryManifest(t *testing.T) {
	for _, problem := range manifest(t).Problems(theFacts(t)) {
		t.Error(problem)
	}
}

func TestBrokenCloudFoundryManifest(t *testing.T) {
	f := theFacts(t)
	text, err := os.ReadFile(cloudFoundry)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]struct{ old, new, want string }{
		"a misspelt attribute":           {"health-check-http-endpoint:", "health-check-endpoint:", "not found in type"},
		"a misspelt parameter":           {"key-length:", "keyLength:", "not found in type"},
		"a variable that nobody makes":   {"((TopicArn))", "((TopicARN))", "no variable TopicARN"},
		"a health check of an event":     {"endpoint: /healthz", "endpoint: /", "health check http /, want"},
		"a health check of the port":     {"health-check-type: http", "health-check-type: port", "health check port"},
		"a shell before the program":     {"exec ./publish-sns", "./publish-sns", "would not get SIGTERM"},
		"another function's program":     {"bin/cloudfoundry/publish-sns", "bin/cloudfoundry/invoke-lambda", "is not where README.md builds it"},
		"the grace of Kubernetes":        {"GRACE: 10s", "GRACE: 30s", "is not the 10s that Cloud Foundry gives"},
		"a delay that eats the grace":    {"DRAIN_DELAY: 2s", "DRAIN_DELAY: 7s", "DRAIN_DELAY 7s"},
		"no delay":                       {"DRAIN_DELAY: 2s", "DRAIN_DELAY: 0s", "DRAIN_DELAY 0s"},
		"a route without a password":     {"AUTH: basic", "AUTH: none", "open to the world"},
		"users that are not pushed":      {"/home/vcap/app/users", "/etc/users", "open to the world"},
		"too little memory":              {"memory: 256M", "memory: 64M", "memory \"64M\""},
		"memory without a unit":          {"memory: 256M", "memory: 256", "memory \"256\""},
		"one instance":                   {"instances: 2", "instances: 1", "less than two instances"},
		"a misspelt variable":            {"    REQUEST_TIMEOUT:", "    REQUEST_TIME:", "REQUEST_TIME is not a setting"},
		"another function's variable":    {"SNS_TOPIC_ARN:", "DYNAMODB_TABLE:", "DYNAMODB_TABLE is not a setting"},
		"a port that is not ours to set": {"    REQUEST_TIMEOUT:", "    PORT: \"8080\"\n    REQUEST_TIMEOUT:", "Cloud Foundry's to set"},
		"a certificate of three months":  {"validity: 30", "validity: 90", "validity 90"},
		"another service":                {"- name: trustbridge-destination", "- name: destination", "services are not"},
		"an app that is none of ours":    {"- name: publish-sns", "- name: publish", "is not where README.md builds it"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			broken := strings.Replace(string(text), b.old, b.new, 1)
			if broken == string(text) {
				t.Fatalf("the manifest has no %q", b.old)
			}
			var problems []string
			if m, err := ReadCloudFoundry([]byte(broken), filledIn()); err != nil {
				problems = []string{err.Error()}
			} else {
				problems = m.Problems(f)
			}
			// What all apps have in common is wrong in all of them.
			if len(problems) == 0 || !strings.Contains(problems[0], b.want) {
				t.Errorf("%q, want a problem with %q", problems, b.want)
			}
		})
	}
}
