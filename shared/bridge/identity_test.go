package bridge

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/shared/destination"
	"github.com/trustbridge/trustbridge/shared/forward"
	"github.com/trustbridge/trustbridge/test/virtual"
)

// noARNs takes the three ARNs away.
func noARNs(more map[string]string) map[string]string {
	out := map[string]string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN": "", "ROLES_ANYWHERE_PROFILE_ARN": "", "ROLES_ANYWHERE_ROLE_ARN": ""}
	maps.Copy(out, more)
	return out
}

func TestIdentityProblems(t *testing.T) {
	byName := map[string]string{"DESTINATION_NAME": "", "CERTIFICATE_NAME": "orders.pem", "CERTIFICATE_LEVEL": "instance"}
	with := func(a, b map[string]string) map[string]string {
		out := maps.Clone(a)
		maps.Copy(out, b)
		return out
	}
	for name, tc := range map[string]struct {
		changes map[string]string
		want    []string // each a part of one problem, in order
	}{
		"ARNs from the destination":       {noARNs(map[string]string{"AWS_REGION": "eu-central-1"}), nil},
		"no region":                       {noARNs(nil), []string{"AWS_REGION is not set, and neither the target's setting nor ROLES_ANYWHERE_TRUST_ANCHOR_ARN names a region"}},
		"no region beside another":        {noARNs(map[string]string{"AUTH": ""}), []string{"AUTH is not set", "AWS_REGION is not set"}},
		"region of no target yet":         {noARNs(map[string]string{"TARGET": ""}), []string{"TARGET is not set"}},
		"one ARN wrong, others to come":   {noARNs(map[string]string{"AWS_REGION": "eu-central-1", "ROLES_ANYWHERE_ROLE_ARN": "role"}), []string{`ROLES_ANYWHERE_ROLE_ARN "role" is no ARN`}},
		"neither destination nor name":    {map[string]string{"DESTINATION_NAME": ""}, []string{"DESTINATION_NAME is not set"}},
		"nothing of it":                   {noARNs(map[string]string{"DESTINATION_NAME": ""}), []string{"DESTINATION_NAME is not set", "TRUST_ANCHOR_ARN is not set", "PROFILE_ARN is not set", "ROLE_ARN is not set"}},
		"certificate":                     {byName, nil},
		"certificate without ARNs":        {noARNs(byName), []string{"TRUST_ANCHOR_ARN is not set", "PROFILE_ARN is not set", "ROLE_ARN is not set"}},
		"certificate and destination":     {with(byName, map[string]string{"DESTINATION_NAME": "x"}), []string{"DESTINATION_NAME and CERTIFICATE_NAME contradict"}},
		"certificate without level":       {with(byName, map[string]string{"CERTIFICATE_LEVEL": ""}), []string{"CERTIFICATE_NAME and CERTIFICATE_LEVEL belong together"}},
		"level without certificate":       {map[string]string{"CERTIFICATE_LEVEL": "instance"}, []string{"CERTIFICATE_NAME and CERTIFICATE_LEVEL belong together"}},
		"level of another thing":          {with(byName, map[string]string{"DESTINATION_LEVEL": "instance"}), []string{"DESTINATION_LEVEL and CERTIFICATE_NAME contradict"}},
		"no such level":                   {map[string]string{"DESTINATION_LEVEL": "account"}, []string{`DESTINATION_LEVEL is "account"; possible: instance, subaccount, provider_instance, provider_subaccount`}},
		"no such level of a certificate":  {with(byName, map[string]string{"CERTIFICATE_LEVEL": "provider_instance"}), []string{`CERTIFICATE_LEVEL is "provider_instance"`}},
		"level":                           {map[string]string{"DESTINATION_LEVEL": "provider_subaccount"}, nil},
		"subdomain":                       {map[string]string{"DESTINATION_SUBDOMAIN": "customer-1"}, nil},
		"subdomain of several":            {map[string]string{"DESTINATION_SUBDOMAIN": "a.b"}, []string{`DESTINATION_SUBDOMAIN is "a.b"`}},
		"key that is mounted later":       {map[string]string{"DESTINATION_KEY_PATH": "/no/such/file"}, nil},
		"root without a binding":          {map[string]string{"DESTINATION_SERVICE_KEY_PATH": "", "SERVICE_BINDING_ROOT": "/no/such/folder"}, []string{"/no/such/folder (does not exist)"}},
		"anchor that names the region":    {map[string]string{"ROLES_ANYWHERE_PROFILE_ARN": "", "ROLES_ANYWHERE_ROLE_ARN": ""}, nil},
		"region of the anchor's own form": {map[string]string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN": "x"}, []string{"ROLES_ANYWHERE_TRUST_ANCHOR_ARN"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(tc.changes)
			if len(got) != len(tc.want) {
				t.Fatalf("problems = %q, want %d", got, len(tc.want))
			}
			for i := range got {
				if !strings.Contains(got[i], tc.want[i]) {
					t.Errorf("problem %d = %q, want it to say %q", i, got[i], tc.want[i])
				}
			}
		})
	}
}

// TestTargetThatNamesItsRegion needs neither AWS_REGION nor the anchor's.
func TestTargetThatNamesItsRegion(t *testing.T) {
	environment := startable(t)
	maps.Copy(environment, noARNs(nil))
	var c Config
	f := Function{Name: "fn", Settings: &own{region: "us-east-1"}, NewSink: func(Target) forward.Sink { return &slow{} }}
	if problems, _ := f.configure(&c, append(settingsOf(&c), settingsOf(f.Settings)...), environment); len(problems) != 0 {
		t.Errorf("problems = %v, want none", problems)
	}
	if got, err := c.loadAWS(t.Context(), f.Settings.Region()); err != nil || got.Region != "us-east-1" {
		t.Errorf("region = %q (%v), want the target's", got.Region, err)
	}
	if _, err := c.loadAWS(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "AWS_REGION is not set") {
		t.Errorf("loadAWS() without any region = %v, want AWS_REGION named", err)
	}
}

func TestSettingsReachTheDestination(t *testing.T) {
	environment := good()
	maps.Copy(environment, map[string]string{
		"DESTINATION_LEVEL": "subaccount", "DESTINATION_SUBDOMAIN": "s", "DESTINATION_KEY_PATH": "/k", "SERVICE_BINDING_ROOT": "/b",
		"DESTINATION_SERVICE_KEY_PATH": "", "DESTINATION_BINDING": "n", "VCAP_SERVICES": "{}", "VCAP_SERVICES_FILE_PATH": "/v",
	})
	var c Config
	load(settingsOf(&c), environment)
	want := destination.Config{Name: "aws-orders", Level: destination.Subaccount, Subdomain: "s", KeyPath: "/k"}
	if d := cmp.Diff(want, c.destination()); d != "" {
		t.Errorf("destination() (-want +got):\n%s", d)
	}
	maps.Copy(environment, map[string]string{"DESTINATION_NAME": "", "CERTIFICATE_NAME": "c", "CERTIFICATE_LEVEL": "instance"})
	c = Config{}
	load(settingsOf(&c), environment)
	if got := c.destination(); got.CertificateName != "c" || got.CertificateLevel != destination.Instance || c.rolesAnywhere().ARNsFromSource {
		t.Errorf("destination() = %+v, want the certificate, and no ARNs from it", got)
	}
	s := c.bindingSources()
	if s.Root != "/b" || s.DefaultRoot != "/etc/secrets/sapbtp" || s.Name != "n" || s.VCAPServices != "{}" || s.VCAPServicesFilePath != "/v" || s.ServiceKeyPath != "" {
		t.Errorf("bindingSources() = %+v, want every place", s)
	}
}

// TestMountedBinding: a function starts with a folder of SERVICE_BINDING_ROOT and nothing else of BTP.
func TestMountedBinding(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "destination")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"type": "destination", "clientid": "c", "clientsecret": "s", "url": "https://127.0.0.1:1", "uri": "https://127.0.0.1:1"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := startable(t)
	maps.Copy(environment, map[string]string{"DESTINATION_SERVICE_KEY_PATH": "", "SERVICE_BINDING_ROOT": root})
	if code, target, _, log, _ := started(t, environment); code != exitOK || target == nil {
		t.Errorf("run() = %d, want it to start:\n%s", code, log)
	}
}

// TestCertificateNameOfNoUse is the counterpart of a destination's name: named as the variable it is.
func TestCertificateNameOfNoUse(t *testing.T) {
	environment := startable(t)
	maps.Copy(environment, map[string]string{"DESTINATION_NAME": "", "CERTIFICATE_NAME": strings.Repeat("x", 10_000), "CERTIFICATE_LEVEL": "instance"})
	if code, _, _, stderr, _ := started(t, environment); code != exitConfig || !strings.Contains(stderr, "CERTIFICATE_NAME cannot be looked up") {
		t.Errorf("run() = %d, want CERTIFICATE_NAME named:\n%s", code, stderr)
	}
}

// TestNoARNsIsNoReasonToEnd: an administrator can set them in the destination while the function runs.
func TestNoARNsIsNoReasonToEnd(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s, _, log := built(t, &slow{}, noARNs(map[string]string{"AWS_REGION": "eu-central-1", "DESTINATION_SERVICE_KEY_PATH": "/no/such/file"}))
		if _, err := s.identity.(*boundIdentity).provider.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
			t.Errorf("Retrieve = %v, want what keeps the destination from being read:\n%s", err, log)
		}
		time.Sleep(time.Second)
	})
}
