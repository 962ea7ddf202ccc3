package aws

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func TestRolePolicies(t *testing.T) {
	const (
		who    = "User: arn:aws:sts::111122223333:assumed-role/Bridge/SERIAL is not authorized to perform: "
		topic  = "arn:aws:sns:eu-central-1:111122223333:orders"
		silent = who + "SNS:Publish on resource: " + topic + " because no identity-based policy allows the SNS:Publish action"
	)
	policy := func(statement string) string { return `{"Version":"2012-10-17","Statement":` + statement + `}` }
	for _, tt := range []struct {
		name, policy, boundary string
		text                   string // "" is allowed
	}{
		{"the topic", policy(`{"Effect":"Allow","Action":"sns:Publish","Resource":"` + topic + `"}`), "", ""},
		{"no policy", "", "", silent},
		{"another action", policy(`{"Effect":"Allow","Action":"sns:Subscribe","Resource":"*"}`), "", silent},
		{"another topic", policy(`{"Effect":"Allow","Action":"sns:Publish","Resource":"` + topic + `2"}`), "", silent},
		{"deny over allow", policy(`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sns:Publish","Resource":"*"}]`), "",
			who + "SNS:Publish on resource: " + topic + " with an explicit deny in an identity-based policy"},
		{"the certificate's subject", policy(`{"Effect":"Allow","Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge"}}}`), "", ""},
		{"another subject", policy(`{"Effect":"Allow","Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"other"}}}`), "", silent},
		{"a tag that is not there", policy(`{"Effect":"Allow","Action":"sns:Publish","Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/x509Subject/OU":"*"}}}`), "", silent},
		{"session policy allows", publishAnywhere, publishAnywhere, ""},
		{"session policy is silent", publishAnywhere, policy(`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`),
			who + "SNS:Publish on resource: " + topic + " because no session policy allows the SNS:Publish action"},
		{"session policy denies", publishAnywhere, policy(`{"Effect":"Deny","Action":"*","Resource":"*"}`),
			who + "SNS:Publish on resource: " + topic + " with an explicit deny in a session policy"},
		{"session policy alone", "", publishAnywhere, silent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				if err := l.DeleteRolePolicy(l.roleARN, "publish"); err != nil {
					t.Fatal(err)
				}
				if tt.policy != "" {
					if err := l.PutRolePolicy(l.roleARN, "p", tt.policy); err != nil {
						t.Fatal(err)
					}
				}
				if tt.boundary != "" {
					profileWith(func(o *ProfileOptions) { o.SessionPolicy = tt.boundary })(t, l, nil)
				}
				client := l.sns(l.credentials(t, l.ask()))
				_, single := client.Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("x")})
				_, several := client.PublishBatch(t.Context(), batch(l, "a"))
				for _, err := range []error{single, several} {
					switch {
					case tt.text != "":
						refused(t, err, "AuthorizationError", strings.Replace(tt.text, "SERIAL", l.leaf.Cert.SerialNumber.Text(16), 1))
					case err != nil:
						t.Errorf("publish = %v, want it allowed", err)
					}
				}
			})
		})
	}
}

func TestQueuePermissions(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, url := l.sqs(l.credentials(t, l.ask())), l.url(l.queueARN)
		send := func() error {
			_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: new("x")})
			return err
		}
		session := "arn:aws:sts::111122223333:assumed-role/Bridge/" + l.leaf.Cert.SerialNumber.Text(16)
		refused(t, send(), "AccessDenied", "User: "+session+" is not authorized to perform: sqs:SendMessage on resource: "+
			l.queueARN+" because no identity-based policy allows the sqs:SendMessage action")
		if err := l.PutRolePolicy(l.roleARN, "send", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:sendmessage","Resource":"`+l.queueARN+`"}}`); err != nil {
			t.Fatal(err)
		}
		if err := send(); err != nil {
			t.Errorf("SendMessage = %v, want the cured policy to take effect at once", err)
		}
		if err := l.DeleteRole(l.roleARN); err != nil {
			t.Fatal(err)
		}
		if err := send(); err == nil {
			t.Error("SendMessage without the role = nil, want it denied")
		}
	})
}

// TestSignatureRefusals has the code of each group of rules, in the shape of each protocol; the rules themselves are tested
// in internal/sigv4.
func TestSignatureRefusals(t *testing.T) {
	const mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	for _, tt := range []struct {
		name, code, json, text string
		change                 func(*testing.T, *lab, *sdkaws.Credentials)
		edit                   func(*http.Request)
	}{
		{"nothing signed", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "Request is missing Authentication Token", nil,
			func(r *http.Request) { r.Header.Del("Authorization") }},
		{"bearer", "IncompleteSignature", "IncompleteSignatureException", "read Authorization: …", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }},
		{"unknown key", "InvalidClientTokenId", "UnrecognizedClientException", "The security token included in the request is invalid.",
			func(_ *testing.T, _ *lab, c *sdkaws.Credentials) { c.AccessKeyID = "ASIAOTHER" }, nil},
		{"other token", "InvalidClientTokenId", "UnrecognizedClientException", "The security token included in the request is invalid.",
			func(_ *testing.T, _ *lab, c *sdkaws.Credentials) { c.SessionToken = "other" }, nil},
		{"session of another stand-in", "InvalidClientTokenId", "UnrecognizedClientException", "The security token included in the request is invalid.",
			func(t *testing.T, _ *lab, c *sdkaws.Credentials) {
				other := newLab(t, Config{})
				*c = other.credentials(t, other.ask())
			}, nil},
		{"session over", "ExpiredToken", "ExpiredTokenException", "The security token included in the request is expired",
			func(*testing.T, *lab, *sdkaws.Credentials) { time.Sleep(time.Hour) }, nil},
		{"sessions expired by hand", "ExpiredToken", "ExpiredTokenException", "The security token included in the request is expired",
			func(t *testing.T, l *lab, _ *sdkaws.Credentials) {
				if n := l.ExpireSessions(); n != 1 {
					t.Errorf("ExpireSessions = %d, want 1", n)
				}
			}, nil},
		{"sessions revoked", "InvalidClientTokenId", "UnrecognizedClientException", "The security token included in the request is invalid.",
			func(t *testing.T, l *lab, _ *sdkaws.Credentials) {
				if n := l.RevokeSessions(); n != 1 {
					t.Errorf("RevokeSessions = %d, want 1", n)
				}
			}, nil},
		{"stand-in's clock ahead", "SignatureDoesNotMatch", "InvalidSignatureException", "Signature expired: 20261201T120000Z is now earlier than 20261201T120100Z (20261201T120600Z - 5 min.)",
			func(_ *testing.T, l *lab, _ *sdkaws.Credentials) { l.SetClockOffset(6 * time.Minute) }, nil},
		{"other secret", "SignatureDoesNotMatch", "InvalidSignatureException", mismatch, func(_ *testing.T, _ *lab, c *sdkaws.Credentials) { c.SecretAccessKey = "other" }, nil},
		{"body changed", "SignatureDoesNotMatch", "InvalidSignatureException", mismatch, nil, func(r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(b, []byte("hello"), []byte("hellO"), 1)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				c := l.credentials(t, l.ask())
				if tt.change != nil {
					tt.change(t, l, &c)
				}
				if tt.edit != nil {
					l.client.Transport = editing{l.client.Transport, tt.edit}
				}
				_, err := l.sns(c).Publish(t.Context(), &sns.PublishInput{TopicArn: &l.topic, Message: new("hello")})
				refused(t, err, tt.code, tt.text)
				_, err = l.sqs(c).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: l.url(l.queueARN), MessageBody: new("hello")})
				refused(t, err, tt.json, tt.text)
				time.Sleep(time.Second)
				if n := l.MessageCount(l.queueARN); n != 0 {
					t.Errorf("%d messages arrived, want none", n)
				}
			})
		})
	}
}

// editing changes requests after they were signed.
type editing struct {
	http.RoundTripper
	edit func(*http.Request)
}

func (e editing) RoundTrip(r *http.Request) (*http.Response, error) {
	e.edit(r)
	return e.RoundTripper.RoundTrip(r)
}

// TestWrongService: the scope decides which service answers, never what the request says beside it.
func TestWrongService(t *testing.T) {
	s := newServer(t, Config{})
	topic := must(s.CreateTopic("orders"))(t)
	form := "Action=Publish&Version=2010-03-31&Message=x&TopicArn=" + topic
	for _, tt := range []struct {
		name, service, target, contentType, body string
		status                                   int
		code                                     string
	}{
		{"right", "sns", "", "application/x-www-form-urlencoded", form, 200, ""},
		{"form for sqs", "sqs", "", "application/x-www-form-urlencoded", form, 400, "UnknownOperationException"},
		{"JSON for sns", "sns", "AmazonSQS.ListQueues", contentJSON10, "{}", 400, "InvalidAction"},
		{"service that is not here", "s3", "", contentJSON10, "{}", 403, "SignatureDoesNotMatch"},
		{"unknown action of sqs", "sqs", "AmazonSQS.TagQueue", contentJSON10, "{}", 400, "UnknownOperationException"},
		{"unknown action of sns", "sns", "", "application/x-www-form-urlencoded", "Action=AddPermission&Version=2010-03-31", 400, "InvalidAction"},
		{"other version", "sns", "", "application/x-www-form-urlencoded", strings.Replace(form, "2010", "2011", 1), 400, "InvalidAction"},
		{"other content type", "sns", "", "text/plain", form, 400, "InvalidAction"},
		{"parameter twice", "sns", "", "application/x-www-form-urlencoded", form + "&Message=y", 400, "InvalidParameter"},
		{"parameter that is not here", "sns", "", "application/x-www-form-urlencoded", form + "&Colour=red", 400, "InvalidParameter"},
		{"gap in a list", "sns", "", "application/x-www-form-urlencoded", form + "&MessageAttributes.entry.2.Name=a", 400, "InvalidParameter"},
		{"list without numbers", "sns", "", "application/x-www-form-urlencoded", form + "&MessageAttributes.entry.01.Name=a", 400, "InvalidParameter"},
		{"member that is not here", "sqs", "AmazonSQS.ListQueues", contentJSON10, `{"Colour":"red"}`, 400, "SerializationException"},
		{"two JSON values", "sqs", "AmazonSQS.ListQueues", contentJSON10, `{} {}`, 400, "SerializationException"},
		{"list as JSON", "sqs", "AmazonSQS.ListQueues", contentJSON10, `[]`, 400, "SerializationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://aws.test/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			if tt.target != "" {
				r.Header.Set("X-Amz-Target", tt.target)
			}
			if err := v4.NewSigner().SignHTTP(context.Background(), s.Seed(), r, hexSum([]byte(tt.body)), tt.service, "eu-central-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			records := s.Requests()
			if got := records[len(records)-1]; w.Code != tt.status || got.Code != tt.code {
				t.Errorf("status = %d %s (%s), want %d %s", w.Code, got.Code, got.Text, tt.status, tt.code)
			}
		})
	}
}
