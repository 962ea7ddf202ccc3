package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

const (
	// bytesMax bounds a document; AWS takes less of an identity policy and this much of a session policy.
	bytesMax = 100_000
	depthMax = 16
)

// object is a JSON object whose member names are distinct.
type object strictjson.Object

func decode(text string) (any, error) {
	if len(text) > bytesMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), bytesMax)
	}
	return strictjson.Decode([]byte(text), depthMax)
}

// objectOf is a value as an object.
func objectOf(v any) (object, bool) {
	o, ok := v.(strictjson.Object)
	return object(o), ok
}

// names are the members' names, sorted, so that of several errors it is always the same one that is told.
func (o object) names() []string { return slices.Sorted(maps.Keys(o)) }

// only refuses members other than names.
func (o object) only(names ...string) error {
	for _, name := range o.names() {
		if !slices.Contains(names, name) {
			return fmt.Errorf("element %q is not evaluated; only %s are", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// oneOf is the one of two members that is there.
func (o object) oneOf(a, b string) (string, error) {
	_, hasA := o[a]
	_, hasB := o[b]
	if hasA == hasB {
		return "", fmt.Errorf("exactly one of the elements %q and %q must be there", a, b)
	}
	if hasA {
		return a, nil
	}
	return b, nil
}

// strings is a member that is a string or a list of at least one.
func (o object) strings(name string) ([]string, error) {
	switch v := o[name].(type) {
	case string:
		return []string{v}, plain(name, v)
	case []any:
		if len(v) == 0 {
			return nil, fmt.Errorf("element %q must not be an empty list", name)
		}
		var list []string
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("element %q must hold strings only", name)
			}
			if err := plain(name, s); err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, fmt.Errorf("element %q must be a string or a list of strings", name)
}

// plain refuses policy variables, which would otherwise be compared as text.
func plain(name, value string) error {
	if strings.Contains(value, "${") {
		return fmt.Errorf("element %q holds the variable %q; variables are not evaluated", name, value)
	}
	return nil
}
