package dynamodb

import "maps"

// Update is an update expression that was read: attributes to set and to remove. It is immutable.
type Update struct {
	set    map[string]Value
	remove []string
}

// ParseUpdate reads an update expression: SET of whole attributes to values, and REMOVE of whole attributes. Anything else is
// refused by name. Errors are [*Error].
func ParseUpdate(text string, subs *Substitutions) (*Update, error) {
	return parse("UpdateExpression", text, subs, func(p *parser) *Update {
		u := &Update{set: make(map[string]Value)}
		seen, sections := make(map[string]bool), make(map[string]bool)
		attribute := func() string {
			path := p.path()
			if len(path) > 1 {
				fail("stand-in: paths into documents are not here")
			}
			if name := path[0].name; seen[name] {
				fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", name, name)
			}
			seen[path[0].name] = true
			return path[0].name
		}
		for p.peek().text != "" {
			section := p.peek().keyword()
			if sections[section] {
				fail("The \"%s\" section can only be used once in an update expression;", section)
			}
			sections[section] = true
			switch {
			case p.take("SET"):
				for again := true; again; again = p.take(",") {
					name := attribute()
					p.want("=")
					if t := p.peek().text; len(t) < 2 || t[0] != ':' {
						fail("stand-in: SET takes a value, :value, and nothing else")
					}
					u.set[name] = p.literal()
				}
			case p.take("REMOVE"):
				for again := true; again; again = p.take(",") {
					u.remove = append(u.remove, attribute())
				}
			case section == "ADD", section == "DELETE":
				fail("stand-in: %s is not here; only SET and REMOVE are", section)
			default:
				p.syntax()
			}
		}
		return u
	})
}

// apply is the item that an update makes of another, which it does not change.
func (u *Update) apply(old Item) Item {
	changed := maps.Clone(old)
	maps.Copy(changed, u.set)
	for _, name := range u.remove {
		delete(changed, name)
	}
	return changed
}

// checkKeys refuses an update of the key.
func (u *Update) checkKeys(s Schema) *Error {
	for _, k := range s.keys() {
		_, set := u.set[k.Name]
		for _, name := range u.remove {
			set = set || name == k.Name
		}
		if set {
			return parameter("Cannot update attribute %s. This attribute is part of the key", k.Name)
		}
	}
	return nil
}
