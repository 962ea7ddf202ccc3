package aws

import (
	"crypto/tls"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// TestConditionKeys has each global key of a request with a value that is right and one that is not.
func TestConditionKeys(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		session := l.credentials(t, l.ask()) // at noon
		time.Sleep(10 * time.Minute)
		form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {l.topic}, "Message": {"x"}}.Encode()
		for _, tt := range []struct {
			condition string
			secure    bool
			allowed   bool
		}{
			{`"Bool":{"aws:SecureTransport":"true"}`, true, true}, {`"Bool":{"aws:SecureTransport":"true"}`, false, false}, {`"Bool":{"aws:SecureTransport":"false"}`, false, true},
			{`"DateGreaterThan":{"aws:TokenIssueTime":"2026-12-01T11:59:59Z"}`, false, true}, {`"DateGreaterThan":{"aws:TokenIssueTime":"2026-12-01T12:00:01Z"}`, false, false},
			{`"DateEquals":{"aws:CurrentTime":"2026-12-01T12:10:00Z"}`, false, true}, {`"DateLessThan":{"aws:CurrentTime":"2026-12-01T12:10:00Z"}`, false, false},
			{`"StringEquals":{"aws:RequestedRegion":"eu-central-1"}`, false, true}, {`"StringEquals":{"aws:RequestedRegion":"us-east-1"}`, false, false},
			{`"StringEquals":{"aws:PrincipalAccount":"111122223333"}`, false, true}, {`"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}`, false, false},
			{`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/events/Bridge"}`, false, true}, {`"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/events/*"}`, false, false},
			{`"StringEqualsIgnoreCase":{"aws:PrincipalTag/x509Subject/CN":"BRIDGE"}`, false, true}, {`"StringNotEquals":{"aws:PrincipalTag/x509Subject/L":"x"}`, false, true},
			{`"Null":{"aws:PrincipalTag/x509Subject/L":"false"}`, false, false}, {`"Null":{"dynamodb:LeadingKeys":"true","dynamodb:EnclosingOperation":"true"}`, false, true},
		} {
			text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sns:Publish","Resource":"*","Condition":{` + tt.condition + `}}}`
			if err := l.PutRolePolicy(l.roleARN, "publish", text); err != nil {
				t.Fatal(err)
			}
			r := signed(t.Context(), session, form)
			if tt.secure {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			l.ServeHTTP(w, r)
			if (w.Code == 200) != tt.allowed || !tt.allowed && w.Code != 403 {
				t.Errorf("%s, TLS %v = %d %s, want allowed = %v", tt.condition, tt.secure, w.Code, w.Body, tt.allowed)
			}
		}
	})
}
