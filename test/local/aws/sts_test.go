package aws

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestGetCallerIdentity(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		deny := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
		if err := l.PutRolePolicy(l.roleARN, "deny", deny); err != nil {
			t.Fatal(err)
		}
		identity := func(c sdkaws.Credentials) (*sts.GetCallerIdentityOutput, error) {
			return sts.NewFromConfig(l.config(c)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		}
		session := l.credentials(t, l.ask())
		out, err := identity(session)
		if err != nil {
			t.Fatal(err)
		}
		name := l.leaf.Cert.SerialNumber.Text(16)
		if *out.Arn != "arn:aws:sts::111122223333:assumed-role/Bridge/"+name || *out.Account != "111122223333" ||
			!strings.HasPrefix(*out.UserId, "AROA") || !strings.HasSuffix(*out.UserId, ":"+name) {
			t.Errorf("GetCallerIdentity = %s, %s, %s", *out.Arn, *out.UserId, *out.Account)
		}
		if out, err := identity(l.Seed()); err != nil || *out.Arn != "arn:aws:iam::111122223333:user/seed" {
			t.Errorf("GetCallerIdentity of the seed = %+v, %v", out, err)
		}
		l.ExpireSessions()
		_, err = identity(session)
		refused(t, err, "ExpiredToken", "The security token included in the request is expired")
		injection := must(l.Inject(Fault{Service: "sts", Action: "GetCallerIdentity", Phase: Before, Kind: Throttle}))(t)
		_, err = identity(l.Seed())
		refused(t, err, "Throttling", "Rate exceeded")
		injection.Remove()
	})
}

func TestSTSRefusals(t *testing.T) {
	s := newServer(t, Config{})
	const namespace = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidAction</Code>`
	for name, form := range map[string]string{
		"other action": "Action=AssumeRole&Version=2011-06-15", "parameter": "Action=GetCallerIdentity&Version=2011-06-15&X=1", "parameter twice": "Action=GetCallerIdentity&Version=2011-06-15&Version=2011-06-15",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://aws.test/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := v4.NewSigner().SignHTTP(t.Context(), s.Seed(), r, hexSum([]byte(form)), "sts", "eu-central-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		s.ServeHTTP(w, r)
		if w.Code != 400 || !strings.HasPrefix(w.Body.String(), namespace) {
			t.Errorf("%s = %d %s, want 400 %s", name, w.Code, w.Body, namespace)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "http://aws.test/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15")))
	if w.Code != 403 || !strings.Contains(w.Body.String(), "<Code>MissingAuthenticationToken</Code>") || !strings.Contains(w.Body.String(), "sts.amazonaws.com") {
		t.Errorf("nothing signed = %d %s", w.Code, w.Body)
	}
}
