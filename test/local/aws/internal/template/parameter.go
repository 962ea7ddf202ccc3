package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// readParameters gives each parameter its value, or its default, and checks it against its own constraints.
func (e *evaluator) readParameters(top object, given map[string]string) error {
	list, err := top.part("the template", "Parameters")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, there := list[name]; !there {
			return fmt.Errorf("parameter %s is not in the template", name)
		}
	}
	e.parameters = make(map[string]any, len(list))
	for _, name := range sortedKeys(list) {
		what := "parameter " + name
		o, ok := list[name].(object)
		if !ok {
			return fmt.Errorf("%s must be a mapping", what)
		}
		if err := o.only(what, "Type", "Default", "Description", "AllowedPattern", "AllowedValues", "ConstraintDescription", "MinLength", "MaxLength"); err != nil {
			return err
		}
		text, there := given[name]
		if !there {
			if text, err = plain(o["Default"]); err != nil {
				return fmt.Errorf("%s has neither a value nor a default", what)
			}
		}
		switch o["Type"] {
		case "String":
			if err := checkConstraints(o, text); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			e.parameters[name] = text
		case "CommaDelimitedList":
			if err := o.only(what+" of type CommaDelimitedList", "Type", "Default", "Description"); err != nil {
				return err
			}
			var values []any
			for part := range strings.SplitSeq(text, ",") {
				values = append(values, strings.TrimSpace(part))
			}
			e.parameters[name] = values
		default:
			return fmt.Errorf("%s: type %v is not read; only String and CommaDelimitedList are", what, o["Type"])
		}
	}
	return nil
}

// plain is a text or number without intrinsic functions.
func plain(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case number:
		return string(v), nil
	}
	return "", fmt.Errorf("it must be text or a number")
}

// checkConstraints never shows the value, which may be confidential.
func checkConstraints(o object, text string) error {
	if pattern, there := o["AllowedPattern"]; there {
		source, _ := pattern.(string)
		re, err := regexp.Compile("^(?:" + source + ")$")
		if err != nil {
			return fmt.Errorf("AllowedPattern: %w", err)
		}
		if !re.MatchString(text) {
			return fmt.Errorf("the value does not match %s", source)
		}
	}
	if values, there := o["AllowedValues"]; there {
		list, _ := values.([]any)
		if !slices.ContainsFunc(list, func(v any) bool { s, err := plain(v); return err == nil && s == text }) {
			return fmt.Errorf("the value is not one of AllowedValues")
		}
	}
	for name, meets := range map[string]func(int) bool{
		"MinLength": func(n int) bool { return len([]rune(text)) >= n },
		"MaxLength": func(n int) bool { return len([]rune(text)) <= n },
	} {
		limit, there := o[name]
		if !there {
			continue
		}
		s, err := plain(limit)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		n, err := strconv.Atoi(s)
		if err != nil || !meets(n) {
			return fmt.Errorf("the value is not within %s %s", name, s)
		}
	}
	return nil
}
