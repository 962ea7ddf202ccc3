package policy

import (
	"strings"
	"testing"
)

// one is an identity policy that allows everything under a condition.
func one(condition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}}`
}

// TestOperators has each operator with a value that meets it, one that does not, and without the key.
func TestOperators(t *testing.T) {
	const (
		role  = "arn:aws:iam::111122223333:role/path/Bridge"
		tag   = `{"aws:PrincipalTag/k":`
		noon  = "2026-12-01T12:00:00Z"
		later = "2026-12-01T12:00:01Z"
	)
	for _, tt := range []struct {
		operator, test string // the test's key is the part before the colon
		meets, fails   string
		missing        Verdict
	}{
		{"StringEquals", tag + `["a","b"]}`, "b", "B", Silent},
		{"StringNotEquals", tag + `["a","b"]}`, "c", "b", Allow},
		{"StringLike", tag + `"a*"}`, "ab", "ba", Silent},
		{"StringNotLike", tag + `"a*"}`, "ba", "ab", Allow},
		{"StringEqualsIgnoreCase", tag + `"aB"}`, "Ab", "x", Silent},
		{"StringNotEqualsIgnoreCase", tag + `"aB"}`, "x", "Ab", Allow},
		{"ArnEquals", `{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, role, "arn:aws:iam::1:user/x", Silent},
		{"ArnLike", `{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, role, "arn:aws:iam::1:user/x", Silent},
		{"ArnNotEquals", `{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, "arn:aws:iam::1:user/x", role, Allow},
		{"ArnNotLike", `{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, "arn:aws:iam::1:user/x", role, Allow},
		{"Bool", `{"aws:SecureTransport":"true"}`, "true", "false", Silent},
		{"Bool", `{"aws:SecureTransport":false}`, "false", "true", Silent},
		{"BoolIfExists", `{"aws:SecureTransport":"true"}`, "true", "false", Allow},
		{"StringEqualsIfExists", tag + `"a"}`, "a", "b", Allow},
		{"StringNotEqualsIfExists", tag + `"a"}`, "b", "a", Allow},
		{"ArnLikeIfExists", `{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, role, "arn:aws:iam::1:user/x", Allow},
		{"DateEquals", `{"aws:CurrentTime":"` + noon + `"}`, "2026-12-01T13:00:00+01:00", later, Silent},
		{"DateNotEquals", `{"aws:CurrentTime":"` + noon + `"}`, later, noon, Allow},
		{"DateLessThan", `{"aws:TokenIssueTime":"` + noon + `"}`, "2026-12-01T11:59:59Z", noon, Silent},
		{"DateLessThanEquals", `{"aws:TokenIssueTime":"` + noon + `"}`, noon, later, Silent},
		{"DateGreaterThan", `{"aws:TokenIssueTime":"` + noon + `"}`, later, noon, Silent},
		{"DateGreaterThanEquals", `{"aws:TokenIssueTime":"2026-12-01"}`, "2026-12-01T00:00:00Z", "2026-11-30T23:59:59Z", Silent},
		{"DateLessThan", `{"aws:TokenIssueTime":"1796126400"}`, "2026-12-01T11:59:59Z", noon, Silent},
		{"ForAnyValue:StringEquals", tag + `"a"}`, "a", "b", Silent},
		{"ForAllValues:StringEquals", tag + `"a"}`, "a", "b", Allow},
	} {
		t.Run(tt.operator+" "+tt.test, func(t *testing.T) {
			d, err := ParseIdentity(one(`"` + tt.operator + `":` + tt.test))
			if err != nil {
				t.Fatalf("ParseIdentity = %v", err)
			}
			key, _, _ := strings.Cut(strings.TrimPrefix(tt.test, `{"`), `"`)
			for value, want := range map[string]Verdict{tt.meets: Allow, tt.fails: Silent} {
				r := Request{Action: "sns:Publish"}
				r.Keys.Set(key, value)
				if got := d.Evaluate(r); got != want {
					t.Errorf("Evaluate with %q = %v, want %v", value, got, want)
				}
			}
			if got := d.Evaluate(Request{Action: "sns:Publish"}); got != tt.missing {
				t.Errorf("Evaluate without the key = %v, want %v", got, tt.missing)
			}
		})
	}
}

func TestNull(t *testing.T) {
	for _, tt := range []struct {
		pattern        string
		there, missing Verdict
	}{
		{`"true"`, Silent, Allow}, {`"false"`, Allow, Silent}, {`true`, Silent, Allow}, {`["true","false"]`, Allow, Allow},
	} {
		for name, parse := range map[string]func(string) (Document, error){"identity": ParseIdentity, "trust": ParseTrust} {
			text, action := one(`"Null":{"aws:PrincipalTag/k":`+tt.pattern+`}`), "sns:Publish"
			if name == "trust" {
				text, action = trust(`"Null":{"aws:PrincipalTag/k":`+tt.pattern+`}`, ``), ActionTagSession
			}
			d, err := parse(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			with := Request{Action: action}
			with.Keys.SetTags(map[string]string{"k": ""})
			if got := d.Evaluate(with); got != tt.there {
				t.Errorf("%s: Null %s with the key = %v, want %v", name, tt.pattern, got, tt.there)
			}
			if got := d.Evaluate(Request{Action: action}); got != tt.missing {
				t.Errorf("%s: Null %s without the key = %v, want %v", name, tt.pattern, got, tt.missing)
			}
		}
	}
}

// TestTrustOperators: a negated condition is true for a certificate that lacks the attribute, which is why roles must not have
// one.
func TestTrustOperators(t *testing.T) {
	for _, tt := range []struct {
		condition      string
		there, missing Verdict
	}{
		{`"StringNotEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge"}`, Silent, Allow},
		{`"StringNotLike":{"aws:PrincipalTag/x509Subject/CN":"other*"}`, Allow, Allow},
		{`"ArnNotLike":{"aws:SourceArn":"arn:aws:rolesanywhere:*:*:trust-anchor/*"}`, Silent, Allow},
		{`"StringLikeIfExists":{"aws:PrincipalTag/x509Subject/CN":"br*"}`, Allow, Allow},
	} {
		d, err := ParseTrust(trust(tt.condition, ``))
		if err != nil {
			t.Fatalf("ParseTrust(%s) = %v", tt.condition, err)
		}
		with := Request{Action: ActionAssumeRole}
		with.Keys.SetTags(map[string]string{"x509Subject/CN": "bridge"})
		with.Keys.Set("aws:SourceArn", anchorARN)
		if got := d.Evaluate(with); got != tt.there {
			t.Errorf("%s: Evaluate = %v, want %v", tt.condition, got, tt.there)
		}
		if got := d.Evaluate(Request{Action: ActionAssumeRole}); got != tt.missing {
			t.Errorf("%s: Evaluate without keys = %v, want %v", tt.condition, got, tt.missing)
		}
	}
}

func TestLeadingKeys(t *testing.T) {
	for _, tt := range []struct {
		operator string
		keys     []string
		want     Verdict
	}{
		{"ForAllValues:StringLike", []string{"a1", "a2"}, Allow},
		{"ForAllValues:StringLike", []string{"a1", "b"}, Silent},
		{"ForAllValues:StringLike", nil, Allow},
		{"ForAnyValue:StringLike", []string{"a1", "b"}, Allow},
		{"ForAnyValue:StringLike", []string{"b"}, Silent},
		{"ForAnyValue:StringLike", nil, Silent},
		{"ForAnyValue:StringNotLike", []string{"a1", "b"}, Allow},
		{"ForAllValues:StringNotLike", []string{"a1", "b"}, Silent},
		{"ForAllValues:StringLikeIfExists", nil, Allow},
	} {
		d, err := ParseIdentity(one(`"` + tt.operator + `":{"dynamodb:LeadingKeys":"a*"}`))
		if err != nil {
			t.Fatalf("ParseIdentity(%s) = %v", tt.operator, err)
		}
		r := Request{Action: "dynamodb:PutItem"}
		r.Keys.Set("dynamodb:LeadingKeys", tt.keys...)
		if got := d.Evaluate(r); got != tt.want {
			t.Errorf("%s of %v = %v, want %v", tt.operator, tt.keys, got, tt.want)
		}
	}
	for _, tt := range []struct{ condition, names string }{
		{`"StringLike":{"dynamodb:LeadingKeys":"a*"}`, "ForAllValues"},
		{`"ForAllValues:ForAnyValue:StringLike":{"dynamodb:LeadingKeys":"a*"}`, "ForAllValues:ForAnyValue:StringLike"},
		{`"ForAnyValue:ForAllValues:StringLike":{"dynamodb:LeadingKeys":"a*"}`, "ForAnyValue:ForAllValues:StringLike"},
		{`"ForAnyValue:Null":{"dynamodb:LeadingKeys":"true"}`, "ForAnyValue:Null"},
		{`"DateLessThan":{"aws:CurrentTime":"tomorrow"}`, `"tomorrow"`},
		{`"Bool":{"aws:SecureTransport":"yes"}`, `"yes"`},
		{`"StringEquals":{"aws:SecureTransport":true}`, `"aws:SecureTransport"`},
		{`"ArnNotLike":{"aws:PrincipalArn":"arn:aws"}`, "six parts"},
	} {
		if _, err := ParseIdentity(one(tt.condition)); err == nil || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("ParseIdentity(%s) = %v, want an error that names %s", tt.condition, err, tt.names)
		}
	}
}
