package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Scope says what a policy is about.
type Scope string

// The scopes, by their names in FilterPolicyScope.
const (
	MessageAttributes Scope = "MessageAttributes"
	MessageBody       Scope = "MessageBody"
)

// Limits of a policy.
// Source: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
const (
	keysMax         = 5
	combinationsMax = 150
	bytesMax        = 256 << 10
)

// Refusal says why a policy is not taken.
type Refusal struct {
	// Text is what follows "Invalid parameter: " and, at Subscribe, "Attributes Reason: ". AWS appends a position.
	Text string
	// Recorded tells that AWS is on record for the text; others are ours.
	Recorded bool
}

// Error is the text.
func (r *Refusal) Error() string { return "read filter policy: " + r.Text }

// recorded are texts that AWS answered on 2024-05-14, as the LocalStack test suite has them.
func recorded(format string, args ...any) error {
	return &Refusal{Text: "FilterPolicy: " + fmt.Sprintf(format, args...), Recorded: true}
}

func refused(format string, args ...any) error {
	return &Refusal{Text: "FilterPolicy: " + fmt.Sprintf(format, args...)}
}

// Policy is a filter policy. It is immutable.
type Policy struct {
	text  string
	scope Scope
	root  *object
}

// String is the policy as it was given.
func (p *Policy) String() string { return p.text }

// Scope is what the policy is about.
func (p *Policy) Scope() Scope { return p.scope }

// object is what a policy asks of a JSON object: all of it.
type object struct {
	leaves map[string][]rule  // :: key → rules, one of which must hold
	nested map[string]*object // :: key → what is asked of its value
	anyOf  [][]*object        // of each list one must hold
}

// Parse reads a policy. Errors are [*Refusal].
func Parse(text string, scope Scope) (*Policy, error) {
	if scope != MessageAttributes && scope != MessageBody {
		return nil, refused("its scope must be %s or %s", MessageAttributes, MessageBody)
	}
	if len(text) > bytesMax || !utf8.ValidString(text) {
		return nil, refused("it must be UTF-8 of at most %d bytes", bytesMax)
	}
	members, err := decode([]byte(text))
	if err != nil {
		return nil, refused("it must be a JSON object")
	}
	p := parser{scope: scope, keys: make(map[string]bool)}
	root, combinations, err := p.object(members, "", 1)
	if err != nil {
		return nil, err
	}
	if len(p.keys) > keysMax {
		return nil, recorded("Filter policy can not have more than %d keys", keysMax)
	}
	if combinations > combinationsMax {
		return nil, recorded("Filter policy is too complex")
	}
	if p.bad != nil {
		return nil, p.bad
	}
	return &Policy{text: text, scope: scope, root: root}, nil
}

// decode reads a JSON object whose numbers keep their digits.
func decode(b []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || members == nil {
		return nil, errors.New("it is not one JSON object")
	}
	return members, nil
}

// parser reads a policy. Rules are judged last, as AWS does: bad is the first that is wrong.
type parser struct {
	scope Scope
	keys  map[string]bool // :: paths of leaves
	bad   error
}

// object reads the members of an object and counts its combinations: the product over its keys of their values times their
// depth; alternatives add.
func (p *parser) object(members map[string]any, path string, depth int) (*object, int, error) {
	o := &object{leaves: make(map[string][]rule), nested: make(map[string]*object)}
	combinations := 1
	for _, key := range slices.Sorted(maps.Keys(members)) {
		n := 0
		var err error
		switch value := members[key].(type) {
		case map[string]any:
			if p.scope == MessageAttributes {
				return nil, 0, &Refusal{Text: "Filter policy scope MessageAttributes does not support nested filter policy", Recorded: true}
			}
			o.nested[key], n, err = p.object(value, path+"."+key, depth+1)
		case []any:
			if len(value) == 0 {
				return nil, 0, recorded("Empty arrays are not allowed")
			}
			if key == "$or" {
				n, err = p.alternatives(o, value, path, depth)
				break
			}
			if p.scope == MessageBody && strings.Contains(key, ".") {
				return nil, 0, refused("a key with a dot is not here")
			}
			p.keys[path+"."+key] = true
			for _, v := range value {
				o.leaves[key] = append(o.leaves[key], p.rule(v))
			}
			n = len(value) * depth
		default:
			return nil, 0, recorded("%q must be an object or an array", key)
		}
		if err != nil {
			return nil, 0, err
		}
		combinations = min(combinations*n, combinationsMax+1)
	}
	return o, combinations, nil
}

// alternatives reads the list of $or.
func (p *parser) alternatives(o *object, list []any, path string, depth int) (int, error) {
	sum := 0
	var alternatives []*object
	for _, value := range list {
		members, ok := value.(map[string]any)
		if !ok || len(members) == 0 || len(list) < 2 {
			return 0, refused("$or must be an array of two or more objects with keys")
		}
		alternative, n, err := p.object(members, path, depth)
		if err != nil {
			return 0, err
		}
		alternatives = append(alternatives, alternative)
		sum = min(sum+n, combinationsMax+1)
	}
	o.anyOf = append(o.anyOf, alternatives)
	return sum, nil
}

// rule reads a rule; a wrong one is remembered in bad.
func (p *parser) rule(value any) rule {
	r, err := parseRule(value)
	if err != nil && p.bad == nil {
		p.bad = err
	}
	return r
}
