package aws

import (
	"fmt"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/policy"
)

// role is an IAM role. Updates replace trust and policies under the server's lock.
type role struct {
	arn, id    string
	trust      policy.Document
	trustText  string
	policies   map[string]policy.Document // :: name → inline policy
	texts      map[string]string          // :: name → the same as it was written
	maxSession time.Duration
}

// name is the role's without its path.
func (r *role) name() string { return r.arn[strings.LastIndex(r.arn, "/")+1:] }

// path is the role's, with a slash at both ends.
func (r *role) path() string {
	_, rest, _ := strings.Cut(r.arn, ":role")
	return rest[:strings.LastIndex(rest, "/")+1]
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
	return arn, s.addRole(&role{arn: arn, trust: trust, trustText: trustPolicy})
}

// CreateExecutionRole makes a role that Lambda alone takes on, for its functions, and returns its ARN. name may have a path
// in front.
func (s *Server) CreateExecutionRole(name string) (string, error) {
	arn := fmt.Sprintf("arn:%s:iam::%s:role/%s", s.config.Partition, s.config.Account, name)
	if !roleARNPattern.MatchString(arn) {
		return "", fmt.Errorf("create role %q: a name has 1 to 64 of A-Za-z0-9_+=,.@- and perhaps a path in front", name)
	}
	return arn, s.addRole(&role{arn: arn}) // whose trust policy says nothing to Roles Anywhere
}

// addRole adds a role, whose name, without the path, must be new.
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func (s *Server) addRole(r *role) error {
	r.id, r.maxSession = keyID("AROA"), durationDefault
	r.policies, r.texts = make(map[string]policy.Document), make(map[string]string)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roleNamed(r.name()) != nil {
		return fmt.Errorf("create role %q: it exists already", r.name())
	}
	s.roles[r.arn] = r
	return nil
}

// roleNamed is the role of that name, without its path; nil if there is none. The caller holds mu.
func (s *Server) roleNamed(name string) *role {
	for _, r := range s.roles {
		if r.name() == name {
			return r
		}
	}
	return nil
}

// UpdateTrustPolicy replaces a role's trust policy.
func (s *Server) UpdateTrustPolicy(roleARN, trustPolicy string) error {
	trust, err := policy.ParseTrust(trustPolicy)
	if err != nil {
		return fmt.Errorf("update role %s: %w", roleARN, err)
	}
	return s.onRole(roleARN, func(r *role) { r.trust, r.trustText = trust, trustPolicy })
}

// PutRolePolicy adds or replaces an inline policy of a role.
func (s *Server) PutRolePolicy(roleARN, name, text string) error {
	d, err := policy.ParseIdentity(text)
	if err != nil {
		return fmt.Errorf("put policy %q of role %s: %w", name, roleARN, err)
	}
	return s.onRole(roleARN, func(r *role) { r.policies[name], r.texts[name] = d, text })
}

// DeleteRolePolicy removes an inline policy; that it is not there is no error.
func (s *Server) DeleteRolePolicy(roleARN, name string) error {
	return s.onRole(roleARN, func(r *role) {
		delete(r.policies, name)
		delete(r.texts, name)
	})
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
