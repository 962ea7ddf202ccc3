package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// quantifier says how an operator takes a key with several values.
type quantifier int

const (
	theOne quantifier = iota // the key has one value
	forAny
	forAll
)

// operator is a condition operator.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	match    func(pattern, value string) bool
	check    func(pattern string) error // of a pattern; nil takes all
	negated  bool
	ifExists bool // true if the request lacks the key
	null     bool // tests whether the request lacks the key
	boolean  bool // patterns may be JSON's true and false
	values   quantifier
}

// trustOperator is an operator of trust policies.
func trustOperator(name string) (operator, bool) {
	if name == "Null" {
		return operator{null: true, boolean: true, check: checkBool}, true
	}
	base, ifExists := strings.CutSuffix(name, "IfExists")
	o := operator{ifExists: ifExists}
	switch base {
	case "StringEquals", "StringNotEquals":
		o.match = func(pattern, value string) bool { return pattern == value }
	case "StringLike", "StringNotLike":
		o.match = like
	case "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike": // Equals and Like are the same for ARNs
		o.match, o.check = arnLike, checkARN
	default:
		return operator{}, false
	}
	o.negated = strings.Contains(base, "Not")
	return o, true
}

// identityOperator is an operator of identity policies: those of trust policies and more.
func identityOperator(name string) (operator, bool) {
	quantified, any := strings.CutPrefix(name, "ForAnyValue:")
	quantified, all := strings.CutPrefix(quantified, "ForAllValues:")
	if any && all || (any || all) && quantified == "Null" {
		return operator{}, false
	}
	o, known := trustOperator(quantified)
	if !known {
		o, known = moreOperator(quantified)
	}
	switch {
	case any:
		o.values = forAny
	case all:
		o.values = forAll
	}
	return o, known
}

func moreOperator(name string) (operator, bool) {
	base, ifExists := strings.CutSuffix(name, "IfExists")
	o := operator{ifExists: ifExists, negated: strings.Contains(base, "Not")}
	switch base {
	case "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
		o.match = strings.EqualFold
	case "Bool":
		o.match, o.check, o.boolean = strings.EqualFold, checkBool, true
	case "DateEquals", "DateNotEquals":
		o.match, o.check = byTime(func(c int) bool { return c == 0 }), checkTime
	case "DateLessThan":
		o.match, o.check = byTime(func(c int) bool { return c < 0 }), checkTime
	case "DateLessThanEquals":
		o.match, o.check = byTime(func(c int) bool { return c <= 0 }), checkTime
	case "DateGreaterThan":
		o.match, o.check = byTime(func(c int) bool { return c > 0 }), checkTime
	case "DateGreaterThanEquals":
		o.match, o.check = byTime(func(c int) bool { return c >= 0 }), checkTime
	default:
		return operator{}, false
	}
	return o, true
}

// patterns reads the patterns for a key.
func (o operator) patterns(tests object, key string) ([]string, error) {
	if b, ok := tests[key].(bool); ok && o.boolean {
		return []string{strconv.FormatBool(b)}, nil
	}
	patterns, err := tests.strings(key)
	if err != nil {
		return nil, err
	}
	for _, p := range patterns {
		if o.check == nil {
			break
		}
		if err := o.check(p); err != nil {
			return nil, err
		}
	}
	return patterns, nil
}

func checkARN(p string) error {
	if len(arnParts(p)) != 6 {
		return fmt.Errorf("%q is not an ARN of six parts", p)
	}
	return nil
}

func checkBool(p string) error {
	if !strings.EqualFold(p, "true") && !strings.EqualFold(p, "false") {
		return fmt.Errorf("%q is neither true nor false", p)
	}
	return nil
}

func checkTime(p string) error {
	if _, ok := parseTime(p); !ok {
		return fmt.Errorf("%q is neither a time like 2026-12-01T12:00:00Z, nor a date, nor seconds since 1970", p)
	}
	return nil
}

func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// byTime compares the request's time with a policy's; what is no time matches nothing.
func byTime(is func(int) bool) func(pattern, value string) bool {
	return func(pattern, value string) bool {
		p, ok := parseTime(pattern)
		v, alsoOK := parseTime(value)
		return ok && alsoOK && is(v.Compare(p))
	}
}
