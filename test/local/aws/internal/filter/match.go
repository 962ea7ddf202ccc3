package filter

import (
	"encoding/json"
	"slices"
)

// Attribute is a message attribute.
type Attribute struct {
	// Type is String, Number or Binary, perhaps with a suffix after a dot.
	Type string
	// Value is the text. That of a Binary is never looked at.
	Value string
}

// MatchAttributes tells whether a message with these attributes, by name, is delivered under a policy of scope
// [MessageAttributes]. The elements of a String.Array count each on their own; a Binary is as good as absent.
func (p *Policy) MatchAttributes(attributes map[string]Attribute) bool {
	values := make(map[string]any, len(attributes))
	for name, a := range attributes {
		base := a.Type
		if i := slices.Index([]byte(base), '.'); i >= 0 && base != "String.Array" {
			base = base[:i]
		}
		switch base {
		case "String":
			values[name] = a.Value
		case "Number":
			values[name] = json.Number(a.Value)
		case "String.Array":
			var list []any
			if decoded, err := decode([]byte(`{"list":` + a.Value + `}`)); err == nil {
				list, _ = decoded["list"].([]any)
			}
			values[name] = list
		}
	}
	return p.root.matches(values)
}

// MatchBody tells whether a message with this body is delivered under a policy of scope [MessageBody]. A body that is not
// a JSON object is not.
func (p *Policy) MatchBody(body string) bool {
	members, err := decode([]byte(body))
	return err == nil && p.root.matches(members)
}

func (o *object) matches(members map[string]any) bool {
	for key, rules := range o.leaves {
		values := flatten(members[key], has(members, key))
		if !slices.ContainsFunc(rules, func(r rule) bool { return anyHolds(r, values) }) {
			return false
		}
	}
	for key, nested := range o.nested {
		if !nested.matchesIn(members[key]) {
			return false
		}
	}
	for _, alternatives := range o.anyOf {
		if !slices.ContainsFunc(alternatives, func(a *object) bool { return a.matches(members) }) {
			return false
		}
	}
	return true
}

// anyHolds tells whether a rule holds for one of the values, or for their absence.
func anyHolds(r rule, values []any) bool {
	if len(values) == 0 {
		return r == exists(false)
	}
	return slices.ContainsFunc(values, r.holds)
}

// matchesIn judges the value of a key with nested keys: of an array one element must match as a whole. What is no object
// has no keys.
func (o *object) matchesIn(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return o.matches(v)
	case []any:
		if len(v) > 0 {
			return slices.ContainsFunc(v, o.matchesIn)
		}
	}
	return o.matches(nil)
}

func has(members map[string]any, key string) bool {
	_, there := members[key]
	return there
}

// flatten lists the scalars of a value. Objects are not leaves, so they are left out.
func flatten(value any, there bool) []any {
	switch v := value.(type) {
	case map[string]any:
		return nil
	case []any:
		var out []any
		for _, element := range v {
			out = append(out, flatten(element, true)...)
		}
		return out
	}
	if !there {
		return nil
	}
	return []any{value}
}
