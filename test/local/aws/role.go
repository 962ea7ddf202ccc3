package aws

import (
	"fmt"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

// role is an IAM role. Updates replace trust and policies under the server's lock.
type role struct {
	arn, id    string
	trust      policy.Document
	policies   map[string]policy.Document // :: name → inline policy
	maxSession time.Duration
}

func (r *role) evaluate(q policy.Request) policy.Verdict {
	verdict := policy.Silent
	for _, d := range r.policies {
		switch d.Evaluate(q) {
		case policy.Deny:
			return policy.Deny
		case policy.Allow:
			verdict = policy.Allow
		case policy.Silent:
		}
	}
	return verdict
}

// CreateRole makes a role with a trust policy and returns its ARN. name may have a path in front, path/Name. Errors name
// the element of the policy that is wrong or that the stand-in does not evaluate.
func (s *Server) CreateRole(name, trustPolicy string) (string, error) {
	arn := fmt.Sprintf("arn:%s:iam::%s:role/%s", s.config.Partition, s.config.Account, name)
	if !roleARNPattern.MatchString(arn) {
		return "", fmt.Errorf("create role %q: a name has 1 to 64 of A-Za-z0-9_+=,.@- and perhaps a path in front", name)
	}
	trust, err := policy.ParseTrust(trustPolicy)
	if err != nil {
		return "", fmt.Errorf("create role %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roles[arn] != nil {
		return "", fmt.Errorf("create role %q: it exists already", name)
	}
	s.roles[arn] = &role{
		arn: arn, id: keyID("AROA"), trust: trust,
		policies: make(map[string]policy.Document), maxSession: durationDefault,
	}
	return arn, nil
}

// UpdateTrustPolicy replaces a role's trust policy.
func (s *Server) UpdateTrustPolicy(roleARN, trustPolicy string) error {
	trust, err := policy.ParseTrust(trustPolicy)
	if err != nil {
		return fmt.Errorf("update role %s: %w", roleARN, err)
	}
	return s.onRole(roleARN, func(r *role) { r.trust = trust })
}

// PutRolePolicy adds or replaces an inline policy of a role.
func (s *Server) PutRolePolicy(roleARN, name, text string) error {
	d, err := policy.ParseIdentity(text)
	if err != nil {
		return fmt.Errorf("put policy %q of role %s: %w", name, roleARN, err)
	}
	return s.onRole(roleARN, func(r *role) { r.policies[name] = d })
}

// DeleteRolePolicy removes an inline policy; that it is not there is no error.
func (s *Server) DeleteRolePolicy(roleARN, name string) error {
	return s.onRole(roleARN, func(r *role) { delete(r.policies, name) })
}

// SetMaxSessionDuration sets how long a role's sessions may last, one to 12 hours; a new role's is one hour.
func (s *Server) SetMaxSessionDuration(roleARN string, d time.Duration) error {
	if d < time.Hour || d > durationMax {
		return fmt.Errorf("set session duration of role %s: %v is not between 1h and %v", roleARN, d, durationMax)
	}
	return s.onRole(roleARN, func(r *role) { r.maxSession = d })
}

// DeleteRole removes a role; its sessions may do nothing from then on.
func (s *Server) DeleteRole(arn string) error {
	return s.onRole(arn, func(*role) { delete(s.roles, arn) })
}

func (s *Server) onRole(arn string, change func(*role)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.roles[arn]
	if r == nil {
		return fmt.Errorf("change role %s: it does not exist", arn)
	}
	change(r)
	return nil
}
