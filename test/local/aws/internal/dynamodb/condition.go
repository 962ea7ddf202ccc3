package dynamodb

import (
	"slices"
	"strings"
)

// Limits of expressions.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	operatorsMax = 300
	inMax        = 100
)

// Condition is a condition, filter or key condition that was read. It is immutable.
type Condition struct {
	root  node
	heads []string // names of the attributes that it looks at
}

// Matches tells whether an item meets the condition; nil is the item that is not there.
func (c *Condition) Matches(i Item) bool { return c == nil || c.root.holds(i) }

// ParseCondition reads a condition expression: comparisons, BETWEEN, IN, AND, OR, NOT, parentheses, and the functions
// attribute_exists, attribute_not_exists, attribute_type, begins_with and size. what names the parameter in errors, which are
// [*Error].
func ParseCondition(what, text string, subs *Substitutions) (*Condition, error) {
	return parse(what, text, subs, func(p *parser) *Condition {
		c := &Condition{root: p.or()}
		collect(c.root, func(o operand) {
			if o.path != nil && !slices.Contains(c.heads, o.path[0].name) {
				c.heads = append(c.heads, o.path[0].name)
			}
		})
		return c
	})
}

// or reads what binds least.
func (p *parser) or() node {
	parts := []node{p.and()}
	for p.take("OR") {
		p.count()
		parts = append(parts, p.and())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return anyOf(parts)
}

func (p *parser) and() node {
	parts := []node{p.not()}
	for p.take("AND") {
		p.count()
		parts = append(parts, p.not())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return allOf(parts)
}

func (p *parser) not() node {
	if p.take("NOT") {
		p.count()
		return not{p.not()}
	}
	if p.peek().text == "(" {
		return p.group()
	}
	return p.test()
}

// group reads a condition in parentheses, which must not be doubled. Operands in parentheses are not taken.
func (p *parser) group() node {
	p.want("(")
	doubled := p.peek().text == "(" && p.closes(p.at) == p.closes(p.at-1)-1
	inner := p.or()
	p.want(")")
	if doubled {
		fail("The expression has redundant parentheses;")
	}
	return inner
}

// closes is the place of the parenthesis that closes the one at i.
func (p *parser) closes(i int) int {
	depth := 0
	for ; i < len(p.tokens); i++ {
		switch p.tokens[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// count bounds the operators and, by that, the depth.
func (p *parser) count() {
	if p.nodes++; p.nodes > operatorsMax {
		fail("stand-in: the expression has more than %d operators", operatorsMax)
	}
}

// test reads a function or a comparison.
func (p *parser) test() node {
	p.count()
	if p.peek().text != "" && p.at+1 < len(p.tokens) && p.tokens[p.at+1].text == "(" && p.peek().text != "size" {
		return p.function()
	}
	a := p.operand()
	t := p.peek()
	switch t.keyword() {
	case "=", "<>", "<", "<=", ">", ">=":
		p.next()
		b := p.operand()
		p.distinct(t.text, a, b)
		if t.text != "=" && t.text != "<>" {
			ordered(t.text, a, b)
		}
		return comparison{t.text, a, b}
	case "BETWEEN":
		p.next()
		low := p.operand()
		p.want("AND")
		high := p.operand()
		ordered("BETWEEN", a, low, high)
		bounds(low, high)
		return allOf{comparison{">=", a, low}, comparison{"<=", a, high}}
	case "IN":
		p.next()
		p.want("(")
		list := anyOf{}
		for {
			b := p.operand()
			p.distinct("IN", a, b)
			list = append(list, comparison{"=", a, b})
			if !p.take(",") {
				break
			}
		}
		p.want(")")
		if len(list) > inMax {
			fail("stand-in: IN has more than %d operands", inMax)
		}
		return list
	}
	p.syntax()
	return nil
}

func (p *parser) function() node {
	name := p.next().text
	p.want("(")
	first := p.operand()
	args := []operand{first}
	for p.take(",") {
		args = append(args, p.operand())
	}
	p.want(")")
	wanted, known := map[string]int{"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2}[name]
	switch {
	case name == "contains":
		fail("stand-in: the function contains is not here")
	case !known:
		fail("Invalid function name; function: %s", name)
	case len(args) != wanted:
		fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(args))
	}
	if first.path == nil || first.size {
		fail("Operator or function requires a document path; operator or function: %s", name)
	}
	switch name {
	case "attribute_exists":
		return exists{first}
	case "attribute_not_exists":
		return not{exists{first}}
	case "attribute_type":
		return typed{first, typeArgument(args[1])}
	}
	if k := args[1].kind(); k != "" && k != String && k != Binary {
		fail("Incorrect operand type for operator or function; operator or function: begins_with, operand type: %s", k)
	}
	p.distinct(name, first, args[1])
	return prefixed{first, args[1]}
}

func typeArgument(o operand) Type {
	if o.kind() != String || o.size {
		fail("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: %s", o.kind())
	}
	t := Type(o.literal.Text)
	if !slices.Contains([]Type{String, Number, Binary, Boolean, Null, List, Map, StringSet, NumberSet, BinarySet}, t) {
		fail("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", t)
	}
	return t
}

// operand reads a path, a value or size(path).
func (p *parser) operand() operand {
	if p.peek().text == "size" && p.tokens[min(p.at+1, len(p.tokens)-1)].text == "(" {
		p.next()
		p.want("(")
		o := operand{path: p.path(), size: true}
		p.want(")")
		return o
	}
	if strings.HasPrefix(p.peek().text, ":") && len(p.peek().text) > 1 {
		return operand{literal: p.literal()}
	}
	return operand{path: p.path()}
}

func (p *parser) distinct(operator string, a, b operand) {
	if a.path != nil && !a.size && !b.size && slices.Equal(a.path, b.path) {
		fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: [%s]",
			operator, a.path[0].name)
	}
}

// bounds refuses constant bounds that nothing can be between. AWS shows them.
func bounds(low, high operand) {
	switch {
	case low.path != nil || high.path != nil:
	case low.kind() != high.kind():
		fail("stand-in: The BETWEEN operator requires same data type for lower and upper bounds")
	case compare(low.literal, high.literal) > 0:
		fail("stand-in: The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
	}
}

// ordered refuses values that have no order.
func ordered(operator string, operands ...operand) {
	for _, o := range operands {
		if k := o.kind(); k != "" && k != String && k != Number && k != Binary {
			fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, k)
		}
	}
}
