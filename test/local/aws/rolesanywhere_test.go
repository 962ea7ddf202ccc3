package aws

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

const (
	noRole   = "Unable to assume role for arn:aws:iam::111122223333:role/events/Bridge"
	otherARN = "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/99999999-2222-3333-4444-555555555555"
)

// TestCreateSessionChecks has the order of checks of the service, each row refused for its reason alone.
func TestCreateSessionChecks(t *testing.T) {
	invalid := func(value, member, constraint string) string {
		return fmt.Sprintf("1 validation error detected: Value %s at '%s' failed to satisfy constraint: %s", value, member, constraint)
	}
	set := func(member string, value any) func(*testing.T, *lab, *ask) {
		return func(_ *testing.T, _ *lab, a *ask) { a.members[member] = value }
	}
	for _, tt := range []struct {
		name   string
		config Config
		change func(*testing.T, *lab, *ask)
		status int
		code   string
		text   string
	}{
		{"0 right", Config{}, func(*testing.T, *lab, *ask) {}, 201, "", ""},
		{"1 rate", Config{SessionsPerSecond: 2}, func(t *testing.T, l *lab, _ *ask) {
			for range 2 {
				l.credentials(t, l.ask())
			}
		}, 429, "ThrottlingException", "Rate exceeded"},
		{"1 rate, a second later", Config{SessionsPerSecond: 2}, func(t *testing.T, l *lab, a *ask) {
			for range 2 {
				l.credentials(t, l.ask())
			}
			time.Sleep(time.Second)
			a.date = time.Now()
		}, 201, "", ""},
		{"2 no Authorization", Config{}, edited(func(r *http.Request) { r.Header.Del("Authorization") }), 403, accessDenied, "stand-in: …"},
		{"2 unknown algorithm", Config{}, edited(func(r *http.Request) { replaceAuthorization(r, "X509-ECDSA", "X509-EDDSA") }), 403, accessDenied, "stand-in: …"},
		{"3 certificate not signed", Config{}, edited(func(r *http.Request) { replaceAuthorization(r, "x-amz-x509;", "") }), 403, accessDenied, "Invalid signature"},
		{"3 names unsorted", Config{}, edited(func(r *http.Request) { replaceAuthorization(r, "content-type;host", "host;content-type") }), 403, accessDenied, "Invalid signature"},
		{"4 leaf does not decode", Config{}, edited(func(r *http.Request) { r.Header.Set("X-Amz-X509", "AAAA") }), 403, accessDenied, "Invalid signature"},
		{"4 serial of another", Config{}, edited(func(r *http.Request) { replaceAuthorization(r, "Credential=", "Credential=1") }), 403, accessDenied, "Invalid signature"},
		{"4 other region", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.region = "us-east-1" }, 403, accessDenied, "Invalid signature"},
		{"5 clock late", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.date = a.date.Add(-11 * time.Minute) }, 403, accessDenied, "Invalid signature"},
		{"5 clock early", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.date = a.date.Add(11 * time.Minute) }, 403, accessDenied, "Invalid signature"},
		{"5 clock within 10 minutes", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.date = a.date.Add(9 * time.Minute) }, 201, "", ""},
		{"5 clock within the window set", Config{ClockWindow: time.Hour}, func(_ *testing.T, _ *lab, a *ask) { a.date = a.date.Add(59 * time.Minute) }, 201, "", ""},
		{"6 key of another", Config{}, func(_ *testing.T, l *lab, a *ask) { a.leaf.Key = l.issuing.Key }, 403, accessDenied, "Invalid signature"},
		{"6 body changed on the way", Config{}, edited(func(r *http.Request) { r.URL.RawQuery = "x=1" }), 403, accessDenied, "Invalid signature"},
		{"7 anchor missing", Config{}, func(_ *testing.T, _ *lab, a *ask) { delete(a.members, "trustAnchorArn") }, 400, validation, invalid("null", "trustAnchorArn", "Member must not be null")},
		{"7 profile pattern", Config{}, set("profileArn", "profile/y"), 400, validation, invalid("'profile/y'", "profileArn", "…")},
		{"7 role pattern", Config{}, set("roleArn", "arn:aws:iam::1:role/x"), 400, validation, invalid("'arn:aws:iam::1:role/x'", "roleArn", "…")},
		{"7 ARN too long", Config{}, set("roleArn", "arn:aws:iam::111122223333:role/"+strings.Repeat("p/", 500)+"x"), 400, validation, "1 validation error detected: …"},
		{"7 duration too short", Config{}, set("durationSeconds", 899), 400, validation, invalid("'899'", "durationSeconds", "Member must have value greater than or equal to 900")},
		{"7 duration too long", Config{}, set("durationSeconds", 43201), 400, validation, invalid("'43201'", "durationSeconds", "Member must have value less than or equal to 43200")},
		{"7 duration is text", Config{}, set("durationSeconds", "900"), 400, validation, "stand-in: …"},
		{"7 session name", Config{}, set("roleSessionName", "a b"), 400, validation, invalid("'a b'", "roleSessionName", "…")},
		{"7 two values of an ARN", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.query = url.Values{"trustAnchorArn": {otherARN}} }, 400, validation, "stand-in: trustAnchorArn has two different values"},
		{"7 body is no JSON", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.members, a.body = nil, []byte("x=1") }, 400, validation, "stand-in: …"},
		{"7 content type", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.header = map[string]string{"Content-Type": "text/plain"} }, 400, validation, "stand-in: …"},
		{"8 anchor unknown", Config{}, set("trustAnchorArn", otherARN), 404, "ResourceNotFoundException", "Specified Trust Anchor wasn't found."},
		{"8 anchor of another region", Config{}, func(_ *testing.T, l *lab, a *ask) {
			a.members["trustAnchorArn"] = strings.Replace(l.anchorARN, "eu-central-1", "us-east-1", 1)
		}, 404, "ResourceNotFoundException", "Specified Trust Anchor wasn't found."},
		{"8 anchor disabled", Config{}, func(t *testing.T, l *lab, _ *ask) {
			if err := l.DisableTrustAnchor(l.anchorARN); err != nil {
				t.Fatal(err)
			}
		}, 403, accessDenied, "Specified Trust Anchor is disabled."},
		{"9 chain of six", Config{}, func(_ *testing.T, l *lab, a *ask) {
			for range 5 {
				a.chain = append(a.chain, l.issuing.Cert)
			}
		}, 400, validation, "stand-in: the chain has 6 certificates, more than 5"},
		{"9 chain does not decode", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.header = map[string]string{"X-Amz-X509-Chain": "AAAA"} }, 400, validation, "stand-in: the chain cannot be read"},
		{"10 leaf is a CA's", Config{}, leafWith(func(c *x509.Certificate) { c.IsCA = true }), 403, accessDenied, "Untrusted certificate. Insufficient certificate"},
		{"10 leaf without digitalSignature", Config{}, leafWith(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), 403, accessDenied, "Untrusted certificate. Insufficient certificate"},
		{"10 leaf without clientAuth", Config{}, leafWith(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), 201, "", ""},
		{"10 leaf without clientAuth, switched on", Config{RequireClientAuth: true}, leafWith(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), 403, accessDenied, "Untrusted certificate. Insufficient certificate"},
		{"11 chain not sent", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.chain = nil }, 403, accessDenied, "Untrusted signing certificate"},
		{"11 another CA's", Config{}, func(_ *testing.T, _ *lab, a *ask) { a.leaf, a.chain = testpki.Root("root").Leaf("bridge"), nil }, 403, accessDenied, "Untrusted signing certificate"},
		{"11 expired", Config{}, leafWith(testpki.Valid(date(2026, 1), date(2026, 2))), 403, accessDenied, "stand-in: a certificate has expired or is not yet valid"},
		{"11 not yet valid", Config{}, leafWith(testpki.Valid(date(2027, 1), date(2027, 2))), 403, accessDenied, "stand-in: a certificate has expired or is not yet valid"},
		{"12 leaf revoked", Config{}, func(t *testing.T, l *lab, _ *ask) { l.revoke(t, l.leaf.Cert) }, 403, accessDenied, "stand-in: certificate is revoked"},
		{"12 intermediate revoked", Config{}, func(t *testing.T, l *lab, _ *ask) { l.revoke(t, l.issuing.Cert) }, 403, accessDenied, "stand-in: certificate is revoked"},
		{"12 another one revoked", Config{}, func(t *testing.T, l *lab, _ *ask) { l.revoke(t, l.issuing.Leaf("bridge").Cert) }, 201, "", ""},
		{"13 profile unknown", Config{}, set("profileArn", strings.Replace(otherARN, "trust-anchor", "profile", 1)), 403, accessDenied, "Invalid or empty profile provided."},
		{"13 profile disabled", Config{}, profileWith(func(o *ProfileOptions) { o.Disabled = true }), 403, accessDenied, "Invalid or empty profile provided."},
		{"13 profile without roles", Config{}, profileWith(func(o *ProfileOptions) { o.Roles = nil }), 403, accessDenied, "Invalid or empty profile provided."},
		{"14 role not in the profile", Config{}, set("roleArn", "arn:aws:iam::111122223333:role/Other"), 403, accessDenied, "Requested Role isn't one of those listed in the Profile."},
		{"15 session name not accepted", Config{}, set("roleSessionName", "bridge"), 403, accessDenied, "Not authorized to set roleSessionName"},
		{"16 profile longer than the role", Config{}, profileWith(func(o *ProfileOptions) { o.Duration = 2 * time.Hour }), 403, accessDenied,
			noRole + ". The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"16 request shorter than that profile", Config{}, func(t *testing.T, l *lab, a *ask) {
			profileWith(func(o *ProfileOptions) { o.Duration = 2 * time.Hour })(t, l, a)
			a.members["durationSeconds"] = 3600
		}, 201, "", ""},
		{"17 role does not exist", Config{}, func(t *testing.T, l *lab, _ *ask) {
			if err := l.DeleteRole(l.roleARN); err != nil {
				t.Fatal(err)
			}
		}, 403, accessDenied, noRole},
		{"17 trust policy of another subject", Config{}, trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"other"}`), 403, accessDenied, noRole},
		{"17 trust policy of this subject", Config{}, trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge"}`), 201, "", ""},
		{"17 trust policy of another anchor", Config{}, trustWith(`"ArnEquals":{"aws:SourceArn":"` + otherARN + `"}`), 403, accessDenied, noRole},
		{"17 trust policy of this account", Config{}, trustWith(`"StringEquals":{"aws:SourceAccount":"111122223333"}`), 201, "", ""},
		{"17 trust policy without TagSession", Config{}, func(t *testing.T, l *lab, _ *ask) {
			l.trust(t, strings.Replace(anyTrust, `"sts:TagSession",`, "", 1))
		}, 403, accessDenied, noRole},
		{"17 value that no tag holds", Config{}, func(t *testing.T, l *lab, a *ask) {
			trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"bridge (prod)"}`)(t, l, a)
			a.leaf = l.issuing.Leaf("bridge (prod)")
		}, 403, accessDenied, noRole + ". Some attributes failed to be mapped into session tags. Issuer: [  ]; Subject: [ CN ]; SAN: [  ]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, tt.config, func(t *testing.T, l *lab) {
				a := l.ask()
				tt.change(t, l, &a)
				before := l.sessions()
				got := l.send(t, a)
				prefix, open := strings.CutSuffix(tt.text, "…")
				if got.status != tt.status || got.code != tt.code || got.text != tt.text && (!open || !strings.HasPrefix(got.text, prefix)) {
					t.Errorf("CreateSession = %d %s %q, want %d %s %q", got.status, got.code, got.text, tt.status, tt.code, tt.text)
				}
				if given := l.sessions() - before; given != 0 && tt.status != 201 {
					t.Errorf("%d sessions were given out by a refusal", given)
				}
				if got.header.Get("Date") == "" || len(got.header.Get("X-Amzn-Requestid")) != 36 {
					t.Errorf("headers = %v, want Date and x-amzn-RequestId", got.header)
				}
			})
		})
	}
}

func date(year, month int) time.Time {
	return time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
}

// sessions counts the sessions that were ever given out.
func (l *lab) sessions() int {
	l.keys.mu.RLock()
	defer l.keys.mu.RUnlock()
	return len(l.keys.keys) - 1
}

func edited(edit func(*http.Request)) func(*testing.T, *lab, *ask) {
	return func(_ *testing.T, _ *lab, a *ask) { a.edit = edit }
}

func replaceAuthorization(r *http.Request, before, after string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), before, after, 1))
}

func leafWith(edit testpki.Edit) func(*testing.T, *lab, *ask) {
	return func(_ *testing.T, l *lab, a *ask) { a.leaf = l.issuing.Leaf("bridge", edit) }
}

func profileWith(change func(*ProfileOptions)) func(*testing.T, *lab, *ask) {
	return func(t *testing.T, l *lab, _ *ask) {
		t.Helper()
		o := ProfileOptions{Roles: []string{l.roleARN}}
		change(&o)
		if err := l.UpdateProfile(l.profileARN, o); err != nil {
			t.Fatal(err)
		}
	}
}

func trustWith(condition string) func(*testing.T, *lab, *ask) {
	return func(t *testing.T, l *lab, _ *ask) {
		t.Helper()
		l.trust(t, strings.Replace(anyTrust, `"Action"`, `"Condition":{`+condition+`},"Action"`, 1))
	}
}

func (l *lab) trust(t *testing.T, policy string) {
	t.Helper()
	if err := l.UpdateTrustPolicy(l.roleARN, policy); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) revoke(t *testing.T, c *x509.Certificate) {
	t.Helper()
	if err := l.Revoke(l.anchorARN, c); err != nil {
		t.Fatal(err)
	}
}

func TestCreateSessionAnswer(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		profileWith(func(o *ProfileOptions) { o.AcceptRoleSessionName = true })(t, l, nil)
		a := l.ask()
		a.members["durationSeconds"] = 900
		a.members["roleSessionName"] = "my-session"
		a.members["sessionName"] = "ignored: it is deprecated"
		got := l.send(t, a)
		if got.status != http.StatusCreated || len(got.Sets) != 1 {
			t.Fatalf("CreateSession = %d %q, want one set", got.status, got.text)
		}
		set := got.Sets[0]
		if want := "arn:aws:sts::111122223333:assumed-role/Bridge/my-session"; set.AssumedRoleUser["arn"] != want {
			t.Errorf("assumedRoleUser.arn = %s, want %s", set.AssumedRoleUser["arn"], want)
		}
		if id := set.AssumedRoleUser["assumedRoleId"]; !strings.HasPrefix(id, "AROA") || !strings.HasSuffix(id, ":my-session") {
			t.Errorf("assumedRoleUser.assumedRoleId = %s, want AROA…:my-session", id)
		}
		if set.RoleARN != l.roleARN || set.SourceIdentity != "CN=bridge" {
			t.Errorf("roleArn, sourceIdentity = %s, %s, want %s, CN=bridge", set.RoleARN, set.SourceIdentity, l.roleARN)
		}
		if want := time.Now().Add(15 * time.Minute); !set.Credentials.Expiration.Equal(want) {
			t.Errorf("expiration = %v, want %v", set.Credentials.Expiration, want)
		}
		if !strings.HasPrefix(got.SubjectARN, "arn:aws:rolesanywhere:eu-central-1:111122223333:subject/") {
			t.Errorf("subjectArn = %s", got.SubjectARN)
		}
		plain := l.send(t, l.ask()).Sets[0]
		if want := "arn:aws:sts::111122223333:assumed-role/Bridge/" + l.leaf.Cert.SerialNumber.Text(16); plain.AssumedRoleUser["arn"] != want {
			t.Errorf("assumedRoleUser.arn = %s, want %s", plain.AssumedRoleUser["arn"], want)
		}
		if want := time.Now().Add(time.Hour); !plain.Credentials.Expiration.Equal(want) {
			t.Errorf("expiration without durationSeconds = %v, want the profile's %v", plain.Credentials.Expiration, want)
		}
	})
}

// TestCreateSessionForms are the ways in which clients of AWS ask.
func TestCreateSessionForms(t *testing.T) {
	for name, change := range map[string]func(*lab, *ask){
		"query, empty body": func(l *lab, a *ask) { a.query, a.members = arns(l), nil },
		"query, rest in the body": func(l *lab, a *ask) {
			a.query, a.members = arns(l), map[string]any{"durationSeconds": 900}
		},
		"query and body agree": func(l *lab, a *ask) { a.query = arns(l) },
		"other JSON content type": func(_ *lab, a *ask) {
			a.header = map[string]string{"Content-Type": "application/x-amz-json-1.1; charset=utf-8"}
		},
		"further signed header":      func(_ *lab, a *ask) { a.header = map[string]string{"Amz-Sdk-Request": "attempt=1"} },
		"chain repeats the leaf":     func(l *lab, a *ask) { a.chain = []*x509.Certificate{l.leaf.Cert, l.issuing.Cert} },
		"chain holds the anchor":     func(l *lab, a *ask) { a.chain = append(a.chain, l.root.Cert) },
		"leaf directly under anchor": func(l *lab, a *ask) { a.leaf, a.chain = l.root.Leaf("bridge"), nil },
		"64 KB of headers":           func(_ *lab, a *ask) { a.header = map[string]string{"X-Padding": strings.Repeat("x", 60<<10)} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				a := l.ask()
				change(l, &a)
				if got := l.send(t, a); got.status != http.StatusCreated {
					t.Errorf("CreateSession = %d %s %q, want a session", got.status, got.code, got.text)
				}
			})
		})
	}
}

func arns(l *lab) url.Values {
	return url.Values{"trustAnchorArn": {l.anchorARN}, "profileArn": {l.profileARN}, "roleArn": {l.roleARN}}
}

func TestAnchorRotation(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		other := testpki.Root("other")
		a := l.ask()
		a.leaf, a.chain = other.Leaf("bridge"), nil
		if got := l.send(t, a); got.text != "Untrusted signing certificate" {
			t.Errorf("CreateSession before = %q, want it refused", got.text)
		}
		if err := l.UpdateTrustAnchor(l.anchorARN, l.root.Cert, other.Cert); err != nil {
			t.Fatal(err)
		}
		l.credentials(t, a)
		l.credentials(t, l.ask())
		if err := l.DisableTrustAnchor(l.anchorARN); err != nil {
			t.Fatal(err)
		}
		if err := l.EnableTrustAnchor(l.anchorARN); err != nil {
			t.Fatal(err)
		}
		l.credentials(t, a)
	})
}

func TestRecordsOfSessions(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		a := l.ask()
		a.chain = nil
		l.send(t, a)
		r := l.Requests()[0]
		want := Record{
			Time: r.Time, ID: r.ID, Service: "rolesanywhere", Action: "CreateSession", Resource: l.roleARN, Identity: "CN=bridge,O=Example Org,C=DE",
			Status: 403, Code: accessDenied, Text: "Untrusted signing certificate",
			Reason: `find path: none leads from "CN=bridge,O=Example Org,C=DE", issued by "CN=issuing,O=Example Org,C=DE", to the trust anchor`,
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
	})
}
