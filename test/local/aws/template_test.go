package aws

import (
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// TestDeployedRoles: each role can do what it is for, for either issuer, and nothing of the others' work; and a neighbour's
// certificate, from the same authority and with the same name, is refused.
func TestDeployedRoles(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		d := l.load(t, deployed(t), parameters(l.root.Cert))
		for _, f := range functionsDeployed() {
			if arn := "arn:aws:iam::111122223333:role/trustbridge/" + f.role; d.Outputs[f.output] != arn || d.Roles[f.role] != arn {
				t.Errorf("%s: role %s, output %s, want %s", f.name, d.Roles[f.role], d.Outputs[f.output], arn)
			}
			for _, issuer := range []string{issuerCN, "SAP Cloud Platform Client CA"} {
				leaf, issuing := l.subject(locality, f.cn, issuer)
				for _, other := range functionsDeployed() {
					for action, do := range other.calls {
						if err := do(t, l, l.signIn(d.Outputs, f.output, leaf, issuing)); (err == nil) != (other.name == f.name) {
							t.Errorf("%s as %s, certificate from %s = %v", action, f.name, issuer, err)
						}
					}
				}
				neighbour := issuing.Leaf(f.cn, func(c *x509.Certificate) { c.Subject.Locality = []string{otherPlace} })
				if r := l.send(t, l.signIn(d.Outputs, f.output, neighbour, issuing)); r.status != 403 || !strings.HasPrefix(r.text, "Unable to assume role") {
					t.Errorf("%s: a neighbour's certificate = %d %s, want it refused", f.name, r.status, r.text)
				}
			}
		}
	})
}

// TestDeployedTargets: the queue hands on what is not taken, and what else the template says of the targets is so.
func TestDeployedTargets(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		given := parameters(l.root.Cert)
		given["AlarmEmail"], given["TableSortKey"] = "ops@example.com", "sk"
		d := l.load(t, deployed(t), given)
		queue, dead := stackARN("sqs", stack), stackARN("sqs", stack+"-dead-letters")
		if _, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: new(d.Outputs["TopicArn"]), Message: new("poison"), MessageAttributes: attributes("a", "v")}); err != nil {
			t.Fatal(err)
		}
		l.arrived(t, queue, 1)
		for range 6 {
			if _, err := l.sqs(l.Seed()).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: new(d.Outputs["QueueUrl"])}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(31 * time.Second)
		}
		if m := l.arrived(t, dead, 1)[0]; m.Body != "poison" || m.Attributes["a"].Value != "v" {
			t.Errorf("after five receives the dead letters have %+v, want the message", m)
		}
		table, err := l.tables.Describe(d.Outputs["TableName"], l.now())
		if err != nil || table.Schema.Hash != (Key{Name: "pk", Type: "S"}) || table.Schema.Range != (Key{Name: "sk", Type: "S"}) || table.TTL != "expires_at" || !table.Recovery || !table.Active {
			t.Errorf("table = %+v, %v", table, err)
		}
		if want := []string{stack + "-certificate-expiry", stack + "-dead-letters", stack + "-failed-invocations", stack + "-refused-sessions"}; !slices.Equal(l.Alarms(), want) {
			t.Errorf("Alarms() = %v, want %v", l.Alarms(), want)
		}
		// What took its whole time in the queue must have time left as a dead letter, for it keeps the time at which it was sent.
		if there, then := l.queues[queue].attributes()["MessageRetentionPeriod"], l.queues[dead].attributes()["MessageRetentionPeriod"]; there != "604800" || then != "1209600" {
			t.Errorf("a message stays for %s s and %s s, want 7 days in the queue and 14 among the dead letters", there, then)
		}
		if d.Outputs["FunctionArn"] != worker+":live" || d.Outputs["QueueUrl"] != "https://sqs.eu-central-1.amazonaws.com/111122223333/"+stack {
			t.Errorf("outputs = %v", d.Outputs)
		}
	})
}

// TestUndelivered: what a topic may not or cannot send to a queue goes to the dead letters, whole; without them it is lost.
func TestUndelivered(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		l.load(t, deployed(t), parameters(l.root.Cert))
		topic, queue, dead := stackARN("sns", stack), stackARN("sqs", stack), stackARN("sqs", stack+"-dead-letters")
		publish := func(topic string) {
			if _, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: new("x"), MessageAttributes: attributes("a", "v")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		set := func(policy string) {
			if _, err := l.sqs(l.Seed()).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: l.url(queue), Attributes: map[string]string{"Policy": policy}}); err != nil {
				t.Fatal(err)
			}
		}
		set("")
		publish(topic)
		if m := l.Messages(dead); len(m) != 1 || m[0].Body != "x" || m[0].Attributes["a"].Value != "v" || l.MessageCount(queue) != 0 {
			t.Errorf("without a policy the dead letters have %+v, want the message", m)
		}
		set(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"SQS:Send*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}}`)
		publish(topic)
		if l.MessageCount(dead) != 1 || l.MessageCount(queue) != 1 {
			t.Errorf("with another policy %d and %d arrived, want one in the queue", l.MessageCount(queue), l.MessageCount(dead))
		}
		// Over the API a subscription needs the queue's policy; the method Subscribe is as the console and lets the topic in.
		other := must(l.CreateTopic("other"))(t)
		own := must(l.CreateQueue("own"))(t)
		out, err := l.sns(l.Seed()).Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &other, Protocol: new("sqs"), Endpoint: &own, ReturnSubscriptionArn: true})
		if err != nil {
			t.Fatal(err)
		}
		publish(other)
		if l.MessageCount(own) != 0 || l.Discarded(*out.SubscriptionArn) != 1 {
			t.Errorf("%d arrived, %d were discarded, want one discarded", l.MessageCount(own), l.Discarded(*out.SubscriptionArn))
		}
	})
}

// TestTrustAnchorRotation: while two roots are there, certificates of either sign in.
func TestTrustAnchorRotation(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		next := testpki.Root("next")
		given := parameters(l.root.Cert)
		given["SecondTrustAnchorCertificate"] = pemOf(next.Cert)
		d := l.load(t, deployed(t), given)
		for _, root := range []testpki.Authority{l.root, next, testpki.Root("third")} {
			l.root = root
			leaf, issuing := l.subject(locality, "trustbridge-publish-sns", issuerCN)
			if r := l.send(t, l.signIn(d.Outputs, "PublishSnsRoleArn", leaf, issuing)); (r.status == 201) != (root.Cert.Subject.CommonName != "third") {
				t.Errorf("a certificate under the root %s = %d %s", root.Cert.Subject.CommonName, r.status, r.text)
			}
		}
	})
}

// TestWithoutAFunction: without the name of a function nothing is made for invoke-lambda.
func TestWithoutAFunction(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		given := parameters(l.root.Cert)
		delete(given, "FunctionName")
		d := l.load(t, deployed(t), given)
		want := []string{"ProfileArn", "PublishSnsRoleArn", "QueueUrl", "StoreDynamodbRoleArn", "TableName", "TopicArn", "TrustAnchorArn"}
		if got := slices.Sorted(maps.Keys(d.Outputs)); !slices.Equal(got, want) || len(d.Roles) != 2 {
			t.Errorf("outputs %v, roles %v, want %v and two", got, d.Roles, want)
		}
	})
}

func TestLoadTemplateRefuses(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		text := deployed(t)
		before := l.picture(t, nil)
		for _, tt := range []struct{ old, changed, says string }{
			{"MaxSessionDuration: 3600\n", "MaxSessionDuration: 60\n", "not between 1h"},
			{"              StringEquals:\n", "              IpAddress:\n", `condition operator "IpAddress" is not evaluated`},
			{"                Action: lambda:InvokeFunction\n", "                Action: lambda\n", `action "lambda"`},
			{"aws:SourceArn: !GetAtt", "aws:SourceIp: !GetAtt", `condition key "aws:SourceIp" is not evaluated`},
			{"Path: /trustbridge/\n", "Path: /trust bridge/\n", "a name has 1 to 64"},
			{"Path: /trustbridge/\n", "Path: trustbridge/\n", "must begin and end with a slash"},
			{"      Path: /trustbridge/\n", "      Path: /trustbridge/\n      ManagedPolicyArns: [x]\n", `unknown field "ManagedPolicyArns"`},
			{"      Path: /trustbridge/\n", "      path: /trustbridge/\n", "only "},
			{"      TopicName: !Ref Name\n", "      TopicName: !Ref Name\n      KmsMasterKeyId: alias/aws/sns\n", `unknown field "KmsMasterKeyId"`},
			{"Service: sns.amazonaws.com", "Service: s3.amazonaws.com", `principal service "s3.amazonaws.com" is not evaluated`},
			{"Queues: [!Ref Queue]", "Queues: [!GetAtt Queue.Arn]", "does not exist"},
			{"maxReceiveCount: 5\n", "maxReceiveCount: 0\n", "maxReceiveCount must be"},
			{"deadLetterTargetArn: !GetAtt DeadLetterQueue.Arn\n\n", "deadLetterTargetArn: x\n\n", "must be the ARN of a queue"},
			{"MessageRetentionPeriod: 1209600\n", "MessageRetentionPeriod: 1209601\n", "MessageRetentionPeriod must be"},
			{"BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED", "BillingMode"},
			{"{AttributeName: pk, KeyType: HASH}", "{AttributeName: other, KeyType: HASH}", "KeySchema"},
			{"{AttributeName: pk, AttributeType: S}", "{AttributeName: pk, AttributeType: X}", "the type S, N or B"},
			{"Qualifier: !Ref FunctionAlias", "Qualifier: other", "doesn't exist"},
			{"Destination: !GetAtt FailedInvocationsQueue.Arn", "Destination: !GetAtt Queue.Arn", "does not have permissions"},
			{"Roles: [!Ref FunctionRoleName]", "Roles: [other]", `role "other" does not exist`},
			{"SourceType: CERTIFICATE_BUNDLE", "SourceType: AWS_ACM_PCA", "AWS_ACM_PCA"},
			{"Channel: ALL, Threshold: 2}", "Channel: ALL, Threshold: 0}", "1 to 360 days"},
			{"Event: CA_CERTIFICATE_EXPIRY", "Event: EXPIRY", "notification event"},
			{"DurationSeconds: 3600", "DurationSeconds: 60", "duration"},
			{"MetricName: DaysToExpiry", "MetricName: DaysLeft", "DaysLeft"},
			{"SUM(Failure)", "SUM(Refusals)", "Success or Failure"},
			{"ComparisonOperator: GreaterThanThreshold", "ComparisonOperator: More", "ComparisonOperator"},
			{"Period: 300,", "Period: 299,", "multiple of 60"},
			{"Value: !GetAtt TrustAnchor.TrustAnchorArn}\n      Statistic", "Value: x}\n      Statistic", "there is no trust anchor x"},
			{"Protocol: sqs", "Protocol: https", "sqs and email are"},
			{"Value: !GetAtt DeadLetterQueue.QueueName}", "Value: x}", "there is no queue x"}, {"MetricName: Approx", "MetricName: Exact", "ApproximateNumberOfMessagesVisible of AWS/SQS"},
			{"!If [HasFunctionRole, !Ref FunctionRolePolicy, '']", "x", "does not have permissions"},
		} {
			at := strings.LastIndex(text, tt.old)
			if at < 0 {
				t.Fatalf("%q is not in the template", tt.old)
			}
			_, err := l.LoadTemplate(strings.NewReader(text[:at]+tt.changed+text[at+len(tt.old):]), parameters(l.root.Cert))
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "load template: ") {
				t.Errorf("LoadTemplate with %q = %v, want an error that says %q", tt.changed, err, tt.says)
			}
		}
		for name, value := range map[string]string{
			"Name": "a b", "TrustAnchorCertificate": "x", "SecondTrustAnchorCertificate": "x", "FunctionName": worker, "SubjectLocality": "", "FunctionAlias": "*",
			"FunctionRoleName": "a/b", "TableTtlAttribute": "", "AlarmEmail": "ops",
		} {
			p := parameters(l.root.Cert)
			p[name] = value
			if _, err := l.LoadTemplate(strings.NewReader(text), p); err == nil || !strings.Contains(err.Error(), "parameter "+name) {
				t.Errorf("LoadTemplate with %s = %q: %v, want an error that names it", name, value, err)
			}
		}
		if diff := cmp.Diff(before, l.picture(t, nil)); diff != "" {
			t.Errorf("what is there after refusals (-before +after):\n%s", diff)
		}
		l.load(t, text, parameters(l.root.Cert))
		made := l.picture(t, nil)
		if _, err := l.LoadTemplate(strings.NewReader(text), parameters(l.root.Cert)); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("LoadTemplate again = %v, want an error that says that something exists", err)
		}
		if diff := cmp.Diff(made, l.picture(t, nil)); diff != "" {
			t.Errorf("what is there after the second time (-before +after):\n%s", diff)
		}
	})
}

// TestReplacePolicies: roles and policies are made anew, and all else stays as it is, with what is in it.
func TestReplacePolicies(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.works(t)
		text, given := deployed(t), parameters(l.root.Cert)
		d := l.load(t, text, given)
		whole := l.picture(t, nil)
		leaf, issuing := l.subject(locality, "trustbridge-publish-sns", issuerCN)
		publish := functionsDeployed()[0].calls["sns:Publish"]
		if err := publish(t, l, l.signIn(d.Outputs, "PublishSnsRoleArn", leaf, issuing)); err != nil {
			t.Fatal(err)
		}
		replace := func(old, changed string) error {
			var err error
			if strings.Count(text, old) == 0 {
				t.Fatalf("%q is not in the template", old)
			}
			d, err = l.ReplacePolicies(d, strings.NewReader(strings.Replace(text, old, changed, 1)), given)
			return err
		}
		outputs := d.Outputs
		if err := replace("Action: sns:Publish\n", "Action: sns:Subscribe\n"); err != nil {
			t.Fatal(err)
		}
		if err := publish(t, l, l.signIn(outputs, "PublishSnsRoleArn", leaf, issuing)); err == nil {
			t.Error("Publish without the permission = nil, want it denied")
		}
		for _, tt := range [][3]string{
			{"Action: sns:Publish\n", "Action: sns\n", `action "sns"`}, {"Threshold: 45}", "Threshold: 46}", "resource TrustAnchor: it differs"},
			{"  AlarmTopic:\n    Type: AWS::SNS::Topic\n    Condition: HasAlarmEmail\n", "  AlarmTopic:\n    Type: AWS::SNS::Topic\n", "resource AlarmTopic: it differs"},
			{"    Condition: HasFunction\n    Properties:\n      QueueName", "    Condition: HasSortKey\n    Properties:\n      QueueName", "not made under its condition"},
			{"Resources:\n", "Resource:\n", "is not read"}, {"    Type: AWS::SQS::Queue\n", "    Type: AWS::SQS::Queue\n    Condition: HasSortKey\n", "is not made"},
		} {
			if err := replace(tt[0], tt[1]); err == nil || !strings.Contains(err.Error(), tt[2]) || len(d.Roles) != 0 {
				t.Errorf("ReplacePolicies with %q = %v, roles %v, want an error that says %q", tt[1], err, d.Roles, tt[2])
			}
		}
		if err := replace("Resources:\n", "Resources:\n"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, l.picture(t, nil)); diff != "" || !maps.Equal(outputs, d.Outputs) || l.MessageCount(stackARN("sqs", stack)) != 2 {
			t.Errorf("outputs %v, %d messages, what is there (-before +after):\n%s", d.Outputs, l.MessageCount(stackARN("sqs", stack)), diff)
		}
	})
}
