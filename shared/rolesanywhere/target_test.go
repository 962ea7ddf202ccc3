package rolesanywhere

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trustbridge/trustbridge/shared/keystore"
)

// properties are those that fit the constants of the tests.
func properties() map[string]string {
	return map[string]string{PropertyTrustAnchorARN: anchorARN, PropertyProfileARN: profileARN, PropertyRoleARN: roleARN}
}

// otherARN is an ARN of the same kind in the same place.
func otherARN(arn string) string { return strings.Replace(arn, "1111-2222", "9999-2222", 1) }

// propertied is a source that gives properties too.
type propertied struct {
	source
	properties map[string]string
	next       func() (*keystore.Identity, map[string]string) // in the place of the others, if it is not nil
}

func (s *propertied) Snapshot(ctx context.Context) (*keystore.Identity, map[string]string, error) {
	id, err := s.Identity(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		id, p := s.next()
		return id, p, nil
	}
	return id, s.properties, err
}

func (s *propertied) say(p map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.properties = p
}

func (s *propertied) rejected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rejects)
}

// propertyStage is a stage without configured ARNs, whose source says p.
func propertyStage(t *testing.T, p map[string]string, change func(*Config)) (*stage, *propertied) {
	t.Helper()
	from := &propertied{properties: p}
	s := newStage(t, func(c *Config) {
		from.identity = c.Source.(*source).identity
		c.Source, c.ARNsFromSource = from, true
		c.TrustAnchorARN, c.ProfileARN, c.RoleARN = "", "", ""
		if change != nil {
			change(c)
		}
	})
	return s, from
}

func TestARNsComeFromProperties(t *testing.T) {
	inOtherCase := map[string]string{"AWS.TrustAnchorARN": anchorARN, "aws.profileARN": profileARN, "aws.RoleArn": roleARN, "aws.other": "x"}
	for name, p := range map[string]map[string]string{"as documented": properties(), "in another case": inOtherCase} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := propertyStage(t, p, nil)
			if region := s.Region(); region != "" {
				t.Errorf("%s: region %q before anything is known", name, region)
			}
			got, err := s.Retrieve(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body := s.service.all()[0].body
			for _, arn := range properties() {
				if !strings.Contains(body, `"`+arn+`"`) {
					t.Errorf("%s: the request %s lacks %s", name, body, arn)
				}
			}
			if s.Region() != "eu-central-1" || got.AccountID != "111122223333" {
				t.Errorf("%s: region %q, account %q; want those of the ARNs", name, s.Region(), got.AccountID)
			}
		})
	}
}

func TestTheConfigurationWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := properties()
		p[PropertyRoleARN] = "nonsense that nobody reads"
		s, _ := propertyStage(t, p, func(c *Config) { c.RoleARN = roleARN })
		if _, err := s.Retrieve(t.Context()); err != nil || !strings.Contains(s.service.all()[0].body, roleARN) {
			t.Errorf("Retrieve = %v, want the configured role", err)
		}
	})
}

func TestMissingAndWrongARNsAreNamed(t *testing.T) {
	const otherAccount = "arn:aws:iam::999922223333:role/x"
	for name, r := range map[string]struct {
		without, with map[string]string // properties taken away, and set
		configured    func(*Config)
		says          []string
	}{
		"all missing": {without: properties(), says: []string{
			"neither the variable ROLES_ANYWHERE_TRUST_ANCHOR_ARN nor the destination's property aws.trustAnchorArn is set",
			"neither the variable ROLES_ANYWHERE_PROFILE_ARN nor the destination's property aws.profileArn is set",
			"neither the variable ROLES_ANYWHERE_ROLE_ARN nor the destination's property aws.roleArn is set",
		}},
		"one missing":         {without: map[string]string{PropertyRoleARN: ""}, says: []string{"the destination's property aws.roleArn is set"}},
		"empty is missing":    {with: map[string]string{PropertyRoleARN: ""}, says: []string{"the destination's property aws.roleArn is set"}},
		"no ARN":              {with: map[string]string{PropertyProfileARN: "profile"}, says: []string{`the destination's property aws.profileArn: "profile" is no ARN`}},
		"a blank":             {with: map[string]string{PropertyRoleARN: roleARN + " "}, says: []string{"the destination's property aws.roleArn: ", "look for blanks"}},
		"another account":     {with: map[string]string{PropertyRoleARN: otherAccount}, says: []string{"the destination's property aws.roleArn: ", "is not in the account"}},
		"the variable is off": {configured: func(c *Config) { c.RoleARN = otherAccount }, says: []string{"the variable ROLES_ANYWHERE_ROLE_ARN: ", "is not in the account"}},
		"no such endpoint":    {configured: func(c *Config) { c.Endpoint, c.DualStack = "", true }, with: isoARNs(), says: []string{"dual-stack"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := properties()
			maps.DeleteFunc(p, func(name, _ string) bool { _, away := r.without[name]; return away })
			maps.Copy(p, r.with)
			s, from := propertyStage(t, p, r.configured)
			_, err := s.Retrieve(t.Context())
			e, _ := errors.AsType[*Error](err)
			if e == nil || e.Kind != Unconfigured || e.Outage() || e.RetryableError() || s.service.calls() != 0 {
				t.Fatalf("%s: Retrieve = %v after %d calls, want a refusal of ours before any", name, err, s.service.calls())
			}
			for _, part := range r.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: the error %q does not say %q", name, err, part)
				}
			}
			if strings.Contains(e.Detail(), "arn:") || !strings.Contains(e.Detail(), "properties of the destination") {
				t.Errorf("%s: the detail %q, want one for strangers", name, e.Detail())
			}
			if from.rejected() != 1 {
				t.Errorf("%s: the source was asked for a new look %d times, want once", name, from.rejected())
			}
			from.say(properties()) // the cure counts from the next event after 10 s, without a restart
			time.Sleep(refusalPause)
			if _, err := s.Retrieve(t.Context()); err != nil && r.configured == nil {
				t.Errorf("%s: after the cure Retrieve = %v", name, err)
			}
		})
	}
}

// isoARNs are in a partition that has no dual-stack hosts.
func isoARNs() map[string]string {
	out := properties()
	for name, arn := range out {
		out[name] = strings.ReplaceAll(strings.Replace(arn, "arn:aws:", "arn:aws-iso:", 1), "eu-central-1", "us-iso-east-1")
	}
	return out
}

// TestOneSnapshotASigning: whatever the source says meanwhile, certificate and ARNs of a request are of one look; also of an
// attempt that follows one that was lost before or after its effect.
func TestOneSnapshotASigning(t *testing.T) {
	for name, lost := range map[string]answer{"before": {dropBefore: true}, "after": {dropAfter: true}} {
		synctest.Test(t, func(t *testing.T) {
			s, from := propertyStage(t, nil, nil)
			ids := []*keystore.Identity{ecIdentity(t), rsaIdentity(t)}
			n := 0
			from.mu.Lock()
			from.next = func() (*keystore.Identity, map[string]string) {
				n++
				p := properties()
				if n%2 == 1 {
					p[PropertyTrustAnchorARN] = otherARN(anchorARN)
				}
				return ids[n%2], p
			}
			from.mu.Unlock()
			s.service.does(func(n int) answer {
				if n < 3 {
					return lost
				}
				return answer{}
			})
			if _, err := s.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, r := range s.service.all() {
				want := anchorARN
				if r.serial == ids[1].Leaf.SerialNumber.String() {
					want = otherARN(anchorARN)
				}
				if !strings.Contains(r.body, want) {
					t.Errorf("lost %s: attempt %d of serial %s asks %s, want the anchor of the same look, %s", name, i+1, r.serial, r.body, want)
				}
			}
			if len(s.service.all()) != 3 || n != 3 {
				t.Errorf("lost %s: %d attempts with %d looks, want 3 and 3", name, len(s.service.all()), n)
			}
		})
	}
}

func TestChangedPropertySignsInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, from := propertyStage(t, properties(), nil)
		if _, err := s.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.IdentityChanged() // nothing did
		time.Sleep(changeSpread)
		synctest.Wait()
		if n := s.service.calls(); n != 1 {
			t.Errorf("%d calls, want no other for the same identity and ARNs", n)
		}
		p := properties()
		p[PropertyRoleARN] += "2"
		from.say(p)
		s.IdentityChanged()
		time.Sleep(changeSpread)
		synctest.Wait()
		// The AWS SDK's own cache follows within a minute, not when the old role's session ends.
		if got, err := s.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIA2" || time.Until(got.Expires) > handOutMax {
			t.Errorf("Retrieve = %v until %v (%v), want the new role's, for a minute at most", got.AccessKeyID, got.Expires, err)
		}
		var shown strings.Builder
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "provider", s.Provider)
		if !strings.Contains(shown.String(), roleARN+"2") {
			t.Errorf("the provider shows itself as %s, want the ARNs in use", shown.String())
		}
		if all := s.service.all(); len(all) != 2 || !strings.Contains(all[1].body, roleARN+`2"`) {
			t.Errorf("%d calls, want a second for the new role within %v", len(all), changeSpread)
		}
	})
}

func TestRefusedARNsAreLookedUpAgain(t *testing.T) {
	for _, r := range []struct {
		fromProperties bool
		want           int
	}{{true, 1}, {false, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s, from := propertyStage(t, properties(), func(c *Config) {
				if !r.fromProperties {
					c.TrustAnchorARN, c.ProfileARN, c.RoleARN = anchorARN, profileARN, roleARN
				}
			})
			s.service.does(always(refuse("Trust anchor not found")))
			_, err := s.Retrieve(t.Context())
			if e, _ := errors.AsType[*Error](err); e == nil || !e.aboutARNs() || e.TrustAnchorARN != anchorARN {
				t.Fatalf("Retrieve = %v, want a refusal of the anchor", err)
			}
			if n := from.rejected(); n != r.want {
				t.Errorf("ARNs from properties %v: %d new looks asked for, want %d", r.fromProperties, n, r.want)
			}
		})
	}
}

func TestARNsNeedASourceThatGivesThem(t *testing.T) {
	c := Config{Source: &source{}, ARNsFromSource: true}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "Source: gives no properties") || strings.Contains(err.Error(), "ARN:") {
		t.Errorf("New = %v, want the source named alone", err)
	}
	c.RoleARN, c.Source = "x", &propertied{}
	if problems := Validate(c); len(problems) != 1 || problems[0].Field != "RoleARN" {
		t.Errorf("Validate = %v, want the one ARN that is there and wrong", problems)
	}
}

func TestPropertiesMayBeAskedForConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, from := propertyStage(t, nil, nil)
		var events sync.WaitGroup
		for range 100 {
			events.Go(func() {
				if _, err := s.Retrieve(t.Context()); err == nil {
					t.Error("Retrieve gave credentials without ARNs")
				}
			})
		}
		events.Wait()
		if n := from.rejected(); n != 1 {
			t.Errorf("100 events asked for %d looks, want one: %s", n, fmt.Sprint(s.log))
		}
	})
}
