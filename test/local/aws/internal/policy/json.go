package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// bytesMax bounds a document; AWS takes less of an identity policy and this much of a session policy.
	bytesMax = 100_000
	depthMax = 16
)

// object is a JSON object whose member names are distinct.
type object map[string]any

// decode reads JSON into object, []any, string, json.Number, bool and nil. Unlike encoding/json it refuses a member name
// that is there twice: one of the two would be ignored.
func decode(text string) (any, error) {
	if len(text) > bytesMax {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), bytesMax)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows the JSON value")
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > depthMax {
		return nil, fmt.Errorf("it is nested deeper than %d", depthMax)
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, end(d)
	}
	o := object{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("it is not JSON: a member has no name")
		}
		if _, there := o[name]; there {
			return nil, fmt.Errorf("member %q is there twice", name)
		}
		if o[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	return o, end(d)
}

// end reads the bracket that closes a list or an object.
func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return nil
}

// only refuses members other than names.
func (o object) only(names ...string) error {
	for name := range o {
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
