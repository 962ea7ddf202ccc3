package policy

import (
	"fmt"
	"slices"
	"strings"
)

// tagPrefix is that of the keys of a session's tags, in lower case.
const tagPrefix = "aws:principaltag/"

// leadingKeys holds several values, one for each partition key of a request.
const leadingKeys = "dynamodb:LeadingKeys"

// condition is a test of one key.
type condition struct {
	op       operator
	key      string // lower case
	patterns []string
}

// conditions reads the Condition element. keys are those it may test, besides aws:PrincipalTag/….
func conditions(o object, known func(string) (operator, bool), keys ...string) ([]condition, error) {
	element, there := o["Condition"]
	if !there {
		return nil, nil
	}
	operators, ok := objectOf(element)
	if !ok {
		return nil, fmt.Errorf(`element "Condition" must be an object`)
	}
	var list []condition
	for _, name := range operators.names() {
		op, ok := known(name)
		if !ok {
			return nil, fmt.Errorf("condition operator %q is not evaluated", name)
		}
		tests, ok := objectOf(operators[name])
		if !ok {
			return nil, fmt.Errorf("condition operator %q must hold an object", name)
		}
		for _, key := range tests.names() {
			if !knownKey(key, keys) {
				return nil, fmt.Errorf("condition key %q is not evaluated; only %s and aws:PrincipalTag/… are", key, strings.Join(keys, ", "))
			}
			if strings.EqualFold(key, leadingKeys) && op.values == theOne && !op.null {
				return nil, fmt.Errorf("condition key %q holds several values: operator %q needs ForAllValues: or ForAnyValue: in front", key, name)
			}
			patterns, err := op.patterns(tests, key)
			if err != nil {
				return nil, fmt.Errorf("condition operator %q: %w", name, err)
			}
			list = append(list, condition{op: op, key: strings.ToLower(key), patterns: patterns})
		}
	}
	return list, nil
}

// holds tells whether the values that a request has for the key meet the condition; none means that it lacks the key.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (c condition) holds(values []string) bool {
	if c.op.null {
		return slices.ContainsFunc(c.patterns, func(p string) bool { return strings.EqualFold(p, "true") == (len(values) == 0) })
	}
	one := func(value string) bool {
		return slices.ContainsFunc(c.patterns, func(p string) bool { return c.op.match(p, value) }) != c.op.negated
	}
	switch {
	case len(values) == 0 && c.op.ifExists:
		return true
	case c.op.values == forAll:
		return !slices.ContainsFunc(values, func(v string) bool { return !one(v) })
	case c.op.values == forAny:
		return slices.ContainsFunc(values, one)
	case len(values) == 0:
		return c.op.negated
	}
	return one(values[0])
}

// knownKey compares without regard to case, as AWS does with names of keys.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
func knownKey(key string, keys []string) bool {
	lower := strings.ToLower(key)
	if strings.HasPrefix(lower, tagPrefix) && len(lower) > len(tagPrefix) {
		return true
	}
	return slices.ContainsFunc(keys, func(k string) bool { return strings.ToLower(k) == lower })
}

// like matches * with any run of characters and ? with any one.
func like(pattern, value string) bool {
	p, v := []rune(pattern), []rune(value)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(v) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == v[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// arnParts splits an ARN; the sixth part takes the rest.
func arnParts(s string) []string { return strings.SplitN(s, ":", 6) }

// arnLike compares part by part, so that a wildcard never reaches over a colon of the first five.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func arnLike(pattern, value string) bool {
	p, v := arnParts(pattern), arnParts(value)
	if len(p) != 6 || len(v) != 6 {
		return false
	}
	for i := range p {
		if !like(p[i], v[i]) {
			return false
		}
	}
	return true
}

// resource is a pattern of the Resource element: any, or an ARN compared part by part.
type resource struct {
	any bool
	arn string
}

func parseResource(text string) (resource, error) {
	if text == "*" {
		return resource{any: true}, nil
	}
	if parts := arnParts(text); len(parts) != 6 || parts[0] != "arn" {
		return resource{}, fmt.Errorf("resource %q must be * or an ARN of six parts", text)
	}
	return resource{arn: text}, nil
}

func (r resource) matches(arn string) bool { return r.any || arnLike(r.arn, arn) }
