package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

// Limits of profiles and sessions.
// Source: https://github.com/boto/botocore/blob/develop/botocore/data/rolesanywhere/2018-05-10/service-2.json
const (
	profileRolesMax = 250
	durationMin     = 15 * time.Minute
	durationMax     = 12 * time.Hour
	durationDefault = time.Hour
)

var profileName = regexp.MustCompile(`^[A-Za-z0-9 _-]+$`)

type profile struct {
	ProfileOptions
	name     string
	boundary *policy.Document
}

// ProfileOptions are a profile's settings.
type ProfileOptions struct {
	// Roles are the ARNs of the roles that may be asked for.
	Roles []string
	// Duration is how long sessions last if the client does not say, 15 minutes to 12 hours; 0 means one hour.
	Duration time.Duration
	// AcceptRoleSessionName lets clients name their sessions.
	AcceptRoleSessionName bool
	// SessionPolicy is JSON that bounds what the roles allow; "" means no bound.
	SessionPolicy string
	// Disabled refuses all sessions.
	Disabled bool
}

// CreateProfile makes a profile and returns its ARN, which depends on name alone.
func (s *Server) CreateProfile(name string, o ProfileOptions) (string, error) {
	if len(name) == 0 || len(name) > 255 || !profileName.MatchString(name) {
		return "", fmt.Errorf("create profile %q: a name has 1 to 255 letters, digits, spaces, - and _", name)
	}
	p, err := s.newProfile(o)
	if err != nil {
		return "", fmt.Errorf("create profile %q: %w", name, err)
	}
	p.name = name
	arn := s.profileARN(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.profiles[arn] != nil {
		return "", fmt.Errorf("create profile %q: it exists already", name)
	}
	s.profiles[arn] = p
	return arn, nil
}

func (s *Server) profileARN(name string) string {
	return s.arn(serviceRolesAnywhere, "profile/"+s.stableID("profile", name))
}

// DeleteProfile removes a profile; sessions already given out live on.
func (s *Server) DeleteProfile(arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.profiles[arn] == nil {
		return fmt.Errorf("delete profile %s: it does not exist", arn)
	}
	delete(s.profiles, arn)
	return nil
}

// UpdateProfile replaces all of a profile's settings.
func (s *Server) UpdateProfile(arn string, o ProfileOptions) error {
	p, err := s.newProfile(o)
	if err != nil {
		return fmt.Errorf("update profile %s: %w", arn, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.profiles[arn]
	if before == nil {
		return fmt.Errorf("update profile %s: it does not exist", arn)
	}
	p.name = before.name
	s.profiles[arn] = p
	return nil
}

func (s *Server) newProfile(o ProfileOptions) (*profile, error) {
	o.Roles = slices.Clone(o.Roles)
	if o.Duration == 0 {
		o.Duration = durationDefault
	}
	if o.Duration < durationMin || o.Duration > durationMax || o.Duration%time.Second != 0 {
		return nil, fmt.Errorf("duration %v is not whole seconds between %v and %v", o.Duration, durationMin, durationMax)
	}
	if len(o.Roles) > profileRolesMax {
		return nil, fmt.Errorf("it has %d roles, more than %d", len(o.Roles), profileRolesMax)
	}
	for _, arn := range o.Roles {
		if !roleARNPattern.MatchString(arn) {
			return nil, fmt.Errorf("role %q is not the ARN of a role", arn)
		}
	}
	p := &profile{ProfileOptions: o}
	if strings.TrimSpace(o.SessionPolicy) != "" {
		d, err := policy.ParseIdentity(o.SessionPolicy)
		if err != nil {
			return nil, fmt.Errorf("session policy: %w", err)
		}
		p.boundary = &d
	}
	return p, nil
}
