package policy

import (
	"maps"
	"slices"
	"strings"
)

// Verdict is what a policy says of a request.
type Verdict int

const (
	// Silent means that no statement applies, which denies unless another policy allows.
	Silent Verdict = iota
	// Allow means that a statement allows and none denies.
	Allow
	// Deny means that a statement denies, which nothing can override.
	Deny
)

// String is the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Silent:
		return "silent"
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	}
	return "unknown"
}

// Keys are the condition keys of a request, for example aws:SourceArn. Names are compared without regard to case. A key
// that is not set is missing: positive conditions on it are false, negated ones true.
type Keys struct {
	values map[string][]string // :: lower-case name → values
}

// Set sets a key; only dynamodb:LeadingKeys has more than one value.
func (k *Keys) Set(name string, values ...string) {
	if k.values == nil {
		k.values = make(map[string][]string)
	}
	k.values[strings.ToLower(name)] = values
}

// SetTags sets aws:PrincipalTag/NAME for each tag.
func (k *Keys) SetTags(tags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		k.Set(tagPrefix+name, tags[name])
	}
}

// Request is what is to be decided.
type Request struct {
	// Action is for example sns:Publish; case does not matter.
	Action string
	// Resource is an ARN; "" matches only the pattern *. Case matters.
	Resource string
	// Keys are the condition keys.
	Keys Keys
}

// Evaluate says what the policy says of a request: Deny if any statement that applies denies, else Allow if any allows.
func (d Document) Evaluate(r Request) Verdict {
	verdict := Silent
	for _, s := range d.statements {
		if !s.applies(r) {
			continue
		}
		if s.deny {
			return Deny
		}
		verdict = Allow
	}
	return verdict
}

func (s statement) applies(r Request) bool {
	action := strings.ToLower(r.Action)
	if slices.ContainsFunc(s.actions, func(p string) bool { return like(p, action) }) == s.notAction {
		return false
	}
	if !s.anyResource {
		if slices.ContainsFunc(s.resources, func(p resource) bool { return p.matches(r.Resource) }) == s.notResource {
			return false
		}
	}
	for _, c := range s.conditions {
		if !c.holds(r.Keys.values[c.key]) {
			return false
		}
	}
	return true
}
