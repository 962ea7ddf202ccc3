package bridge

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Names are the variables it is about.
	Names []string
	// Reason says what is wrong, in words that follow the names.
	Reason string
	// Purpose is what the variable is for, and Example a value of it, or NAME=value if there are several Names; both empty
	// where the reason says it all.
	Purpose, Example string
}

// Error is the problem on one line.
func (p Problem) Error() string { return strings.Join(p.Names, " and ") + " " + p.Reason }

// setting is one variable: a field of a configuration struct and its tags.
//
//	env      the variable's name
//	doc      what it is for: a phrase that follows "NAME:"
//	default  the value when the variable is absent or empty
//	example  a setting to show
//	values   the only values, separated by commas
//	min, max the range, in the field's own notation
//	required "true" if it must be set
//
// A field may be a string, a bool, an int, a Size or a time.Duration. Structs inside the struct are groups of settings,
// named by their group tag.
type setting struct {
	name, doc, fallback, example, group string
	values                              []string
	min, max                            string
	required                            bool
	field                               reflect.Value
}

// Size is a number of bytes, written as 4096, 512KiB or "1 MiB".
type Size int

// String is the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int(s)%u.bytes == 0 {
			return fmt.Sprintf("%d %s", int(s)/u.bytes, u.name)
		}
	}
	return strconv.Itoa(int(s))
}

//nolint:gochecknoglobals // a table, never changed
var sizeUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// settingsOf lists the settings of the struct that into points to, in the order of its fields.
func settingsOf(into any) []setting {
	var out []setting
	var walk func(v reflect.Value, group string)
	walk = func(v reflect.Value, group string) {
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			if g := tag.Get("group"); g != "" {
				walk(v.Field(i), g)
				continue
			}
			if tag.Get("env") == "" {
				continue // what the settings' own Check makes
			}
			s := setting{
				name: tag.Get("env"), doc: tag.Get("doc"), fallback: tag.Get("default"), example: tag.Get("example"), group: group,
				min: tag.Get("min"), max: tag.Get("max"), required: tag.Get("required") == "true", field: v.Field(i),
			}
			if values := tag.Get("values"); values != "" {
				s.values = strings.Split(values, ",")
			}
			out = append(out, s)
		}
	}
	walk(reflect.ValueOf(into).Elem(), "")
	return out
}

// load fills the settings from the environment and returns everything that is wrong with single values.
func load(settings []setting, environment map[string]string) []Problem {
	var problems []Problem
	for _, s := range settings {
		value := environment[s.name]
		if value == "" {
			value = s.fallback
		}
		switch {
		case value != "":
			if reason := s.set(value); reason != "" {
				problems = append(problems, s.problem(reason))
			}
		case s.required:
			problems = append(problems, s.problem("is not set"))
		}
	}
	return problems
}

func (s setting) problem(reason string) Problem {
	return Problem{Names: []string{s.name}, Reason: reason, Purpose: s.doc, Example: s.example}
}

// set parses value into the field and returns what is wrong with it, "" if nothing is.
func (s setting) set(value string) string {
	if s.values != nil && !slices.Contains(s.values, value) {
		return fmt.Sprintf("is %s; possible: %s", quote(value), strings.Join(s.values, ", "))
	}
	parsed, reason := parse(s.field.Type(), value)
	if reason != "" {
		return fmt.Sprintf("is %s; %s is needed", quote(value), reason)
	}
	if out := s.outside(parsed); out != "" {
		return fmt.Sprintf("is %s; %s", quote(value), out)
	}
	s.field.Set(reflect.ValueOf(parsed).Convert(s.field.Type()))
	return ""
}

// outside says how the value breaks its range, "" if it does not.
func (s setting) outside(value any) string {
	number := func(v any) int64 { return reflect.ValueOf(v).Int() }
	if s.min != "" {
		if limit, _ := parse(s.field.Type(), s.min); number(value) < number(limit) {
			return "at least " + s.min + " is needed"
		}
	}
	if s.max != "" {
		if limit, _ := parse(s.field.Type(), s.max); number(value) > number(limit) {
			return "at most " + s.max + " is possible"
		}
	}
	return ""
}

// parse reads value as the type of a field; reason says what is needed where it cannot be.
func parse(as reflect.Type, value string) (parsed any, reason string) {
	switch as {
	case reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return nil, "a duration like 500ms, 25s or 5m"
		}
		return d, ""
	case reflect.TypeFor[Size]():
		n, ok := parseSize(value)
		if !ok {
			return nil, "a number of bytes like 4096, 512KiB or 1MiB"
		}
		return n, ""
	case reflect.TypeFor[int]():
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, "a whole number"
		}
		return n, ""
	case reflect.TypeFor[bool]():
		switch strings.ToLower(value) {
		case "true":
			return true, ""
		case "false":
			return false, ""
		}
		return nil, "true or false"
	}
	return value, ""
}

func parseSize(value string) (Size, bool) {
	digits, unit := value, 1
	for _, u := range sizeUnits {
		if rest, found := strings.CutSuffix(value, u.name); found {
			digits, unit = strings.TrimRight(rest, " "), u.bytes
		}
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > (1<<40)/unit {
		return 0, false
	}
	return Size(n * unit), true
}

// quote shows a value in a message, shortened: what stands in the wrong variable may be anything.
func quote(value string) string {
	const most = 60
	if len(value) > most {
		value = value[:most] + "…"
	}
	return strconv.Quote(value)
}
