package rolesanywhere

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestKindOfEveryKnownText(t *testing.T) {
	for _, row := range []struct {
		status   int
		text     string
		measured time.Duration
		want     Kind
	}{
		{403, "Invalid signature", 0, BadSignature},
		{403, "invalid signature.", 29 * time.Second, BadSignature},
		{403, "Invalid signature", -31 * time.Second, ClockSkew},
		{403, "Untrusted certificate. Insufficient certificate", 0, Certificate},
		{403, "Untrusted signing certificate", 0, Chain},
		{403, "Unable to assume role for arn:aws:iam::111122223333:role/x", 0, RoleTrust},
		{403, "Unable to assume role for arn:aws:iam::1:role/x. The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", 0, Duration},
		{403, "Unable to assume role for arn:aws:iam::1:role/x. Some attributes failed to be mapped into session tags. Issuer: [ CN ]; Subject: [ ]; SAN: [ ]", 0, Attributes},
		{403, "Not authorized to set roleSessionName", 0, SessionName},
		{403, "Requested Role isn't one of those listed in the Profile.", 0, RoleNotInProfile},
		{403, "Invalid or empty profile provided.", 0, Profile},
		{404, "Specified Trust Anchor wasn't found.", 0, Anchor},
		{403, "Specified Trust Anchor is disabled.", 0, Anchor},
		{400, "1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint: Member must be greater", 0, Validation},
		{403, "something new", 0, Refused},
		{403, "", 0, Refused},
	} {
		if got := kindOf(row.text, row.status, row.measured); got != row.want {
			t.Errorf("kindOf(%q, %d, %v) = %v, want %v", row.text, row.status, row.measured, got, row.want)
		}
	}
}

func TestRefusalShapes(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   Error
	}{
		{"header type", 403, map[string]string{"X-Amzn-ErrorType": "AccessDeniedException:http://x/", "X-Amzn-RequestId": "r"}, `{"message":"m"}`,
			Error{Kind: Refused, Type: "AccessDeniedException", Text: "m", RequestID: "r"}},
		{"body type", 400, nil, `{"__type":"com.amazonaws#ValidationException","Message":"1 validation error detected: x"}`,
			Error{Kind: Validation, Type: "ValidationException", Text: "1 validation error detected: x"}},
		{"body code", 403, nil, `{"code":"X","message":"m"}`, Error{Kind: Refused, Type: "X", Text: "m"}},
		{"429", 429, map[string]string{"Retry-After": "7"}, ``, Error{Kind: Throttled, RetryAfter: 7 * time.Second, retry: true}},
		{"throttling type", 400, map[string]string{"X-Amzn-ErrorType": "ThrottlingException"}, `{"message":"Rate exceeded"}`,
			Error{Kind: Throttled, Type: "ThrottlingException", Text: "Rate exceeded", retry: true}},
		{"5xx page", 503, map[string]string{"Content-Type": "text/html"}, `<html>`, Error{Kind: ServiceFault, ContentType: "text/html", retry: true}},
		{"4xx page", 403, map[string]string{"Content-Type": "text/html"}, `<html>`, Error{Kind: NotAWS, ContentType: "text/html"}},
		{"redirect", 302, map[string]string{"Location": "https://elsewhere"}, `{}`, Error{Kind: NotAWS}},
	} {
		h := make(http.Header)
		for k, v := range row.header {
			h.Set(k, v)
		}
		got := refusal(row.status, h, []byte(row.body), 0)
		row.want.Status = row.status
		if *got != row.want {
			t.Errorf("%s: refusal = %+v, want %+v", row.name, *got, row.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Fri, 15 Jan 2027 10:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-1": 0, "x": 0, "999999": time.Hour,
		"Fri, 15 Jan 2027 10:00:09 GMT": 9 * time.Second, "Fri, 15 Jan 2027 09:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

// malformed is every answer that accepts and yet gives nothing usable, and the member its error must name.
func malformed(now time.Time) map[string][2]string {
	good := grant(1, now.Add(time.Hour))
	without := func(member string) string { return strings.Replace(good, `"`+member+`":`, `"x`+member+`":`, 1) }
	set := good[len(`{"credentialSet":[`):strings.Index(good, `],"subjectArn"`)]
	return map[string][2]string{
		"no access key id":  {without("accessKeyId"), "accessKeyId"},
		"no secret":         {without("secretAccessKey"), "secretAccessKey"},
		"no token":          {without("sessionToken"), "sessionToken"},
		"no expiration":     {without("expiration"), "expiration"},
		"bad expiration":    {strings.Replace(good, `"expiration":"`, `"expiration":"x`, 1), "expiration"},
		"past expiration":   {grant(1, now), "expiration"},
		"no credentials":    {`{"credentialSet":[{}]}`, "credentials is missing"},
		"null credentials":  {`{"credentialSet":[{"credentials":null}]}`, "credentials is missing"},
		"empty set":         {`{"credentialSet":[]}`, "0 elements"},
		"null set":          {`{"credentialSet":null}`, "0 elements"},
		"two sets":          {`{"credentialSet":[` + set + `,` + set + `]}`, "2 elements"},
		"no set":            {`{}`, "0 elements"},
		"null":              {`null`, "0 elements"},
		"cut off":           {good[:len(good)/2], "JSON"},
		"something after":   {good + good, "JSON"},
		"a number as token": {strings.Replace(good, `"tOKEN1"`, `1`, 1), "JSON"},
		"empty":             {``, "JSON"},
	}
}

func TestParseGrantRefuses(t *testing.T) {
	now := time.Date(2027, 1, 15, 10, 0, 0, 0, time.UTC)
	for name, row := range malformed(now) {
		g, err := parseGrant([]byte(row[0]), now)
		if err == nil || !strings.Contains(err.Error(), row[1]) || g != (granted{}) {
			t.Errorf("%s: parseGrant = %v, %v, want nothing and an error that names %q", name, g, err, row[1])
		}
		if err != nil && (strings.Contains(err.Error(), "sECRET") || strings.Contains(err.Error(), "tOKEN")) {
			t.Errorf("%s: the error %q shows a secret", name, err)
		}
	}
	g, err := parseGrant([]byte(grant(1, now.Add(time.Hour))), now)
	if err != nil || g.credentials.AccountID != "111122223333" || g.credentials.AccessKeyID != "ASIA1" || !g.expiration.Equal(now.Add(time.Hour)) {
		t.Errorf("parseGrant = %+v, %v, want session 1 of account 111122223333", g, err)
	}
}

func FuzzParseGrant(f *testing.F) {
	now := time.Date(2027, 1, 15, 10, 0, 0, 0, time.UTC)
	f.Add([]byte(grant(1, now.Add(time.Hour))))
	for _, row := range malformed(now) {
		f.Add([]byte(row[0]))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := parseGrant(body, now)
		if err != nil {
			if g != (granted{}) {
				t.Errorf("parseGrant(%q) gave something beside an error", body)
			}
			return
		}
		c := g.credentials
		if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" || !g.expiration.After(now) {
			t.Errorf("parseGrant(%q) accepted an incomplete or expired set", body)
		}
	})
}

func TestBounded(t *testing.T) {
	if got := bounded(strings.Repeat("ü", textMaxBytes)); len(got) > textMaxBytes+len("…") || !strings.HasSuffix(got, "ü…") {
		t.Errorf("bounded gave %d bytes ending in %q, want about %d and whole characters", len(got), got[len(got)-6:], textMaxBytes)
	}
}
