package bridge

import (
	"bytes"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// good is an environment without problems.
func good() map[string]string {
	return map[string]string{
		"AUTH": "none", "DESTINATION_NAME": "aws-orders", "TARGET": "x",
		"DESTINATION_SERVICE_KEY_PATH":    "/no/such/file", // which can be mended while the function runs
		"ROLES_ANYWHERE_TRUST_ANCHOR_ARN": "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/11111111-2222-3333-4444-555555555555",
		"ROLES_ANYWHERE_PROFILE_ARN":      "arn:aws:rolesanywhere:eu-central-1:111122223333:profile/66666666-7777-8888-9999-000000000000",
		"ROLES_ANYWHERE_ROLE_ARN":         "arn:aws:iam::111122223333:role/trustbridge-publish-sns",
	}
}

// problemsOf is everything that is wrong with good and the changes, as run would list it.
func problemsOf(changes map[string]string) []string {
	environment := good()
	maps.Copy(environment, changes)
	var c Config
	f := Function{Name: "fn", Settings: &own{}}
	problems, _ := f.configure(&c, append(settingsOf(&c), settingsOf(f.Settings)...), environment)
	var out []string
	for _, p := range problems {
		out = append(out, p.Error())
	}
	return out
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		changes map[string]string
		want    []string // each a part of one problem, in order
	}{
		"none":                 {nil, nil},
		"anchor is a profile":  {map[string]string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN": good()["ROLES_ANYWHERE_PROFILE_ARN"]}, []string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN"}},
		"other account":        {map[string]string{"ROLES_ANYWHERE_ROLE_ARN": "arn:aws:iam::999922223333:role/x"}, []string{"ROLES_ANYWHERE_ROLE_ARN"}},
		"session too short":    {map[string]string{"ROLES_ANYWHERE_DURATION": "1m"}, []string{"ROLES_ANYWHERE_DURATION"}},
		"session name":         {map[string]string{"ROLES_ANYWHERE_SESSION_NAME": "a b"}, []string{"ROLES_ANYWHERE_SESSION_NAME"}},
		"endpoint and FIPS":    {map[string]string{"AWS_ENDPOINT_URL": "https://127.0.0.1:1", "AWS_USE_FIPS_ENDPOINT": "true"}, []string{"AWS_ENDPOINT_URL and AWS_USE_FIPS_ENDPOINT contradict"}},
		"a service's and FIPS": {map[string]string{"AWS_ENDPOINT_URL_SNS": "https://127.0.0.1:1", "AWS_USE_FIPS_ENDPOINT": "true"}, []string{"AWS_ENDPOINT_URL_SNS and AWS_USE_FIPS_ENDPOINT contradict"}},
		"endpoint and both": {
			map[string]string{"AWS_ENDPOINT_URL_ROLESANYWHERE": "https://127.0.0.1:1", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
			[]string{"AWS_ENDPOINT_URL_ROLESANYWHERE and AWS_USE_FIPS_ENDPOINT contradict", "AWS_ENDPOINT_URL_ROLESANYWHERE and AWS_USE_DUALSTACK_ENDPOINT contradict"},
		},
		"endpoints":             {map[string]string{"AWS_ENDPOINT_URL": "https://a.example", "AWS_ENDPOINT_URL_ROLESANYWHERE": "https://b.example", "AWS_ENDPOINT_URL_SNS": "http://c.example:1/x"}, nil},
		"FIPS alone":            {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, nil},
		"endpoint that is none": {map[string]string{"AWS_ENDPOINT_URL": "sns.example"}, []string{"AWS_ENDPOINT_URL endpoint"}},
		"endpoint that hides":   {map[string]string{"AWS_ENDPOINT_URL": "sns.example", "AWS_ENDPOINT_URL_ROLESANYWHERE": "https://b.example"}, []string{"AWS_ENDPOINT_URL is no URL"}},
		"a service's, none":     {map[string]string{"AWS_ENDPOINT_URL_SNS": "sns.example:443"}, []string{"AWS_ENDPOINT_URL_SNS is no URL"}},
		"a service's, no host":  {map[string]string{"AWS_ENDPOINT_URL_SNS": "https://:443"}, []string{"AWS_ENDPOINT_URL_SNS is no URL"}},
		"a service's, protocol": {map[string]string{"AWS_ENDPOINT_URL_SNS": "ftp://sns.example"}, []string{"AWS_ENDPOINT_URL_SNS is no URL"}},
		"source":                {map[string]string{"DEFAULT_SOURCE": "/a%zz"}, []string{"DEFAULT_SOURCE is"}},
		"blank source":          {map[string]string{"DEFAULT_SOURCE": " "}, []string{"DEFAULT_SOURCE is"}},
		"no CA bundle":          {map[string]string{"AWS_CA_BUNDLE": "/no/such/file"}, []string{"AWS_CA_BUNDLE cannot be read"}},
		"empty CA bundle":       {map[string]string{"AWS_CA_BUNDLE": os.DevNull}, []string{"AWS_CA_BUNDLE is"}},
		"no binding":            {map[string]string{"DESTINATION_SERVICE_KEY_PATH": ""}, []string{"SERVICE_BINDING_ROOT and VCAP_SERVICES and VCAP_SERVICES_FILE_PATH and DESTINATION_SERVICE_KEY_PATH give no one binding"}},
		"binding and others": {
			map[string]string{"DESTINATION_SERVICE_KEY_PATH": "", "AUTH": "", "GRACE": "4s", "TARGET": "nowhere"},
			[]string{"AUTH is not set", "GRACE and DRAIN_DELAY", "TARGET leads nowhere", "SERVICE_BINDING_ROOT"},
		},
		"several bindings": {
			map[string]string{"DESTINATION_SERVICE_KEY_PATH": "", "VCAP_SERVICES": `{"destination":[{"name":"a","credentials":{}},{"name":"b","credentials":{}}]}`},
			[]string{"SERVICE_BINDING_ROOT"},
		},
		"limits that just fit":    {map[string]string{"MAX_EVENT_BYTES": "4MiB", "QUEUE_EVENTS": "100", "QUEUE_BYTES": "4MiB", "GRACE": "5s", "DRAIN_DELAY": "3s"}, nil},
		"sign-in endpoint":        {map[string]string{"AWS_ENDPOINT_URL_ROLESANYWHERE": "http://aws.example"}, []string{"AWS_ENDPOINT_URL_ROLESANYWHERE"}},
		"event above body":        {map[string]string{"MAX_EVENT_BYTES": "8MiB"}, []string{"MAX_EVENT_BYTES and MAX_BODY_BYTES contradict"}},
		"queue below a batch":     {map[string]string{"QUEUE_EVENTS": "50"}, []string{"QUEUE_EVENTS and MAX_BATCH_EVENTS contradict"}},
		"queue below a body":      {map[string]string{"QUEUE_BYTES": "1MiB"}, []string{"QUEUE_BYTES and MAX_BODY_BYTES contradict"}},
		"grace below the delay":   {map[string]string{"GRACE": "4s", "DRAIN_DELAY": "3s"}, []string{"GRACE and DRAIN_DELAY contradict"}},
		"key and choice":          {map[string]string{"DESTINATION_SERVICE_KEY_PATH": "/x", "DESTINATION_BINDING": "y"}, []string{"DESTINATION_SERVICE_KEY_PATH and DESTINATION_BINDING contradict"}},
		"strict beside repairs":   {map[string]string{"STRICT": "true", "DEFAULT_SOURCE": "/x", "EVENT_HUB_UNWRAP": "always"}, nil},
		"no AUTH":                 {map[string]string{"AUTH": ""}, []string{"AUTH is not set"}},
		"AUTH of a later version": {map[string]string{"AUTH": "jwt"}, []string{`AUTH is "jwt"`}},
		"IDENTITY of a later one": {map[string]string{"IDENTITY": "file"}, []string{`IDENTITY is "file"`}},
		"variables of later ones": {
			map[string]string{"DEAD_LETTER_URL": "https://x", "OTEL_EXPORTER_OTLP_ENDPOINT": "x", "ROUTES_PATH": "/x"},
			[]string{"DEAD_LETTER_URL is set", "OTEL_EXPORTER_OTLP_ENDPOINT is set", "ROUTES_PATH is set"},
		},
		"settings of other functions": {
			map[string]string{"DYNAMODB_TABLE": "t", "LAMBDA_FUNCTION": "f"},
			[]string{"DYNAMODB_TABLE is a setting of store-dynamodb", "LAMBDA_FUNCTION is a setting of invoke-lambda"},
		},
		"plain events without a source": {map[string]string{"HTTP_EVENT_TYPE": "t"}, []string{"HTTP_EVENT_TYPE and HTTP_EVENT_SOURCE belong together"}},
		"plain events":                  {map[string]string{"HTTP_EVENT_TYPE": "t", "HTTP_EVENT_SOURCE": "/s"}, nil},
		"nor what follows from it":      {map[string]string{"MAX_BODY_BYTES": "much"}, []string{`MAX_BODY_BYTES is "much"`}},
		"wrong value is reported once":  {map[string]string{"ROLES_ANYWHERE_DURATION": "soon"}, []string{`ROLES_ANYWHERE_DURATION is "soon"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(tc.changes)
			if len(got) != len(tc.want) {
				t.Fatalf("problems = %q, want %d", got, len(tc.want))
			}
			for i := range got {
				if !strings.Contains(got[i]+" ", tc.want[i]) {
					t.Errorf("problem %d = %q, want it to say %q", i, got[i], tc.want[i])
				}
			}
		})
	}
}

// TestEveryUnbuiltVariableIsNamed holds the list to the error: none may be silently without effect.
func TestEveryUnbuiltVariableIsNamed(t *testing.T) {
	for _, name := range unbuilt {
		if got := problemsOf(map[string]string{name: "x"}); len(got) != 1 || !strings.HasPrefix(got[0], name+" is set") {
			t.Errorf("%s=x: problems = %q, want one that names it", name, got)
		}
	}
}

func TestNamesBesideOurs(t *testing.T) {
	settings := settingsOf(&Config{})
	for name, tc := range map[string]struct {
		variable, value string
		warned          string
	}{
		"one letter":             {"DESTINATON_NAME", "x", "DESTINATION_NAME"},
		"any case":               {"destination_name", "x", "DESTINATION_NAME"},
		"the nearest of two":     {"ROLES_ANYWHERE_ROILE_ARN", "x", "ROLES_ANYWHERE_ROLE_ARN"},
		"three letters":          {"DESTINATION_NAM_XX", "x", ""},
		"short, two letters":     {"PART1", "x", ""},
		"kubernetes udp port":    {"OTEL_COLLECTOR_PORT_6831_UDP_ADDR", "10.0.0.1", ""},
		"kubernetes udp link":    {"OTEL_COLLECTOR_PORT", "udp://10.0.0.1:6831", ""},
		"kubernetes sctp":        {"OTEL_COLLECTOR_PORT_1_SCTP_PROTO", "sctp", ""},
		"kubernetes named port":  {"OTEL_COLLECTOR_SERVICE_PORT_GRPC", "4317", ""},
		"kubernetes of ours":     {"METRICS_PORT", "tcp://10.0.0.1:80", ""},
		"two letters":            {"ROLES_ANYWHERE_ROL_ARM", "x", "ROLES_ANYWHERE_ROLE_ARN"},
		"short name, one letter": {"POR", "8080", "PORT"},
		"common variables":       {"PATH", "/bin", ""},
		"home":                   {"HOME", "/root", ""},
		"kubernetes host":        {"PORT_SERVICE_HOST", "10.0.0.1", ""},
		"kubernetes port":        {"GRACE_PORT_80_TCP_ADDR", "10.0.0.1", ""},
		"kubernetes link":        {"POST", "tcp://10.0.0.1:80", ""},
		"empty":                  {"PORTS", "", ""},
		"our own":                {"PORT", "80", ""},
	} {
		problems, warnings := checkNames(settings, map[string]string{tc.variable: tc.value})
		if len(problems) != 0 {
			t.Errorf("%s: problems = %v, want none", name, problems)
		}
		if tc.warned == "" && len(warnings) != 0 || tc.warned != "" && (len(warnings) != 1 || !strings.HasSuffix(warnings[0], tc.warned+" is")) {
			t.Errorf("%s: %s=%s: warnings = %q, want one of %q", name, tc.variable, tc.value, warnings, tc.warned)
		}
	}
}

func TestProblemsArePrintedForPeople(t *testing.T) {
	var out bytes.Buffer
	printProblems(&out, "publish-sns", []Problem{
		{Names: []string{"A"}, Reason: "is not set", Purpose: "the first letter", Example: "a"},
		{Names: []string{"B", "C"}, Reason: "contradict each other"},
		{Names: []string{"F", "G"}, Reason: "are not there", Purpose: "a choice", Example: "G=g"},
	}, []string{"D is not a setting; E is"})
	want := `publish-sns: 3 problems in the configuration; docs/configuration.md and publish-sns -help describe every variable

  A is not set
      what it is for: the first letter
      for example:    A=a

  B and C contradict each other

  F and G are not there
      what it is for: a choice
      for example:    G=g

  perhaps misspelt: D is not a setting; E is
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printProblems() (-want +got):\n%s", diff)
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out bytes.Buffer
	settings := settingsOf(&Config{})
	printSettings(&out, "publish-sns", settings)
	for _, s := range settings {
		if !strings.Contains(out.String(), "\n  "+s.name+" ") && !strings.Contains(out.String(), "\n  "+s.name+"\n") {
			t.Errorf("-help does not name %s", s.name)
		}
	}
}

func TestParseEnvironment(t *testing.T) {
	got := parseEnvironment([]string{"A=1", "B=x=y", "C=", "=C:", "no", "A=2"})
	if diff := cmp.Diff(map[string]string{"A": "2", "B": "x=y", "C": ""}, got); diff != "" {
		t.Errorf("parseEnvironment() (-want +got):\n%s", diff)
	}
}

// TestDocumentNamesWhatIsNotBuilt: no setting of the design is silently without effect.
func TestDocumentNamesWhatIsNotBuilt(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unbuilt {
		if !bytes.Contains(text, []byte("`"+name+"`")) && !strings.HasSuffix(name, "_FILE") {
			t.Errorf("docs/configuration.md does not say that %s is not built yet", name)
		}
	}
}
