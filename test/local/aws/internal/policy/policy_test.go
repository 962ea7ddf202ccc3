package policy

import (
	"strings"
	"testing"
)

const anchorARN = "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555"

// trust is a trust policy with one statement more and other conditions.
func trust(condition, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Condition":{` + condition + `}}` + more + `]}`
}

func TestTrust(t *testing.T) {
	keys := map[string]string{
		"aws:SourceArn": anchorARN, "aws:SourceAccount": "111122223333",
		"sts:SourceIdentity": "CN=bridge", "sts:RoleSessionName": "1234",
		"aws:PrincipalTag/x509Subject/CN": "bridge", "aws:PrincipalTag/x509Subject/OU": "a/b/c",
	}
	deny := `,{"Effect":"Deny","Principal":{"Service":["rolesanywhere.amazonaws.com"]},"Action":"sts:TagSession","Condition":{"StringLike":{"aws:PrincipalTag/x509Subject/OU":"a/*"}}}`
	for _, tt := range []struct {
		name, policy, action string
		want                 Verdict
	}{
		{"no condition", trust(``, ``), ActionAssumeRole, Allow},
		{"action in another case", trust(``, ``), "STS:assumerole", Allow},
		{"anchor", trust(`"ArnEquals":{"aws:SourceArn":"`+anchorARN+`"}`, ``), ActionAssumeRole, Allow},
		{"other anchor", trust(`"ArnEquals":{"aws:SourceArn":"`+strings.Replace(anchorARN, "1111", "9999", 1)+`"}`, ``), ActionAssumeRole, Silent},
		{"anchor with wildcards", trust(`"ArnEquals":{"aws:SourceArn":"arn:aws:rolesanywhere:*:111122223333:trust-anchor/*"}`, ``), ActionAssumeRole, Allow},
		{"wildcard does not reach over a colon", trust(`"ArnEquals":{"aws:SourceArn":"arn:aws:*:x:y:z"}`, ``), ActionAssumeRole, Silent},
		{"subject", trust(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge"}`, ``), ActionAssumeRole, Allow},
		{"subject, key in another case", trust(`"StringEquals":{"AWS:principaltag/X509SUBJECT/cn":"bridge"}`, ``), ActionAssumeRole, Allow},
		{"subject in another case", trust(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"Bridge"}`, ``), ActionAssumeRole, Silent},
		{"one of several values", trust(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":["other","bridge"]}`, ``), ActionAssumeRole, Allow},
		{"all of several keys", trust(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge","aws:SourceAccount":"999999999999"}`, ``), ActionAssumeRole, Silent},
		{"all of several operators", trust(`"StringEquals":{"sts:RoleSessionName":"1234"},"StringLike":{"sts:SourceIdentity":"CN=x*"}`, ``), ActionAssumeRole, Silent},
		{"missing key", trust(`"StringEquals":{"aws:PrincipalTag/x509Subject/L":"bridge"}`, ``), ActionAssumeRole, Silent},
		{"missing key, like anything", trust(`"StringLike":{"aws:PrincipalTag/x509Subject/L":"*"}`, ``), ActionAssumeRole, Silent},
		{"equals takes no wildcard", trust(`"StringEquals":{"sts:SourceIdentity":"CN=*"}`, ``), ActionAssumeRole, Silent},
		{"like", trust(`"StringLike":{"sts:SourceIdentity":"CN=br?dg*"}`, ``), ActionAssumeRole, Allow},
		{"deny over allow", trust(``, deny), ActionTagSession, Deny},
		{"deny of another action", trust(``, deny), ActionAssumeRole, Allow},
		{"statement alone", strings.NewReplacer("[{", "{", "}]", "}").Replace(trust(``, ``)), ActionAssumeRole, Allow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ParseTrust(tt.policy)
			if err != nil {
				t.Fatalf("ParseTrust = %v", err)
			}
			r := Request{Action: tt.action}
			for name, value := range keys {
				r.Keys.Set(name, value)
			}
			if got := d.Evaluate(r); got != tt.want {
				t.Errorf("Evaluate(%s) = %v, want %v", tt.action, got, tt.want)
			}
		})
	}
}

func TestTrustThatDoesNotLoad(t *testing.T) {
	whole := trust(``, ``)
	for _, tt := range []struct{ name, policy, names string }{
		{"case ignored", trust(`"StringEqualsIgnoreCase":{"aws:PrincipalTag/x509Subject/CN":"x"}`, ``), `"StringEqualsIgnoreCase"`},
		{"boolean", trust(`"Bool":{"aws:PrincipalTag/x509Subject/CN":"true"}`, ``), `"Bool"`},
		{"time", trust(`"DateLessThan":{"aws:CurrentTime":"2026-12-01T12:00:00Z"}`, ``), `"DateLessThan"`},
		{"set operator", trust(`"ForAnyValue:StringEquals":{"aws:PrincipalTag/x509Subject/CN":"x"}`, ``), `"ForAnyValue:StringEquals"`},
		{"Null of neither true nor false", trust(`"Null":{"aws:PrincipalTag/x509Subject/CN":"x"}`, ``), `"Null"`},
		{"Null if it exists", trust(`"NullIfExists":{"aws:PrincipalTag/x509Subject/CN":"true"}`, ``), `"NullIfExists"`},
		{"operator in another case", trust(`"stringequals":{"aws:SourceAccount":"x"}`, ``), `"stringequals"`},
		{"unknown key", trust(`"StringEquals":{"aws:SourceIp":"10.0.0.1"}`, ``), `"aws:SourceIp"`},
		{"tag key without a name", trust(`"StringEquals":{"aws:PrincipalTag/":"x"}`, ``), `"aws:PrincipalTag/"`},
		{"variable", trust(`"StringEquals":{"aws:SourceAccount":"${aws:PrincipalAccount}"}`, ``), "${aws:PrincipalAccount}"},
		{"ARN of five parts", trust(`"ArnEquals":{"aws:SourceArn":"arn:aws:rolesanywhere:*:x"}`, ``), "six parts"},
		{"number as a value", trust(`"StringEquals":{"aws:SourceAccount":111122223333}`, ``), `"aws:SourceAccount"`},
		{"no values", trust(`"StringEquals":{"aws:SourceAccount":[]}`, ``), `"aws:SourceAccount"`},
		{"action of another kind", strings.Replace(whole, "sts:TagSession", "sts:AssumeRoleWithSAML", 1), `"sts:AssumeRoleWithSAML"`},
		{"action with a wildcard", strings.Replace(whole, "sts:TagSession", "sts:*", 1), `"sts:*"`},
		{"NotAction", strings.Replace(whole, `"Action"`, `"NotAction"`, 1), `"NotAction"`},
		{"Resource", strings.Replace(whole, `"Effect":"Allow"`, `"Effect":"Allow","Resource":"*"`, 1), `"Resource"`},
		{"NotPrincipal", strings.Replace(whole, `"Principal"`, `"NotPrincipal"`, 1), `"NotPrincipal"`},
		{"any principal", strings.Replace(whole, `{"Service":"rolesanywhere.amazonaws.com"}`, `"*"`, 1), "principal"},
		{"account as a principal", strings.Replace(whole, `"Service"`, `"AWS"`, 1), `"AWS"`},
		{"other service", strings.Replace(whole, "rolesanywhere.amazonaws.com", "lambda.amazonaws.com", 1), `"lambda.amazonaws.com"`},
		{"effect", strings.Replace(whole, `"Allow"`, `"Permit"`, 1), `"Effect"`},
		{"effect twice", strings.Replace(whole, `"Effect":"Allow"`, `"Effect":"Allow","Effect":"Deny"`, 1), `"Effect"`},
		{"version missing", strings.Replace(whole, `"Version":"2012-10-17",`, ``, 1), "Version"},
		{"old version", strings.Replace(whole, "2012-10-17", "2008-10-17", 1), "Version"},
		{"unknown element", strings.Replace(whole, `"Version"`, `"Comment":"x","Version"`, 1), `"Comment"`},
		{"no statement", `{"Version":"2012-10-17","Statement":[]}`, "Statement"},
		{"statement is text", `{"Version":"2012-10-17","Statement":["x"]}`, "statement 1"},
		{"list at the top", `[]`, "object"},
		{"not JSON", `{`, "JSON"},
		{"something after it", whole + `{}`, "follows"},
		{"nested too deep", strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested"},
		{"too long", whole + strings.Repeat(" ", bytesMax), "bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseTrust(tt.policy)
			if err == nil || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("ParseTrust = %v, want an error that names %s", err, tt.names)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	const topic = "arn:aws:sns:eu-central-1:111122223333:orders"
	one := func(statement string) string {
		return `{"Version":"2012-10-17","Id":"x","Statement":` + statement + `}`
	}
	for _, tt := range []struct {
		name, policy string
		want         Verdict
	}{
		{"action and resource", one(`{"Sid":"a","Effect":"Allow","Action":"sns:Publish","Resource":"` + topic + `"}`), Allow},
		{"action in another case", one(`{"Effect":"Allow","Action":"SNS:PUBLISH","Resource":"` + topic + `"}`), Allow},
		{"action with a wildcard", one(`{"Effect":"Allow","Action":"sns:Pub*","Resource":"*"}`), Allow},
		{"any action", one(`{"Effect":"Allow","Action":"*","Resource":"*"}`), Allow},
		{"other action", one(`{"Effect":"Allow","Action":"sns:Subscribe","Resource":"*"}`), Silent},
		{"other service", one(`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`), Silent},
		{"other resource", one(`{"Effect":"Allow","Action":"sns:Publish","Resource":"` + topic + `2"}`), Silent},
		{"resource in another case", one(`{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:eu-central-1:111122223333:Orders"}`), Silent},
		{"resource with wildcards", one(`{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:*:111122223333:or?er*"}`), Allow},
		{"wildcard does not reach over a colon", one(`{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:*:x:y:z"}`), Silent},
		{"one of several resources", one(`{"Effect":"Allow","Action":["sns:Publish"],"Resource":["arn:aws:sns:a:b:c:d","` + topic + `"]}`), Allow},
		{"NotAction", one(`{"Effect":"Allow","NotAction":"sns:Publish","Resource":"*"}`), Silent},
		{"NotAction of another", one(`{"Effect":"Allow","NotAction":"sns:Subscribe","Resource":"*"}`), Allow},
		{"NotResource", one(`{"Effect":"Allow","Action":"sns:*","NotResource":"` + topic + `"}`), Silent},
		{"deny over allow", one(`[{"Effect":"Deny","Action":"sns:Publish","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]`), Deny},
		{"tag", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge"}}}`), Allow},
		{"missing tag", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/x509Subject/OU":"*"}}}`), Silent},
		{"principal", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}}`), Allow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ParseIdentity(tt.policy)
			if err != nil {
				t.Fatalf("ParseIdentity = %v", err)
			}
			r := Request{Action: "SNS:Publish", Resource: topic}
			r.Keys.SetTags(map[string]string{"x509Subject/CN": "bridge"})
			r.Keys.Set("aws:PrincipalArn", "arn:aws:iam::111122223333:role/path/Events")
			if got := d.Evaluate(r); got != tt.want {
				t.Errorf("Evaluate = %v, want %v", got, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, statement, names string }{
		{"principal", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, `"Principal"`},
		{"no resource", `{"Effect":"Allow","Action":"*"}`, `"Resource"`},
		{"both resources", `{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}`, `"NotResource"`},
		{"no action", `{"Effect":"Allow","Resource":"*"}`, `"Action"`},
		{"action without a service", `{"Effect":"Allow","Action":"Publish","Resource":"*"}`, `"Publish"`},
		{"resource that is no ARN", `{"Effect":"Allow","Action":"*","Resource":"orders"}`, `"orders"`},
		{"resource with a variable", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:sns:a:b:${aws:username}"}`, "aws:username"},
		{"key that is not evaluated", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"x"}}}`, `"aws:SourceVpc"`},
		{"operator that is not evaluated", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"aws:SecureTransport":"1"}}}`, `"NumericLessThan"`},
		{"Sid that is no text", `{"Sid":1,"Effect":"Allow","Action":"*","Resource":"*"}`, "Sid"},
	} {
		t.Run("refuses "+tt.name, func(t *testing.T) {
			_, err := ParseIdentity(one(tt.statement))
			if err == nil || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("ParseIdentity = %v, want an error that names %s", err, tt.names)
			}
		})
	}
}

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, value string
		want           bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
		{"?", "ü", true}, {"?", "", false}, {"a?c", "abc", true}, {"*a*b", "xaxxab", true}, {"*a*b", "xbxa", false}, {"**", "x", true},
		{"a", "A", false}, {strings.Repeat("*a", 30), strings.Repeat("a", 29), false},
	} {
		if got := like(tt.pattern, tt.value); got != tt.want {
			t.Errorf("like(%q, %q) = %v, want %v", tt.pattern, tt.value, got, tt.want)
		}
	}
}

// FuzzParse: a policy that loads is decided without a panic, denies what nothing allows, and never allows an action that
// its text does not hold a pattern for.
func FuzzParse(f *testing.F) {
	f.Add(trust(`"StringLike":{"sts:SourceIdentity":"CN=*"}`, ``))
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sns:Publish"],"Resource":"arn:aws:sns:*:*:*"}}`)
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"a:b","NotResource":["*"],"Condition":{}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (Document, error){ParseTrust, ParseIdentity} {
			d, err := parse(text)
			if err != nil {
				continue
			}
			if len(d.statements) == 0 {
				t.Errorf("parse(%q) has no statements", text)
			}
			allows := strings.Contains(text, "Allow") || strings.Contains(text, `\u`)
			if d.Evaluate(Request{Action: "sns:Publish", Resource: "arn:aws:sns:a:b:c:d"}) == Allow && !allows {
				t.Errorf("%q allows without an Allow", text)
			}
		}
	})
}
