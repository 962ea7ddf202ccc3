package rolesanywhere

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The names of the properties of a destination that stand in for ARNs that the configuration lacks. They are compared without
// regard to case.
const (
	PropertyTrustAnchorARN = "aws.trustAnchorArn"
	PropertyProfileARN     = "aws.profileArn"
	PropertyRoleARN        = "aws.roleArn"
)

// target is what a session is asked for and where. It never changes.
type target struct {
	anchor, profile, role string // ARNs
	region                string // of the anchor
	account               string // of the role
	url                   *url.URL
	body                  []byte
	fromSource            bool // at least one ARN came from the source's properties
}

// equal is true if both ask for the same.
func (t *target) equal(other *target) bool {
	return other != nil && t.anchor == other.anchor && t.profile == other.profile && t.role == other.role
}

// newTarget is the target of a configuration whose ARNs have been checked, with what it posts to.
func newTarget(c Config, u *url.URL) (*target, error) {
	anchor, _ := ParseARN(c.TrustAnchorARN) // checked before
	role, _ := ParseARN(c.RoleARN)          // checked before
	body, err := json.Marshal(struct {
		DurationSeconds int64  `json:"durationSeconds,omitempty"`
		ProfileARN      string `json:"profileArn"`
		RoleARN         string `json:"roleArn"`
		SessionName     string `json:"roleSessionName,omitempty"`
		TrustAnchorARN  string `json:"trustAnchorArn"`
	}{int64(c.Duration / time.Second), c.ProfileARN, c.RoleARN, c.SessionName, c.TrustAnchorARN})
	if err != nil {
		return nil, fmt.Errorf("encode the session request: %w", err)
	}
	return &target{
		anchor: c.TrustAnchorARN, profile: c.ProfileARN, role: c.RoleARN, region: anchor.Region, account: role.Account, url: u, body: body,
	}, nil
}

// place is where an ARN may come from.
type place struct {
	arn                *string // in the configuration
	variable, property string
}

// places are the ARNs of c by the names of their fields.
func (c *Config) places() map[string]place {
	return map[string]place{
		"TrustAnchorARN": {&c.TrustAnchorARN, "ROLES_ANYWHERE_TRUST_ANCHOR_ARN", PropertyTrustAnchorARN},
		"ProfileARN":     {&c.ProfileARN, "ROLES_ANYWHERE_PROFILE_ARN", PropertyProfileARN},
		"RoleARN":        {&c.RoleARN, "ROLES_ANYWHERE_ROLE_ARN", PropertyRoleARN},
	}
}

// withProperties is the target of a configuration that takes the ARNs it lacks from properties. Its error names every ARN that
// is missing in both places, and every wrong one by the name of the place it came from.
func (c Config) withProperties(properties map[string]string) (*target, *Error) {
	came := make(map[string]bool) // :: field → from a property
	for field, p := range c.places() {
		if *p.arn == "" {
			*p.arn = lookUp(properties, p.property)
			came[field] = *p.arn != ""
		}
	}
	c.ARNsFromSource = false
	u, problems := c.resolve()
	if len(problems) == 0 {
		t, err := newTarget(c, u)
		if err != nil {
			return nil, &Error{Kind: Unconfigured, Err: err}
		}
		t.fromSource = len(came) > 0
		return t, nil
	}
	texts := make([]string, len(problems))
	for i, problem := range problems {
		p, isARN := c.places()[problem.Field]
		switch {
		case !isARN:
			texts[i] = problem.Error()
		case *p.arn == "":
			texts[i] = fmt.Sprintf("neither the variable %s nor the destination's property %s is set", p.variable, p.property)
		case came[problem.Field]:
			texts[i] = fmt.Sprintf("the destination's property %s: %s", p.property, problem.Reason)
		default:
			texts[i] = fmt.Sprintf("the variable %s: %s", p.variable, problem.Reason)
		}
	}
	return nil, &Error{Kind: Unconfigured, Rule: strings.Join(texts, "; ")}
}

// lookUp is the value of a property, by its exact name before others.
func lookUp(properties map[string]string, name string) string {
	if v, found := properties[name]; found {
		return v
	}
	best := ""
	for other, value := range properties {
		if strings.EqualFold(other, name) && (best == "" || value < best) {
			best = value // several in other cases: the same one each time
		}
	}
	return best
}
