package dynamodb

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	namePattern  = regexp.MustCompile(`^#[A-Za-z0-9_]+$`)
	valuePattern = regexp.MustCompile(`^:[A-Za-z0-9_]+$`)
)

// Substitutions are the names and values that expressions of one request stand for. They belong to the request's goroutine.
type Substitutions struct {
	names  map[string]string
	values map[string]Value
	used   map[string]bool
}

// NewSubstitutions checks ExpressionAttributeNames and ExpressionAttributeValues; nil maps are ones that the request does not
// have. Errors are [*Error].
func NewSubstitutions(names map[string]string, values map[string]Value) (*Substitutions, error) {
	s := &Substitutions{names: names, values: values, used: make(map[string]bool)}
	if names != nil && len(names) == 0 {
		return nil, invalid("ExpressionAttributeNames must not be empty")
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !namePattern.MatchString(name) {
			return nil, invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", name)
		}
		if names[name] == "" {
			return nil, invalid("stand-in: ExpressionAttributeNames contains an empty attribute name for key %s", name)
		}
	}
	if values != nil && len(values) == 0 {
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !valuePattern.MatchString(name) {
			return nil, invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", name)
		}
	}
	return s, nil
}

// CheckUsed refuses names and values that no expression parsed with them had.
func (s *Substitutions) CheckUsed(anyExpression bool) error {
	for _, kind := range []struct {
		what string
		keys []string
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(s.names))},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(s.values))},
	} {
		if len(kind.keys) > 0 && !anyExpression {
			return invalid("%s can only be specified when using expressions", kind.what)
		}
		unused := slices.DeleteFunc(kind.keys, func(k string) bool { return s.used[k] })
		if len(unused) > 0 {
			return invalid("Value provided in %s unused in expressions: keys: {%s}", kind.what, strings.Join(unused, ", "))
		}
	}
	return nil
}

func (s *Substitutions) name(token string) (string, bool) {
	s.used[token] = true
	name, there := s.names[token]
	return name, there
}

func (s *Substitutions) value(token string) (Value, bool) {
	s.used[token] = true
	v, there := s.values[token]
	return v, there
}
