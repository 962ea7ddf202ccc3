package aws

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// controlCall is a call of the control plane, as an AWS CLI makes it.
type controlCall struct{ service, method, path, target, contentType, body string }

// query is a call of the query protocol.
func query(service, version, action string, pairs ...string) controlCall {
	values := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return controlCall{service, http.MethodPost, "/", "", contentForm, values.Encode()}
}

// call signs and makes it, and returns status, code and body of the answer.
func (s *Server) call(t *testing.T, keys sdkaws.Credentials, region string, c controlCall) (int, string, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), c.method, endpoint+c.path, strings.NewReader(c.body))
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	if c.target != "" {
		r.Header.Set("X-Amz-Target", c.target)
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, hexSum([]byte(c.body)), c.service, region, time.Now()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	records := s.Requests()
	return w.Code, records[len(records)-1].Code, w.Body.String()
}

const emptyAlarm = `{"AlarmName":"a","EvaluationPeriods":1,"Threshold":0,"ComparisonOperator":"GreaterThanThreshold","Metrics":[{"Id":"a","Expression":"SELECT SUM(Failure) FROM \"AWS/RolesAnywhere\"","Period":300}]}`

// TestControlPlane: every operation by which create.sh sets things up answers as AWS does, to the seed key alone.
func TestControlPlane(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		source, err := json.Marshal(map[string]any{"sourceType": "CERTIFICATE_BUNDLE", "sourceData": map[string]string{"x509CertificateData": pemOf(l.root.Cert)}})
		if err != nil {
			t.Fatal(err)
		}
		rest := func(method, path, body string) controlCall {
			return controlCall{"rolesanywhere", method, path, "", contentJSON, body}
		}
		anchor, profile := "/trustanchor/"+l.stableID("trust-anchor", "new"), "/profile/"+l.stableID("profile", "new")
		iam := func(action string, pairs ...string) controlCall {
			return query("iam", iamVersion, action, append([]string{"RoleName", "new"}, pairs...)...)
		}
		sqs := func(action string, pairs ...string) controlCall {
			return query("sqs", sqsVersion, action, append([]string{"QueueUrl", endpoint + "/111122223333/new"}, pairs...)...)
		}
		must(l.CreateFunction("worker", FunctionOptions{Handler: fails}))(t)
		events := controlCall{"lambda", http.MethodPut, eventConfigPath + "worker" + eventConfigSuffix + "?Qualifier=%24LATEST", "", contentJSON, `{"DestinationConfig":{"OnFailure":{"Destination":"` + l.queueARN + `"}}}`}
		for _, tt := range []struct {
			name string
			controlCall
			status     int
			code, says string // says is in the answer
		}{
			{"make an anchor", rest("POST", "/trustanchors", `{"name":"new","enabled":true,"source":`+string(source)+`}`), 201, "", `"enabled":true`},
			{"make it again", rest("POST", "/trustanchors", `{"name":"new","enabled":true,"source":`+string(source)+`}`), 400, "ValidationException", "exists already"},
			{"see it", rest("GET", anchor, ""), 200, "", `"name":"new"`},
			{"change its certificates", rest("PATCH", anchor, `{"source":`+string(source)+`}`), 200, "", "BEGIN CERTIFICATE"},
			{"change its name", rest("PATCH", anchor, `{"name":"other"}`), 400, "ValidationException", "only the source"},
			{"set notifications", rest("PATCH", "/put-notifications-settings", `{"trustAnchorId":"`+l.stableID("trust-anchor", "new")+`","notificationSettings":[{"event":"CA_CERTIFICATE_EXPIRY","enabled":true,"threshold":3}]}`), 200, "", `"threshold":3`},
			{"set others", rest("PATCH", "/put-notifications-settings", `{"trustAnchorId":"x","notificationSettings":[]}`), 400, "ValidationException", "does not exist"},
			{"list anchors", rest("GET", "/trustanchors", ""), 200, "", `"trustAnchors":[`},
			{"a page of anchors", rest("GET", "/trustanchors?pageSize=1", ""), 400, "ValidationException", "pageSize"},
			{"no certificate", rest("POST", "/trustanchors", `{"name":"none","source":{"sourceType":"CERTIFICATE_BUNDLE","sourceData":{"x509CertificateData":"x"}}}`), 400, "ValidationException", "no PEM"},
			{"no source", rest("POST", "/trustanchors", `{"name":"none"}`), 400, "ValidationException", "source must be there"},
			{"another member", rest("POST", "/trustanchors", `{"colour":"red"}`), 400, "ValidationException", "colour"},
			{"delete it", rest("DELETE", anchor, ""), 200, "", `"name":"new"`},
			{"see it no more", rest("GET", anchor, ""), 404, "ResourceNotFoundException", "there is no trust anchor"},
			{"make a profile", rest("POST", "/profiles", `{"name":"new","enabled":true,"roleArns":["`+l.roleARN+`"],"durationSeconds":900}`), 201, "", `"durationSeconds":900`},
			{"change its duration", rest("PATCH", profile, `{"durationSeconds":3600}`), 200, "", `"durationSeconds":3600`},
			{"change its roles", rest("PATCH", profile, `{"roleArns":["x"]}`), 400, "ValidationException", "is not the ARN of a role"},
			{"see it so", rest("GET", profile, ""), 200, "", l.roleARN},
			{"list profiles", rest("GET", "/profiles", ""), 200, "", `"name":"new"`},
			{"delete the profile", rest("DELETE", profile, ""), 200, "", ""},
			{"delete it again", rest("DELETE", profile, ""), 404, "ResourceNotFoundException", "there is no profile"},
			{"a role that is not there", iam("GetRole"), 404, "NoSuchEntity", "The role with name new cannot be found."},
			{"make a role", iam("CreateRole", "Path", "/p/", "AssumeRolePolicyDocument", anyTrust, "MaxSessionDuration", "7200"), 200, "", "<Arn>arn:aws:iam::111122223333:role/p/new</Arn>"},
			{"make the role again", iam("CreateRole", "AssumeRolePolicyDocument", anyTrust), 409, "EntityAlreadyExists", "already exists"},
			{"see the role", iam("GetRole"), 200, "", "<MaxSessionDuration>7200</MaxSessionDuration>"},
			{"another trust policy", iam("UpdateAssumeRolePolicy", "PolicyDocument", "{}"), 400, "MalformedPolicyDocument", "Version"},
			{"the trust policy", iam("UpdateAssumeRolePolicy", "PolicyDocument", anyTrust), 200, "", ""},
			{"no policy", iam("GetRolePolicy", "PolicyName", "p"), 404, "NoSuchEntity", "cannot be found"},
			{"a policy", iam("PutRolePolicy", "PolicyName", "p", "PolicyDocument", publishAnywhere), 200, "", ""},
			{"see the policy", iam("GetRolePolicy", "PolicyName", "p"), 200, "", "sns%3APublish"},
			{"list policies", iam("ListRolePolicies"), 200, "", "<member>p</member>"},
			{"delete a role with a policy", iam("DeleteRole"), 400, "MalformedPolicyDocument", "has policies"},
			{"delete the policy", iam("DeleteRolePolicy", "PolicyName", "p"), 200, "", ""},
			{"delete the role", iam("DeleteRole"), 200, "", ""},
			{"another action of IAM", iam("CreateUser"), 400, "InvalidAction", "CreateUser"},
			{"another parameter of IAM", iam("CreateRole", "Tags.member.1.Key", "x"), 400, "ValidationError", "Tags"},
			{"no queue", sqs("GetQueueAttributes", "AttributeName.1", "All"), 400, "AWS.SimpleQueueService.NonExistentQueue", "does not exist"},
			{"make a queue", query("sqs", sqsVersion, "CreateQueue", "QueueName", "new", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "5"), 200, "", "<QueueUrl>http://aws.test/111122223333/new</QueueUrl>"},
			{"find the queue", query("sqs", sqsVersion, "GetQueueUrl", "QueueName", "new"), 200, "", "111122223333/new</QueueUrl>"},
			{"set an attribute", sqs("SetQueueAttributes", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "6"), 200, "", ""},
			{"see it in the queue", sqs("GetQueueAttributes", "AttributeName.1", "VisibilityTimeout"), 200, "", "<Name>VisibilityTimeout</Name><Value>6</Value>"},
			{"an attribute with a gap", sqs("SetQueueAttributes", "Attribute.2.Name", "VisibilityTimeout", "Attribute.2.Value", "6"), 400, "InvalidParameterValue", "count from 1"},
			{"a parameter that is not here", sqs("GetQueueAttributes", "Colour", "red"), 400, "InvalidParameterValue", "Colour"},
			{"send in the query protocol", sqs("SendMessage", "MessageBody", "x"), 400, "InvalidAction", "SendMessage"},
			{"delete the queue", sqs("DeleteQueue"), 200, "", ""},
			{"an alarm", controlCall{"monitoring", "POST", "/", cloudWatchTarget + "PutMetricAlarm", contentJSON10, emptyAlarm}, 200, "", "{}"},
			{"an alarm, as a form", query("monitoring", cloudWatchVersion, "PutMetricAlarm", "AlarmName", "b", "EvaluationPeriods", "1", "Threshold", "0.5", "ComparisonOperator", "GreaterThanThreshold", "Metrics.member.1.Id", "a",
				"Metrics.member.1.Expression", `SELECT SUM(Success) FROM "AWS/RolesAnywhere"`, "Metrics.member.1.Period", "60", "Metrics.member.1.ReturnData", "true", "AlarmActions.member.1", l.topic), 200, "", "PutMetricAlarmResponse"},
			{"an alarm to nobody", query("monitoring", cloudWatchVersion, "PutMetricAlarm", "AlarmName", "b", "EvaluationPeriods", "1", "Threshold", "0", "ComparisonOperator", "GreaterThanThreshold", "Metrics.member.1.Id", "a",
				"Metrics.member.1.Expression", `SELECT SUM(Success) FROM "AWS/RolesAnywhere"`, "Metrics.member.1.Period", "60", "AlarmActions.member.1", l.topic+"2"), 400, "ValidationError", "is no topic"},
			{"an alarm without anything", query("monitoring", cloudWatchVersion, "PutMetricAlarm", "AlarmName", "b"), 400, "ValidationError", "ComparisonOperator"},
			{"another member of an alarm", query("monitoring", cloudWatchVersion, "PutMetricAlarm", "Colour", "red"), 400, "ValidationError", "Colour"},
			{"another action of CloudWatch", query("monitoring", cloudWatchVersion, "DeleteAlarms"), 400, "InvalidAction", "only PutMetricAlarm"},
			{"no on-failure destination", controlCall{"lambda", "GET", events.path, "", "", ""}, 404, "ResourceNotFoundException", "doesn't have an EventInvokeConfig"},
			{"an update of none", controlCall{"lambda", "POST", events.path, "", contentJSON, events.body}, 404, "ResourceNotFoundException", "doesn't have an EventInvokeConfig"},
			{"on-failure destination", events, 200, "", l.queueARN},
			{"an update", controlCall{"lambda", "POST", events.path, "", contentJSON, events.body}, 200, "", l.queueARN},
			{"see the function", controlCall{"lambda", "GET", invocationPath + "worker" + configurationSuffix + "?Qualifier=%24LATEST", "", "", ""}, 200, "", `"FunctionName":"worker"`},
			{"see no alias of it", controlCall{"lambda", "GET", invocationPath + "worker" + configurationSuffix + "?Qualifier=live", "", "", ""}, 404, "ResourceNotFoundException", "Function not found"},
			{"of another function", controlCall{"lambda", "PUT", eventConfigPath + "other" + eventConfigSuffix, "", contentJSON, events.body}, 404, "ResourceNotFoundException", "doesn't exist"},
			{"of success", controlCall{"lambda", "PUT", events.path, "", contentJSON, `{"DestinationConfig":{"OnSuccess":{"Destination":"x"}}}`}, 400, "InvalidParameterValueException", "OnFailure and nothing else"},
			{"to no queue", controlCall{"lambda", "PUT", events.path, "", contentJSON, `{"DestinationConfig":{"OnFailure":{"Destination":"x"}}}`}, 400, "InvalidParameterValueException", "no standard queue"},
			{"see it", controlCall{"lambda", "GET", events.path, "", "", ""}, 200, "", l.queueARN},
			{"delete it", controlCall{"lambda", "DELETE", events.path, "", "", ""}, 404, "UnknownOperationException", "only GET, POST and PUT"},
			{"wrong version", query("iam", "2010-05-09", "GetRole", "RoleName", "new"), 400, "InvalidAction", "the version"},
			{"no form", controlCall{"iam", "POST", "/", "", contentJSON, "{}"}, 400, "InvalidAction", "content type"},
			{"another operation", rest("GET", "/subjects", ""), 404, "UnknownOperationException", "no such operation"},
		} {
			for _, region := range []string{"eu-central-1", iamRegion} {
				if (region == iamRegion) != (tt.service == "iam") {
					continue
				}
				status, code, body := l.call(t, l.Seed(), region, tt.controlCall)
				if status != tt.status || code != tt.code || !strings.Contains(body, tt.says) {
					t.Errorf("%s = %d %s %s, want %d %s with %q", tt.name, status, code, body, tt.status, tt.code, tt.says)
				}
			}
			// A role of ours may do nothing of the sort.
			if tt.status < 300 && tt.service != "sqs" {
				if status, code, body := l.call(t, l.credentials(t, l.ask()), "eu-central-1", tt.controlCall); status != 403 || !strings.HasPrefix(code, "AccessDenied") || !strings.Contains(body, "is not authorized to perform: ") {
					t.Errorf("%s as a role = %d %s %s, want it denied", tt.name, status, code, body)
				}
			}
		}
		if status, code, _ := l.call(t, l.Seed(), "eu-west-1", iam("GetRole")); status != 403 || code != "SignatureDoesNotMatch" {
			t.Errorf("IAM signed for another region = %d %s", status, code)
		}
		if status, code, _ := l.call(t, l.Seed(), iamRegion, sqs("GetQueueUrl", "QueueName", "orders")); status != 400 || code != "InvalidSignatureException" {
			t.Errorf("SQS signed for another region = %d %s", status, code)
		}
	})
}

// TestRecoveryCall: recovery to a point in time is turned on over DynamoDB's own protocol.
func TestRecoveryCall(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		must(l.CreateTable("events", Key{Name: "pk", Type: "S"}))(t)
		c := controlCall{"dynamodb", "POST", "/", dynamoTarget + "UpdateContinuousBackups", contentJSON10, `{"TableName":"events","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`}
		if status, _, body := l.call(t, l.Seed(), "eu-central-1", c); status != 200 || !strings.Contains(body, `"PointInTimeRecoveryStatus":"ENABLED"`) {
			t.Errorf("UpdateContinuousBackups = %d %s", status, body)
		}
		for body, code := range map[string]string{
			`{"TableName":"events","PointInTimeRecoverySpecification":{"RecoveryPeriodInDays":3}}`:         "SerializationException",
			`{"TableName":"other","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`: "ResourceNotFoundException",
		} {
			c.body = body
			if status, got, _ := l.call(t, l.Seed(), "eu-central-1", c); status != 400 || got != code {
				t.Errorf("UpdateContinuousBackups of %s = %d %s, want 400 %s", body, status, got, code)
			}
		}
	})
}

// TestExecutionRole: a function's own role decides what reaches its destination, also later.
func TestExecutionRole(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		role := must(l.CreateExecutionRole("p/function"))(t)
		dead := must(l.CreateQueue("dead"))(t)
		arn := must(l.CreateFunction("orders", FunctionOptions{Role: role, Handler: fails}))(t)
		if err := l.SetOnFailure(arn, latestVersion, dead); err == nil || !strings.Contains(err.Error(), "does not have permissions to call SendMessage") {
			t.Errorf("SetOnFailure without the permission = %v, want a refusal", err)
		}
		if err := l.PutRolePolicy(role, "send", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"`+dead+`"}}`); err != nil {
			t.Fatal(err)
		}
		if err := l.SetOnFailure(arn, latestVersion, dead); err != nil {
			t.Fatal(err)
		}
		l.event(t, arn, `1`)
		time.Sleep(10 * time.Minute)
		if n := l.MessageCount(dead); n != 1 {
			t.Errorf("%d records in the destination, want one", n)
		}
		if err := l.DeleteRolePolicy(role, "send"); err != nil {
			t.Fatal(err)
		}
		l.event(t, arn, `2`)
		time.Sleep(10 * time.Minute)
		if n := l.MessageCount(dead); n != 1 {
			t.Errorf("%d records in the destination after the permission went, want one", n)
		}
		for _, name := range []string{"function", "q/function", "no name"} {
			if _, err := l.CreateExecutionRole(name); err == nil {
				t.Errorf("CreateExecutionRole(%q) = nil, want an error: it is there, or no name", name)
			}
		}
		if _, err := l.CreateFunction("other", FunctionOptions{Role: role + "2", Handler: fails}); err == nil || !strings.Contains(err.Error(), "Role does not exist") {
			t.Errorf("CreateFunction with a role that is not there = %v", err)
		}
		leaf, issuing := l.leaf, l.issuing
		if r := l.send(t, l.signIn(map[string]string{"TrustAnchorArn": l.anchorARN, "ProfileArn": must(l.CreateProfile("all", ProfileOptions{Roles: []string{role}}))(t), "role": role}, "role", leaf, issuing)); r.status != 403 {
			t.Errorf("CreateSession of a function's role = %d, want it refused", r.status)
		}
	})
}
