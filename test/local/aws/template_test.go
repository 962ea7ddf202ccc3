package aws

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

const (
	locality = "destination-configuration.cfapps.eu10.hana.ondemand.com/11111111-2222-3333-4444-555555555555"
	issuerCN = "SAP PKI Certificate Service Client CA"
	worker   = "arn:aws:lambda:eu-central-1:111122223333:function:worker"
)

// deployed is the template that we ship.
func deployed(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../deploy/aws/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parameters are those of the template, for the lab's resources.
func (l *lab) parameters() map[string]string {
	return map[string]string{
		"TrustAnchorArn": l.anchorARN, "SubjectLocality": locality, "TopicArn": l.topic, "FunctionArn": worker,
		"TableArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/events",
	}
}

// subject is a certificate as SAP issues them.
func (l *lab) subject(l4, cn, issuer string) (leaf, issuing testpki.Authority) {
	issuing = l.root.Intermediate(issuer)
	return issuing.Leaf(cn, func(c *x509.Certificate) { c.Subject.Locality = []string{l4} }), issuing
}

// askFor asks for a session of a role with a certificate.
func (l *lab) askFor(t *testing.T, role string, leaf, issuing testpki.Authority) ask {
	t.Helper()
	if err := l.UpdateProfile(l.profileARN, ProfileOptions{Roles: []string{role}}); err != nil {
		t.Fatal(err)
	}
	a := l.ask()
	a.leaf, a.chain, a.members["roleArn"] = leaf, []*x509.Certificate{issuing.Cert}, role
	return a
}

// deployedCalls are what each role is for. Each answers "" if the call was allowed, else the error's text.
func (l *lab) deployedCalls(t *testing.T) map[string]struct {
	role, cn, output string
	calls            map[string]func(a ask) string
} {
	verdict := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	type role = struct {
		role, cn, output string
		calls            map[string]func(a ask) string
	}
	return map[string]role{
		"publish-sns": {"PublishSnsRole", "trustbridge-publish-sns", "PublishSnsRoleArn", map[string]func(ask) string{
			"sns:Publish": func(a ask) string {
				_, err := l.sns(l.credentials(t, a)).PublishBatch(t.Context(), batch(l, "a"))
				return verdict(err)
			},
		}},
		"store-dynamodb": {"StoreDynamodbRole", "trustbridge-store-dynamodb", "StoreDynamodbRoleArn", map[string]func(ask) string{
			"dynamodb:PutItem": func(a ask) string {
				_, err := l.dynamo(l.credentials(t, a)).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("events"), Item: row("a", "1")})
				return verdict(err)
			},
			"dynamodb:BatchWriteItem": func(a ask) string {
				_, err := l.dynamo(l.credentials(t, a)).BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
					"events": {{PutRequest: &types.PutRequest{Item: row("b", "1")}}},
				}})
				return verdict(err)
			},
		}},
		"invoke-lambda": {"InvokeLambdaRole", "trustbridge-invoke-lambda", "InvokeLambdaRoleArn", map[string]func(ask) string{
			"lambda:InvokeFunction": func(a ask) string { return l.mayDo(t, a, "lambda:InvokeFunction", worker+":live") },
		}},
	}
}

// mayDo asks the evaluator itself whether a session may do an action.
func (l *lab) mayDo(t *testing.T, a ask, action, resource string) string {
	t.Helper()
	keys := l.credentials(t, a)
	c := &call{Request: httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", http.NoBody), service: "lambda"}
	if c.identity = l.keys.identity(keys.AccessKeyID); c.identity == nil {
		t.Fatal("the session is not known")
	}
	if r := l.authorize(c, action, resource); r != nil {
		return r.text
	}
	return ""
}

// TestDeployedRoles: each role can do what it is for, and neither of the others' work.
func TestDeployedRoles(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		l.events(t)
		d, err := l.LoadTemplate(strings.NewReader(deployed(t)), l.parameters())
		if err != nil {
			t.Fatal(err)
		}
		roles := l.deployedCalls(t)
		for name, r := range roles {
			arn := d.Roles[r.role]
			if d.Outputs[r.output] != arn || arn != "arn:aws:iam::111122223333:role/trustbridge/"+r.role {
				t.Errorf("%s: role %s, output %s", name, arn, d.Outputs[r.output])
			}
			for _, issuer := range []string{issuerCN, "SAP Cloud Platform Client CA"} {
				leaf, issuing := l.subject(locality, r.cn, issuer)
				a := l.askFor(t, arn, leaf, issuing)
				for other, o := range roles {
					for action, do := range o.calls {
						if text := do(a); (text == "") != (other == name) {
							t.Errorf("%s as %s, certificate from %s = %q", action, name, issuer, text)
						}
					}
				}
			}
		}
		leaf, issuing := l.subject(locality, "trustbridge-invoke-lambda", issuerCN)
		a := l.askFor(t, d.Roles["InvokeLambdaRole"], leaf, issuing)
		for _, resource := range []string{worker, worker + ":1", worker + ":live2", strings.Replace(worker, "worker", "other", 1) + ":live"} {
			if text := l.mayDo(t, a, "lambda:InvokeFunction", resource); text == "" {
				t.Errorf("lambda:InvokeFunction on %s is allowed, want only the alias", resource)
			}
		}
	})
}

// TestDeployedPoliciesAreLeast: with an action or a resource taken away, what the role is for is denied.
func TestDeployedPoliciesAreLeast(t *testing.T) {
	for _, tt := range []struct{ name, role, action, old, changed string }{
		{"publish", "publish-sns", "sns:Publish", "Action: sns:Publish", "Action: sns:Subscribe"},
		{"batch", "store-dynamodb", "dynamodb:BatchWriteItem", "- dynamodb:BatchWriteItem\n", "- dynamodb:GetItem\n"},
		{"put", "store-dynamodb", "dynamodb:PutItem", "- dynamodb:PutItem\n", "- dynamodb:GetItem\n"},
		{"invoke", "invoke-lambda", "lambda:InvokeFunction", "Action: lambda:InvokeFunction", "Action: lambda:GetFunction"},
		{"topic", "publish-sns", "sns:Publish", "Resource: !Ref TopicArn", "Resource: !Sub '${TopicArn}2'"},
		{"table, for batches", "store-dynamodb", "dynamodb:BatchWriteItem", "Resource: !Ref TableArn", "Resource: !Sub '${TableArn}2'"},
		{"table, for puts", "store-dynamodb", "dynamodb:PutItem", "Resource: !Ref TableArn", "Resource: !Sub '${TableArn}/index/*'"},
		{"alias", "invoke-lambda", "lambda:InvokeFunction", "'${FunctionArn}:${FunctionAlias}'", "'${FunctionArn}'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				l.events(t)
				text := deployed(t)
				if strings.Count(text, tt.old) != 1 {
					t.Fatalf("%q is in the template %d times, want once", tt.old, strings.Count(text, tt.old))
				}
				d, err := l.LoadTemplate(strings.NewReader(strings.Replace(text, tt.old, tt.changed, 1)), l.parameters())
				if err != nil {
					t.Fatal(err)
				}
				r := l.deployedCalls(t)[tt.role]
				leaf, issuing := l.subject(locality, r.cn, issuerCN)
				got := r.calls[tt.action](l.askFor(t, d.Roles[r.role], leaf, issuing))
				if !strings.Contains(got, "is not authorized to perform: ") || !strings.Contains(got, "because no identity-based policy allows") {
					t.Errorf("%s = %q, want it denied", tt.action, got)
				}
			})
		})
	}
}

// TestDeployedTrust: each pin of each role keeps a certificate out that differs in it alone, and that certificate comes in once
// the pin is taken away; so none of them is for show. Without one of the three actions nobody comes in.
func TestDeployedTrust(t *testing.T) {
	const (
		anchor   = "              ArnEquals:\n                aws:SourceArn: !Ref TrustAnchorArn\n"
		local    = "                aws:PrincipalTag/x509Subject/L: !Ref SubjectLocality\n"
		issuer   = "                aws:PrincipalTag/x509Issuer/CN: !Ref IssuerCommonNames\n"
		otherL   = "destination-configuration.cfapps.eu10.hana.ondemand.com/99999999-2222-3333-4444-555555555555"
		noAccess = "Access denied"
	)
	for _, role := range []struct{ id, cn, parameter string }{
		{"PublishSnsRole", "trustbridge-publish-sns", "PublishSnsCommonName"}, {"StoreDynamodbRole", "trustbridge-store-dynamodb", "StoreDynamodbCommonName"}, {"InvokeLambdaRole", "trustbridge-invoke-lambda", "InvokeLambdaCommonName"},
	} {
		for _, tt := range []struct {
			name, pin    string
			l, cn, under string
			otherAnchor  bool
		}{
			{"anchor", anchor, locality, role.cn, issuerCN, true},
			{"locality", local, otherL, role.cn, issuerCN, false},
			{"no locality", local, "", role.cn, issuerCN, false},
			{"common name", "                aws:PrincipalTag/x509Subject/CN: !Ref " + role.parameter + "\n", locality, role.cn + "2", issuerCN, false},
			{"issuer", issuer, locality, role.cn, "Another Client CA", false},
		} {
			t.Run(role.id+"/"+tt.name, func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, l *lab) {
					text, before := deployed(t), ""
					i := strings.Index(text, "  "+role.id+":\n    Type")
					j := strings.Index(text[max(i, 0):], tt.pin)
					if i < 0 || j < 0 {
						t.Fatalf("the template's %s has no %q", role.id, tt.pin)
					}
					before, rest := text[:i+j], text[i+j:]
					leaf, issuing := l.subject(tt.l, tt.cn, tt.under)
					if tt.l == "" {
						leaf = issuing.Leaf(tt.cn)
					}
					parameters := l.parameters()
					if tt.otherAnchor {
						parameters["TrustAnchorArn"] = otherARN
					}
					for _, pinned := range []bool{true, false} {
						if !pinned {
							text = before + strings.TrimPrefix(rest, tt.pin)
						}
						d, err := l.LoadTemplate(strings.NewReader(text), parameters)
						if err != nil {
							t.Fatal(err)
						}
						got := l.send(t, l.askFor(t, d.Roles[role.id], leaf, issuing))
						if came := got.status == http.StatusCreated; came == pinned {
							t.Errorf("CreateSession, pinned: %v = %d %s", pinned, got.status, got.text)
						}
						for _, arn := range d.Roles {
							if err := l.DeleteRole(arn); err != nil {
								t.Fatal(err)
							}
						}
					}
				})
			})
		}
		for _, action := range []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"} {
			t.Run(role.id+"/"+action, func(t *testing.T) {
				bubble(t, Config{}, func(t *testing.T, l *lab) {
					text := deployed(t)
					i := strings.Index(text, "  "+role.id+":\n    Type")
					text = text[:i] + strings.Replace(text[i:], "              - "+action+"\n", "", 1)
					d, err := l.LoadTemplate(strings.NewReader(text), l.parameters())
					if err != nil {
						t.Fatal(err)
					}
					leaf, issuing := l.subject(locality, role.cn, issuerCN)
					if got := l.send(t, l.askFor(t, d.Roles[role.id], leaf, issuing)); got.status != http.StatusForbidden {
						t.Errorf("CreateSession without %s = %d, want it refused", action, got.status)
					}
				})
			})
		}
	}
}

func TestLoadTemplateRefuses(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		text := deployed(t)
		for _, tt := range []struct{ old, changed, says string }{
			{"MaxSessionDuration: 3600\n", "MaxSessionDuration: 60\n", "not between 1h"},
			{"              StringEquals:\n", "              IpAddress:\n", `condition operator "IpAddress" is not evaluated`},
			{"                Action: lambda:InvokeFunction\n", "                Action: lambda\n", `action "lambda"`},
			{"aws:SourceArn:", "aws:SourceIp:", `condition key "aws:SourceIp" is not evaluated`},
			{"Path: /trustbridge/\n", "Path: /trust bridge/\n", "a name has 1 to 64"},
			{"      Path: /trustbridge/\n", "      Path: /trustbridge/\n      ManagedPolicyArns: [x]\n", `"ManagedPolicyArns" is not read`},
		} {
			at := strings.LastIndex(text, tt.old)
			if at < 0 {
				t.Fatalf("%q is not in the template", tt.old)
			}
			_, err := l.LoadTemplate(strings.NewReader(text[:at]+tt.changed+text[at+len(tt.old):]), l.parameters())
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "load template: ") {
				t.Errorf("LoadTemplate with %q = %v, want an error that says %q", tt.changed, err, tt.says)
			}
		}
		for name, value := range map[string]string{"TrustAnchorArn": "x", "TopicArn": l.topic + " ", "TableArn": "events", "FunctionArn": worker + ":live", "SubjectLocality": "", "FunctionAlias": "*"} {
			p := l.parameters()
			p[name] = value
			if _, err := l.LoadTemplate(strings.NewReader(text), p); err == nil || !strings.Contains(err.Error(), "parameter "+name) {
				t.Errorf("LoadTemplate with %s = %q: %v, want an error that names it", name, value, err)
			}
		}
		// Nothing was made by any of them, so that all of it can be made now, once.
		if _, err := l.LoadTemplate(strings.NewReader(text), l.parameters()); err != nil {
			t.Errorf("LoadTemplate = %v", err)
		}
		if _, err := l.LoadTemplate(strings.NewReader(text), l.parameters()); err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("LoadTemplate again = %v, want an error that says that a role exists", err)
		}
		if _, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("x")}); err != nil {
			t.Errorf("Publish = %v", err)
		}
	})
}
