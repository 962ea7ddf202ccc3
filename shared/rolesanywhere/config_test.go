package rolesanywhere

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/google/go-cmp/cmp"
)

func goodConfig() Config {
	return Config{TrustAnchorARN: anchorARN, ProfileARN: profileARN, RoleARN: roleARN, Source: &source{}}
}

func TestValidate(t *testing.T) {
	const uuid = "11111111-2222-3333-4444-555555555555"
	for _, row := range []struct {
		name   string
		change func(*Config)
		field  string // "" if nothing is wrong
		says   string
	}{
		{"all right", func(*Config) {}, "", ""},
		{"China", func(c *Config) {
			c.TrustAnchorARN = strings.ReplaceAll(strings.ReplaceAll(anchorARN, "arn:aws:", "arn:aws-cn:"), "eu-central-1", "cn-north-1")
			c.ProfileARN = strings.ReplaceAll(strings.ReplaceAll(profileARN, "arn:aws:", "arn:aws-cn:"), "eu-central-1", "cn-north-1")
			c.RoleARN = "arn:aws-cn:iam::111122223333:role/x"
		}, "", ""},
		{"odd role name", func(c *Config) { c.RoleARN = "arn:aws:iam::111122223333:role/a+b=c,d.e@f-g_h" }, "", ""},
		{"session name", func(c *Config) { c.SessionName = "bridge-1@x" }, "", ""},
		{"longest duration", func(c *Config) { c.Duration = 43200 * time.Second }, "", ""},
		{"no anchor", func(c *Config) { c.TrustAnchorARN = "" }, "TrustAnchorARN", "is missing; example: arn:aws:rolesanywhere"},
		{"a profile as anchor", func(c *Config) { c.TrustAnchorARN = profileARN }, "TrustAnchorARN", "trust-anchor"},
		{"upper-case UUID", func(c *Config) { c.TrustAnchorARN = anchorARN[:len(anchorARN)-1] + "A" }, "TrustAnchorARN", "lower case"},
		{"line end", func(c *Config) { c.ProfileARN = profileARN + "\n" }, "ProfileARN", "line ends"},
		{"no region", func(c *Config) { c.TrustAnchorARN = "arn:aws:rolesanywhere::111122223333:trust-anchor/" + uuid }, "TrustAnchorARN", "region"},
		{"region of another partition", func(c *Config) { c.TrustAnchorARN = strings.Replace(anchorARN, "eu-central-1", "cn-north-1", 1) }, "TrustAnchorARN", "aws-cn"},
		{"another region", func(c *Config) { c.ProfileARN = strings.Replace(profileARN, "eu-central-1", "eu-west-1", 1) }, "ProfileARN", "one region"},
		{"another account", func(c *Config) { c.ProfileARN = strings.Replace(profileARN, "1111", "2222", 1) }, "ProfileARN", "account of the trust anchor"},
		{"short account", func(c *Config) { c.RoleARN = "arn:aws:iam::11112222333:role/x" }, "RoleARN", "12 digits"},
		{"role of another account", func(c *Config) { c.RoleARN = "arn:aws:iam::222222223333:role/x" }, "RoleARN", "account of the trust anchor"},
		{"role of another partition", func(c *Config) { c.RoleARN = "arn:aws-cn:iam::111122223333:role/x" }, "RoleARN", "account of the trust anchor"},
		{"role without a name", func(c *Config) { c.RoleARN = "arn:aws:iam::111122223333:role/path/" }, "RoleARN", "1 to 64"},
		{"assumed role", func(c *Config) { c.RoleARN = "arn:aws:sts::111122223333:assumed-role/x/y" }, "RoleARN", "not the ARN of a role"},
		{"short session name", func(c *Config) { c.SessionName = "x" }, "SessionName", "2 to 64"},
		{"session name with a blank", func(c *Config) { c.SessionName = "a b" }, "SessionName", "2 to 64"},
		{"no source", func(c *Config) { c.Source = nil }, "Source", "missing"},
		{"endpoint and FIPS", func(c *Config) { c.Endpoint, c.FIPS = "https://vpce.example", true }, "Endpoint", "contradicts"},
		{"plain http", func(c *Config) { c.Endpoint = "http://proxy.example" }, "Endpoint", "https"},
		{"unknown partition", func(c *Config) {
			c.TrustAnchorARN = strings.Replace(anchorARN, "arn:aws:", "arn:aws-moon:", 1)
			c.ProfileARN = strings.Replace(profileARN, "arn:aws:", "arn:aws-moon:", 1)
			c.RoleARN = "arn:aws-moon:iam::111122223333:role/x"
		}, "Endpoint", "aws-moon"},
	} {
		c := goodConfig()
		row.change(&c)
		problems := Validate(c)
		switch {
		case row.field == "" && len(problems) > 0:
			t.Errorf("%s: Validate = %v, want no problem", row.name, problems)
		case row.field != "" && (len(problems) != 1 || problems[0].Field != row.field || !strings.Contains(problems[0].Reason, row.says)):
			t.Errorf("%s: Validate = %v, want one problem of %s that says %q", row.name, problems, row.field, row.says)
		}
	}
}

func TestFact16DurationsOutsideTheRangeNeverLeave(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, time.Second, 899 * time.Second, 900*time.Second + time.Millisecond, 43201 * time.Second} {
		c := goodConfig()
		c.Duration = d
		if p, err := New(c); err == nil {
			p.Close()
			t.Errorf("New with a duration of %v succeeded", d)
		}
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	_, err := New(Config{SessionName: "x", Duration: time.Second, Endpoint: "ftp://user:hunter2@host"})
	if err == nil {
		t.Fatal("New of an empty configuration succeeded")
	}
	for _, field := range []string{"TrustAnchorARN", "ProfileARN", "RoleARN", "SessionName", "Duration", "Source", "Endpoint"} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("New = %v, want it to name %s", err, field)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("New = %v, which shows a password", err)
	}
}

func TestFact11Endpoints(t *testing.T) {
	for _, row := range []struct {
		partition, region, explicit string
		fips, dual                  bool
		want                        string // "" if it must fail
	}{
		{"aws", "eu-central-1", "", false, false, "https://rolesanywhere.eu-central-1.amazonaws.com"},
		{"aws", "us-east-1", "", true, false, "https://rolesanywhere-fips.us-east-1.amazonaws.com"},
		{"aws", "eu-west-1", "", false, true, "https://rolesanywhere.eu-west-1.api.aws"},
		{"aws-us-gov", "us-gov-west-1", "", true, true, "https://rolesanywhere-fips.us-gov-west-1.api.aws"},
		{"aws-us-gov", "us-gov-east-1", "", false, false, "https://rolesanywhere.us-gov-east-1.amazonaws.com"},
		{"aws-cn", "cn-north-1", "", false, false, "https://rolesanywhere.cn-north-1.amazonaws.com.cn"},
		{"aws-cn", "cn-northwest-1", "", false, true, "https://rolesanywhere.cn-northwest-1.api.amazonwebservices.com.cn"},
		{"aws-eusc", "eusc-de-east-1", "", false, false, "https://rolesanywhere.eusc-de-east-1.amazonaws.eu"},
		{"aws-eusc", "eusc-de-east-1", "", false, true, "https://rolesanywhere.eusc-de-east-1.api.amazonwebservices.eu"},
		{"aws-iso", "us-iso-east-1", "", false, false, "https://rolesanywhere.us-iso-east-1.c2s.ic.gov"},
		{"aws-iso-b", "us-isob-east-1", "", true, false, "https://rolesanywhere-fips.us-isob-east-1.sc2s.sgov.gov"},
		{"aws-iso-e", "eu-isoe-west-1", "", false, true, ""},
		{"aws-moon", "moon-1", "", false, false, ""},
		{"aws", "eu-central-1", "https://VPCE-1.example:443/", false, false, "https://vpce-1.example/"},
		{"aws", "eu-central-1", "https://gateway.example:8443/aws/ra", false, false, "https://gateway.example:8443/aws/ra"},
		{"aws", "eu-central-1", "http://[::1]:9000", false, false, "http://[::1]:9000"},
		{"aws", "eu-central-1", "http://localhost:80", false, false, "http://localhost"},
		{"aws", "eu-central-1", "http://10.0.0.1", false, false, ""},
		{"aws", "eu-central-1", "https://host?x=y", false, false, ""},
		{"aws", "eu-central-1", "host:443", false, false, ""},
		{"aws", "eu-central-1", "https://host", false, true, ""},
	} {
		u, err := Endpoint(ARN{Partition: row.partition, Region: row.region}, row.explicit, row.fips, row.dual)
		got := ""
		if err == nil {
			got = u.String()
		}
		if strings.TrimSuffix(got, "/") != strings.TrimSuffix(row.want, "/") {
			t.Errorf("Endpoint(%s, %s, %q, fips %v, dual %v) = %q, %v, want %q", row.partition, row.region, row.explicit, row.fips, row.dual, got, err, row.want)
		}
	}
}

func TestOwnClientFollowsNoRedirect(t *testing.T) {
	given := &http.Client{Timeout: time.Second, Transport: http.DefaultTransport}
	for name, d := range map[string]Doer{"none": nil, "http.Client": given, "the SDK's": awshttp.NewBuildableClient()} {
		c, isClient := ownClient(d).(*http.Client)
		if !isClient || c.Transport == nil || c.CheckRedirect == nil || !errors.Is(c.CheckRedirect(nil, nil), http.ErrUseLastResponse) {
			t.Errorf("%s: the client is %+v, want one with a transport that follows no redirect", name, c)
		}
		if name == "http.Client" && (c.Timeout != given.Timeout || c.Transport != given.Transport || given.CheckRedirect != nil) {
			t.Errorf("%s: want its transport and timeout taken, and itself unchanged", name)
		}
	}
	var foreign Doer = foreignDoer{}
	if ownClient(foreign) != foreign {
		t.Error("a client of another kind was not used as it is")
	}
}

type foreignDoer struct{}

func (foreignDoer) Do(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }

func TestConfigLogValue(t *testing.T) {
	var out bytes.Buffer
	c := goodConfig()
	c.Endpoint = "https://user:hunter2@host"
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c)
	if !strings.Contains(out.String(), anchorARN) || strings.Contains(out.String(), "hunter2") {
		t.Errorf("the log is %s, want the ARNs and no password", out.String())
	}
}

func FuzzParseARN(f *testing.F) {
	for _, s := range []string{anchorARN, profileARN, roleARN, "", "arn:aws:iam::1:role/x", "arn:aws-:a:b:111122223333:c", "arn:aws:a:b:111122223333:c:d:e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseARN(s)
		if err != nil {
			if a != (ARN{}) {
				t.Errorf("ParseARN(%q) = %v beside an error", s, a)
			}
			return
		}
		if d := cmp.Diff(s, a.String()); d != "" {
			t.Errorf("ParseARN(%q).String() differs:\n%s", s, d)
		}
	})
}
