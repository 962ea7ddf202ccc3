package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// evaluator knows what references stand for.
type evaluator struct {
	names      Names
	parameters map[string]any // string or []any
	conditions map[string]bool
	resources  map[string]resource
	busy       []string        // resources whose names are being made, to find circles
	uses       map[string]bool // resources that were referred to
}

// noValue is what AWS::NoValue stands for: whatever has it is left out.
type noValue struct{}

// evaluate replaces intrinsic functions by what they stand for, and gives what encoding/json can write.
func (e *evaluator) evaluate(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case number:
		return json.Number(v), nil
	case call:
		return e.run(v)
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			value, err := e.evaluate(element)
			if err != nil {
				return nil, err
			}
			if value != any(noValue{}) {
				list = append(list, value)
			}
		}
		return list, nil
	case object:
		o := make(map[string]any, len(v))
		for _, key := range sortedKeys(v) {
			value, err := e.evaluate(v[key])
			if err != nil {
				return nil, err
			}
			if value != any(noValue{}) {
				o[key] = value
			}
		}
		return o, nil
	}
	return nil, fmt.Errorf("a value is missing")
}

// text is a value that must be text or a number.
func (e *evaluator) text(v any) (string, error) {
	result, err := e.evaluate(v)
	if err != nil {
		return "", err
	}
	switch result := result.(type) {
	case string:
		return result, nil
	case json.Number:
		return result.String(), nil
	}
	return "", fmt.Errorf("it must be text or a number")
}

func (e *evaluator) run(c call) (any, error) {
	switch c.name {
	case "Ref":
		name, ok := c.argument.(string)
		if !ok {
			return nil, c.errorf("its argument must be a name")
		}
		v, err := e.reference(name)
		if err != nil {
			return nil, c.errorf("%s", err)
		}
		return v, nil
	case "Fn::GetAtt":
		list, _ := c.argument.([]any)
		if len(list) != 2 {
			return nil, c.errorf("its argument must be a resource and an attribute")
		}
		id, ok := list[0].(string)
		attribute, alsoOK := list[1].(string)
		if !ok || !alsoOK {
			return nil, c.errorf("its argument must be a resource and an attribute")
		}
		v, err := e.attribute(id, attribute)
		if err != nil {
			return nil, c.errorf("%s", err)
		}
		return v, nil
	case "Fn::Sub":
		return e.substitute(c)
	case "Fn::If":
		return e.choose(c)
	}
	return nil, c.errorf("this function is not read here; only Ref, Fn::GetAtt, Fn::Sub and Fn::If are")
}

// reference is what Ref gives: a parameter's value, a pseudo parameter's, or what names a resource.
func (e *evaluator) reference(name string) (any, error) {
	if v, there := e.parameters[name]; there {
		return v, nil
	}
	switch name {
	case "AWS::Region":
		return e.names.Region, nil
	case "AWS::AccountId":
		return e.names.Account, nil
	case "AWS::Partition":
		return e.names.Partition, nil
	case "AWS::NoValue":
		return noValue{}, nil
	}
	return e.ref(name)
}

// substitute replaces ${Name}, ${Resource.Attribute} and the variables of its own; ${!Name} is ${Name} itself.
func (e *evaluator) substitute(c call) (any, error) {
	text, ok := c.argument.(string)
	own := map[string]string{}
	if list, isList := c.argument.([]any); isList && len(list) == 2 {
		var variables object
		text, ok = list[0].(string)
		if variables, isList = list[1].(object); !isList {
			ok = false
		}
		for _, name := range sortedKeys(variables) {
			value, err := e.text(variables[name])
			if err != nil {
				return nil, err
			}
			own[name] = value
		}
	}
	if !ok {
		return nil, c.errorf("its argument must be text, or text and a mapping of variables")
	}
	var b strings.Builder
	used := make(map[string]bool)
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, c.errorf("a ${ is not closed")
		}
		text = after
		if literal, isLiteral := strings.CutPrefix(name, "!"); isLiteral {
			b.WriteString("${" + literal + "}")
			continue
		}
		used[name] = true
		value, err := e.variable(name, own)
		if err != nil {
			return nil, c.errorf("%s", err)
		}
		b.WriteString(value)
	}
	for name := range maps.Keys(own) {
		if !used[name] {
			return nil, c.errorf("variable %s is not used", name)
		}
	}
	return b.String(), nil
}

func (e *evaluator) variable(name string, own map[string]string) (string, error) {
	if v, there := own[name]; there {
		return v, nil
	}
	if id, attribute, dotted := strings.Cut(name, "."); dotted {
		return e.attribute(id, attribute)
	}
	v, err := e.reference(name)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is no text", name)
	}
	return s, nil
}
