package e2e

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// element is an action, a resource or a condition of a role in a CloudFormation template.
type element struct {
	role      string   // the name in the template
	trust     bool     // it is of the trust policy
	statement int      // which of the document's, from 1
	kind      string   // Action, Resource or Condition
	name      string   // the action, the resource as it is written, or the condition's key
	lost      []string // actions that are allowed no more without it; nil for a condition
	stripped  []byte   // the template without it
}

func (e element) String() string {
	document := "policy"
	if e.trust {
		document = "trust"
	}
	return fmt.Sprintf("%s %d %s %s", document, e.statement, e.kind, e.name)
}

// stripper walks a template.
type stripper struct {
	top      *yaml.Node
	elements map[string][]element
	problems []string
}

// elementsOf lists what the roles of a template consist of, by role, and names the policies that it does not understand.
func elementsOf(template []byte) (elements map[string][]element, problems []string) {
	s := stripper{top: &yaml.Node{}, elements: map[string][]element{}}
	if err := yaml.Unmarshal(template, s.top); err != nil {
		return nil, []string{err.Error()}
	}
	resources := member(s.top.Content[0], "Resources")
	for i := 0; i+1 < len(resources.Content); i += 2 {
		s.resource(resources.Content[i].Value, resources.Content[i+1])
	}
	return s.elements, s.problems
}

func (s *stripper) problem(role, format string, args ...any) {
	s.problems = append(s.problems, role+": "+fmt.Sprintf(format, args...))
}

// resource finds the policies of a resource, wherever they are.
func (s *stripper) resource(id string, n *yaml.Node) {
	kind := member(n, "Type").Value
	if kind == "AWS::IAM::Role" {
		s.elements[id] = nil // also a role without any
	}
	var walk func(key string, n *yaml.Node)
	walk = func(key string, n *yaml.Node) {
		statements := member(n, "Statement")
		switch {
		case n.Kind == yaml.SequenceNode:
			for _, child := range n.Content {
				walk(key, child)
			}
		case statements.Kind == 0:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i].Value, n.Content[i+1])
			}
		case kind != "AWS::IAM::Role":
			s.problem(id, "a policy of a %s is not tested", kind)
		default:
			for i, statement := range listed(statements) {
				s.statement(element{role: id, trust: key == "AssumeRolePolicyDocument", statement: i + 1}, statements, statement)
			}
		}
	}
	walk("", n)
}

// statement finds the elements of one statement.
func (s *stripper) statement(e element, statements, n *yaml.Node) {
	actions := texts(member(n, "Action"))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		switch key {
		case "Sid", "Principal":
		case "Effect":
			if value.Value != "Allow" {
				s.problem(e.role, "Effect %s is not tested", value.Value)
			}
		case "Action", "Resource":
			for j, one := range listed(value) {
				e.kind, e.name, e.lost = key, text(one), actions
				if strings.ContainsAny(e.name, "*?") {
					s.problem(e.role, "%s %s stands for more than one", key, e.name)
				}
				if key == "Action" {
					e.lost = actions[j : j+1]
				}
				s.add(e, func() { s.takeAway(e, statements, n, value, j) }, statements, value, one)
			}
		case "Condition":
			for j := 1; j < len(value.Content); j += 2 {
				tests := value.Content[j]
				for k := 0; k+1 < len(tests.Content); k += 2 {
					e.kind, e.name, e.lost = key, tests.Content[k].Value, nil
					s.add(e, func() {
						if len(tests.Content) == 2 { // with it goes its operator
							value.Content = slices.Delete(slices.Clone(value.Content), j-1, j+1)
							return
						}
						tests.Content = slices.Delete(slices.Clone(tests.Content), k, k+2)
					}, value, tests)
				}
			}
		default:
			s.problem(e.role, "%s is not tested", key)
		}
	}
}

// takeAway takes an action or a resource away. A statement has at least one of each: of a trust policy the whole statement goes
// with the last of them, of another the last is replaced by one that nothing matches, so that the rest stays.
func (s *stripper) takeAway(e element, statements, statement, list *yaml.Node, i int) {
	one := listed(list)[i]
	switch {
	case list.Kind == yaml.SequenceNode && len(list.Content) > 1:
		list.Content = slices.Delete(slices.Clone(list.Content), i, i+1)
	case e.trust && statements.Kind == yaml.SequenceNode:
		at := slices.Index(statements.Content, statement)
		statements.Content = slices.Delete(slices.Clone(statements.Content), at, at+1)
	case e.kind == "Action":
		*one = yaml.Node{Kind: yaml.ScalarNode, Value: "nothing:Nothing"}
	default:
		*one = yaml.Node{Kind: yaml.ScalarNode, Value: "arn:aws:nothing:::nothing"}
	}
}

// add adds an element with the template as it is after take, and puts the nodes that take changes back.
func (s *stripper) add(e element, take func(), changed ...*yaml.Node) {
	var before []yaml.Node
	for _, n := range changed {
		before = append(before, *n)
	}
	take()
	var err error
	if e.stripped, err = yaml.Marshal(s.top); err != nil {
		s.problem(e.role, "%v", err)
	}
	for i, n := range changed {
		*n = before[i]
	}
	s.elements[e.role] = append(s.elements[e.role], e)
}

// member is that of a mapping, an empty node if there is none.
func member(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// listed are the elements of a list, or the one that stands for a list.
func listed(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

func texts(n *yaml.Node) []string {
	var out []string
	for _, one := range listed(n) {
		out = append(out, text(one))
	}
	return out
}

// text is a scalar as it is written, with its function.
func text(n *yaml.Node) string {
	if n.ShortTag() != "!!str" {
		return n.Tag + " " + n.Value
	}
	return n.Value
}
