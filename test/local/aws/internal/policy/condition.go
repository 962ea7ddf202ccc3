package policy

import (
	"fmt"
	"slices"
	"strings"
)

// tagPrefix is that of the keys of a session's tags, in lower case.
const tagPrefix = "aws:principaltag/"

// condition is true if the request's value of key matches one of the patterns.
type condition struct {
	key      string // lower case
	match    func(pattern, value string) bool
	patterns []string
}

// conditions reads the Condition element. keys are those it may test, besides aws:PrincipalTag/….
func conditions(o object, keys ...string) ([]condition, error) {
	element, there := o["Condition"]
	if !there {
		return nil, nil
	}
	operators, ok := element.(object)
	if !ok {
		return nil, fmt.Errorf(`element "Condition" must be an object`)
	}
	var list []condition
	for operator, element := range operators {
		match, known := operatorOf(operator)
		if !known {
			return nil, fmt.Errorf("condition operator %q is not evaluated; only StringEquals, StringLike and ArnEquals are", operator)
		}
		tests, ok := element.(object)
		if !ok {
			return nil, fmt.Errorf("condition operator %q must hold an object", operator)
		}
		for key := range tests {
			if !knownKey(key, keys) {
				return nil, fmt.Errorf("condition key %q is not evaluated; only %s and aws:PrincipalTag/… are", key, strings.Join(keys, ", "))
			}
			patterns, err := tests.strings(key)
			if err != nil {
				return nil, fmt.Errorf("condition operator %q: %w", operator, err)
			}
			for _, p := range patterns {
				if operator == "ArnEquals" && len(arnParts(p)) != 6 {
					return nil, fmt.Errorf("condition operator %q: %q is not an ARN of six parts", operator, p)
				}
			}
			list = append(list, condition{key: strings.ToLower(key), match: match, patterns: patterns})
		}
	}
	return list, nil
}

func operatorOf(name string) (match func(pattern, value string) bool, known bool) {
	switch name {
	case "StringEquals":
		return func(pattern, value string) bool { return pattern == value }, true
	case "StringLike":
		return like, true
	case "ArnEquals":
		return arnLike, true
	}
	return nil, false
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
