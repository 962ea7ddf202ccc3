package filter

import (
	"encoding/json"
	"math/big"
	"strings"
)

// numberMax is how far from 0 a number of a policy may be.
// Source: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
const numberMax = 1_000_000_000

// rule judges a value that is there and is neither an object nor an array: string, json.Number, bool or nil.
type rule interface{ holds(value any) bool }

type (
	equals       struct{ value any } // string, *big.Float, bool or nil
	prefix       string
	suffix       string
	ignoreCase   string
	exists       bool
	anythingBut  []equals
	noPrefix     string
	numericRange []bound
	bound        struct {
		operator string
		value    *big.Float
	}
)

func (r equals) holds(value any) bool {
	n, isNumber := r.value.(*big.Float)
	if !isNumber {
		return r.value == value
	}
	got := number(value)
	return got != nil && got.Cmp(n) == 0
}

func (r prefix) holds(value any) bool {
	text, ok := value.(string)
	return ok && strings.HasPrefix(text, string(r))
}

func (r suffix) holds(value any) bool {
	text, ok := value.(string)
	return ok && strings.HasSuffix(text, string(r))
}

func (r ignoreCase) holds(value any) bool {
	text, ok := value.(string)
	return ok && strings.EqualFold(text, string(r))
}

func (r exists) holds(any) bool { return bool(r) }

func (r anythingBut) holds(value any) bool {
	for _, e := range r {
		if e.holds(value) {
			return false
		}
	}
	return value != nil
}

func (r noPrefix) holds(value any) bool {
	text, ok := value.(string)
	return ok && !strings.HasPrefix(text, string(r))
}

func (r numericRange) holds(value any) bool {
	got := number(value)
	if got == nil {
		return false
	}
	for _, b := range r {
		c := got.Cmp(b.value)
		ok := b.operator == "=" && c == 0 || b.operator == "<" && c < 0 || b.operator == "<=" && c <= 0 ||
			b.operator == ">" && c > 0 || b.operator == ">=" && c >= 0
		if !ok {
			return false
		}
	}
	return true
}

// number is the value of a JSON number; nil for anything else. 256 bits tell numbers of 38 digits apart.
func number(value any) *big.Float {
	text, ok := value.(json.Number)
	if !ok || len(text) > 300 {
		return nil
	}
	f, _, err := big.ParseFloat(text.String(), 10, 256, big.ToNearestEven)
	if err != nil {
		return nil
	}
	return f
}

// bounded is a number of a policy, within the range that is documented.
func bounded(value any) (*big.Float, error) {
	f := number(value)
	if f == nil || f.Cmp(big.NewFloat(numberMax)) > 0 || f.Cmp(big.NewFloat(-numberMax)) < 0 {
		return nil, refused("a number must be from -%d to %d", numberMax, numberMax)
	}
	return f, nil
}

func parseRule(value any) (rule, error) {
	switch v := value.(type) {
	case nil, bool, string:
		return equals{v}, nil
	case json.Number:
		f, err := bounded(v)
		return equals{f}, err
	case map[string]any:
		if len(v) != 1 {
			return nil, recorded("Only one key allowed in match expression")
		}
		for operator, operand := range v {
			return parseOperator(operator, operand)
		}
	}
	return nil, recorded("Match value must be String, number, true, false, or null")
}

func parseOperator(operator string, operand any) (rule, error) {
	switch operator {
	case "prefix", "suffix", "equals-ignore-case":
		text, ok := operand.(string)
		switch {
		case !ok:
			return nil, recorded("%s match pattern must be a string", operator)
		case text == "":
			return nil, refused("%s match pattern must not be empty", operator)
		case operator == "prefix":
			return prefix(text), nil
		case operator == "suffix":
			return suffix(text), nil
		}
		return ignoreCase(text), nil
	case "exists":
		there, ok := operand.(bool)
		if !ok {
			return nil, recorded("exists match pattern must be either true or false.")
		}
		return exists(there), nil
	case "anything-but":
		return parseAnythingBut(operand)
	case "numeric":
		return parseNumeric(operand)
	}
	return nil, recorded("Unrecognized match type %s", operator)
}

// parseAnythingBut reads a value, a list of values of one type, or a prefix.
func parseAnythingBut(operand any) (rule, error) {
	if pattern, ok := operand.(map[string]any); ok {
		if len(pattern) != 1 {
			return nil, recorded("Only one key allowed in match expression")
		}
		for operator, value := range pattern {
			if operator != "prefix" {
				return nil, recorded("Unsupported anything-but pattern: %s", operator)
			}
			text, ok := value.(string)
			if !ok || text == "" {
				return nil, recorded("prefix match pattern must be a string")
			}
			return noPrefix(text), nil
		}
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return nil, recorded("Empty arrays are not allowed")
	}
	var out anythingBut
	texts := 0
	for _, value := range list {
		switch v := value.(type) {
		case string:
			texts++
			out = append(out, equals{v})
		case json.Number:
			f, err := bounded(v)
			if err != nil {
				return nil, err
			}
			out = append(out, equals{f})
		default:
			return nil, refused("anything-but takes strings, numbers or a prefix")
		}
	}
	if texts != 0 && texts != len(list) {
		return nil, refused("anything-but takes either strings or numbers")
	}
	return out, nil
}

// parseNumeric reads a bound, or the two of a range.
func parseNumeric(operand any) (rule, error) {
	terms, ok := operand.([]any)
	if !ok || len(terms) == 0 {
		return nil, recorded("Invalid member in numeric match: ]")
	}
	operator, ok := terms[0].(string)
	switch {
	case !ok:
		return nil, recorded("Invalid member in numeric match: %v", terms[0])
	case operator != "=" && operator != "<" && operator != "<=" && operator != ">" && operator != ">=":
		return nil, recorded("Unrecognized numeric range operator: %s", operator)
	}
	first, err := numericTerm(operator, terms[1:])
	if err != nil {
		return nil, err
	}
	if len(terms) == 2 {
		return numericRange{first}, nil
	}
	if operator != ">" && operator != ">=" {
		return nil, recorded("Too many elements in numeric expression")
	}
	upper, ok := terms[2].(string)
	switch {
	case !ok:
		return nil, recorded("Bad value in numeric range: %v", terms[2])
	case upper != "<" && upper != "<=":
		return nil, recorded("Bad numeric range operator: %s", upper)
	}
	second, err := numericTerm(upper, terms[3:])
	switch {
	case err != nil:
		return nil, err
	case second.value.Cmp(first.value) <= 0:
		return nil, recorded("Bottom must be less than top")
	case len(terms) > 4:
		return nil, recorded("Too many terms in numeric range expression")
	}
	return numericRange{first, second}, nil
}

// numericTerm is the bound of an operator and the term after it.
func numericTerm(operator string, rest []any) (bound, error) {
	if len(rest) == 0 || number(rest[0]) == nil {
		name := operator
		if name == "=" {
			name = "equals"
		}
		return bound{}, recorded("Value of %s must be numeric", name)
	}
	f, err := bounded(rest[0])
	return bound{operator, f}, err
}
