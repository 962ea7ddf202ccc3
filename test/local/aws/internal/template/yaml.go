package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// depthMax bounds how deep a template is nested.
const depthMax = 50

// object is a mapping whose keys are distinct.
type object map[string]any

// call is an intrinsic function, in either of its forms.
type call struct {
	name     string // Ref, Fn::Sub …
	argument any
	line     int
}

func (c call) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s: %s", c.line, c.name, fmt.Sprintf(format, args...))
}

// decode reads YAML into object, []any, call, string, number and bool.
func decode(text []byte) (any, error) {
	var n, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&n); err != nil {
		return nil, fmt.Errorf("it is not YAML: %w", err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("a second document follows")
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return nil, fmt.Errorf("it is empty")
	}
	return value(n.Content[0], depthMax)
}

// number is a number as it is written.
type number string

func value(n *yaml.Node, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("line %d: it is nested deeper than %d", n.Line, depthMax)
	}
	// CloudFormation has neither anchors nor aliases.
	// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return nil, fmt.Errorf("line %d: anchors and aliases are not read", n.Line)
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return short(n, depth)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, element := range n.Content {
			v, err := value(element, depth-1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		return mapping(n, depth)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil, fmt.Errorf("line %d: this construct is not read", n.Line)
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!str", "!!timestamp": // a date without quotes is text to CloudFormation
		return n.Value, nil
	case "!!int", "!!float":
		return number(n.Value), nil
	case "!!bool":
		switch strings.ToLower(n.Value) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return nil, fmt.Errorf("line %d: a value of type %s is not read", n.Line, n.Tag)
}

func mapping(n *yaml.Node, depth int) (any, error) {
	o := object{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag != "!!str" || key.Anchor != "" {
			return nil, fmt.Errorf("line %d: a key must be plain text", key.Line)
		}
		if _, there := o[key.Value]; there {
			return nil, fmt.Errorf("line %d: key %q is there twice", key.Line, key.Value)
		}
		v, err := value(n.Content[i+1], depth-1)
		if err != nil {
			return nil, err
		}
		o[key.Value] = v
	}
	for key, argument := range o {
		if key != "Ref" && !strings.HasPrefix(key, "Fn::") {
			continue
		}
		if len(o) != 1 {
			return nil, fmt.Errorf("line %d: %s must stand alone", n.Line, key)
		}
		return call{key, argument, n.Line}, nil
	}
	return o, nil
}

// short is an intrinsic function in its short form, !Name argument.
func short(n *yaml.Node, depth int) (any, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	plain := *n
	plain.Tag = "!!str"
	if n.Kind == yaml.SequenceNode {
		plain.Tag = "!!seq"
	} else if n.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("line %d: %s with this argument is not read", n.Line, name)
	}
	argument, err := value(&plain, depth-1)
	if err != nil {
		return nil, err
	}
	if text, ok := argument.(string); ok && name == "Fn::GetAtt" {
		resource, attribute, found := strings.Cut(text, ".")
		if !found {
			return nil, fmt.Errorf("line %d: %s: %q must be Resource.Attribute", n.Line, name, text)
		}
		argument = []any{resource, attribute}
	}
	return call{name, argument, n.Line}, nil
}

// only refuses keys other than names.
func (o object) only(what string, names ...string) error {
	for _, key := range sortedKeys(o) {
		if !contains(names, key) {
			return fmt.Errorf("%s: %q is not read; only %s are", what, key, strings.Join(names, ", "))
		}
	}
	return nil
}

// part is a member that is an object, empty if it is absent.
func (o object) part(what, name string) (object, error) {
	v, there := o[name]
	if !there {
		return object{}, nil
	}
	part, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%s: %s must be a mapping", what, name)
	}
	return part, nil
}
