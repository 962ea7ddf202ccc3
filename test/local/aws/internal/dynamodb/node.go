package dynamodb

import "strings"

// node is a part of a condition that holds of an item or not.
type node interface{ holds(Item) bool }

type (
	allOf  []node
	anyOf  []node
	not    struct{ inner node }
	exists struct{ what operand }
	typed  struct {
		what operand
		as   Type
	}
	prefixed   struct{ what, with operand }
	comparison struct {
		operator string
		a, b     operand
	}
)

func (n allOf) holds(i Item) bool {
	for _, part := range n {
		if !part.holds(i) {
			return false
		}
	}
	return true
}

func (n anyOf) holds(i Item) bool {
	for _, part := range n {
		if part.holds(i) {
			return true
		}
	}
	return false
}

func (n not) holds(i Item) bool { return !n.inner.holds(i) }

func (n exists) holds(i Item) bool {
	_, there := n.what.value(i)
	return there
}

func (n typed) holds(i Item) bool {
	v, there := n.what.value(i)
	return there && v.Type == n.as
}

func (n prefixed) holds(i Item) bool {
	v, there := n.what.value(i)
	prefix, thereToo := n.with.value(i)
	return there && thereToo && v.Type == prefix.Type && (v.Type == String || v.Type == Binary) && strings.HasPrefix(v.Text, prefix.Text)
}

// holds compares two values. What is absent or of another type is in no order, and is not equal.
func (n comparison) holds(i Item) bool {
	a, thereA := n.a.value(i)
	b, thereB := n.b.value(i)
	both := thereA && thereB
	switch n.operator {
	case "=":
		return both && a.Equal(b)
	case "<>":
		return !both || !a.Equal(b)
	}
	if !both || a.Type != b.Type || a.Type != String && a.Type != Number && a.Type != Binary {
		return false
	}
	c := compare(a, b)
	switch n.operator {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// operand is a path into an item, the size of what is there, or a value.
type operand struct {
	path    []step
	size    bool
	literal Value // if there is no path
}

// kind is the type that the operand always has, "" if it depends on the item.
func (o operand) kind() Type {
	if o.size {
		return Number
	}
	return o.literal.Type
}

func (o operand) value(i Item) (Value, bool) {
	if o.path == nil {
		return o.literal, true
	}
	v := Value{Type: Map, Map: i}
	for _, s := range o.path {
		if s.name == "" {
			if v.Type != List || s.index >= len(v.List) {
				return Value{}, false
			}
			v = v.List[s.index]
			continue
		}
		member, there := v.Map[s.name]
		if !there {
			return Value{}, false
		}
		v = member
	}
	if o.size {
		return sizeOf(v)
	}
	return v, true
}

// sizeOf is what the function size says: bytes of texts and binaries, elements of the rest. A number has none.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
func sizeOf(v Value) (Value, bool) {
	n := 0
	switch v.Type {
	case String, Binary:
		n = len(v.Text)
	case List, StringSet, NumberSet, BinarySet:
		n = len(v.List)
	case Map:
		n = len(v.Map)
	case Number, Boolean, Null:
		return Value{}, false
	}
	return count(n), true
}

// collect calls visit with each operand under a node.
func collect(n node, visit func(operand)) {
	switch n := n.(type) {
	case allOf:
		for _, part := range n {
			collect(part, visit)
		}
	case anyOf:
		for _, part := range n {
			collect(part, visit)
		}
	case not:
		collect(n.inner, visit)
	case exists:
		visit(n.what)
	case typed:
		visit(n.what)
	case prefixed:
		visit(n.what)
		visit(n.with)
	case comparison:
		visit(n.a)
		visit(n.b)
	}
}
