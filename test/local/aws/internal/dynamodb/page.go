package dynamodb

import (
	"slices"
	"sort"
	"time"
)

// pageBytesMax is how many bytes of items one call of Query or Scan looks at.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const pageBytesMax = 1 << 20

// Selection says which items Query and Scan look at.
type Selection struct {
	// Key is the key condition of a Query; nil means a Scan.
	Key *Condition
	// Filter leaves items out after they were counted; nil leaves none out.
	Filter *Condition
	// Start is the key after which to begin; nil means at the beginning.
	Start Item
	// Limit is how many items to look at; 0 means no limit but that of bytes.
	Limit int
	// Backward reverses the order of a Query.
	Backward bool
}

// Page is what a Query or Scan found.
type Page struct {
	// Items are those that passed the filter.
	Items []Item
	// Looked is how many were looked at, Bytes their size.
	Looked, Bytes int
	// Last is the key of the last one looked at if there may be more; nil means that this was all.
	Last Item
}

// Select looks at a page of items.
func (s *Store) Select(name string, q Selection, now time.Time) (Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return Page{}, err
	}
	if q.Key != nil {
		if err := t.schema.checkQuery(q); err != nil {
			return Page{}, err
		}
	}
	list := t.ordered()
	if q.Backward {
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	if q.Start != nil {
		if err := t.schema.checkKey(q.Start); err != nil {
			return Page{}, invalid("The provided starting key is invalid")
		}
		after := t.schema.entry(q.Start)
		list = list[sort.Search(len(list), func(i int) bool {
			c := t.schema.order(list[i], after)
			return c > 0 && !q.Backward || c < 0 && q.Backward
		}):]
	}
	page := Page{Items: []Item{}}
	for _, e := range list {
		if !q.Key.Matches(e.item) {
			continue
		}
		if page.Last != nil {
			return page, nil // one more was there
		}
		page.Looked++
		page.Bytes += e.size
		if q.Filter.Matches(e.item) {
			page.Items = append(page.Items, e.item)
		}
		if page.Looked == q.Limit || page.Bytes >= pageBytesMax {
			page.Last = t.schema.KeyOf(e.item)
		}
	}
	if page.Looked != q.Limit {
		page.Last = nil
	}
	return page, nil
}

// checkQuery refuses a key condition other than the partition key equal to a value, and perhaps one test of the sort key.
func (s Schema) checkQuery(q Selection) *Error {
	parts := []node{q.Key.root}
	if all, ok := q.Key.root.(allOf); ok {
		if _, _, ok := between(all); !ok {
			parts = all
		}
	}
	hash := false
	for _, part := range parts {
		name, kind, operator := keyTest(part)
		switch {
		case name == s.Hash.Name && operator == "=" && !hash:
			hash = true
			if kind != s.Hash.Type {
				return parameter("Condition parameter type does not match schema type")
			}
		case name == s.Hash.Name:
			return invalid("Query key condition not supported")
		case name != s.Range.Name || name == "" || operator == "<>" || len(parts) > 2:
			return invalid("Query key condition not supported")
		case kind != s.Range.Type:
			return parameter("Condition parameter type does not match schema type")
		}
	}
	if !hash {
		return invalid("Query condition missed key schema element: %s", s.Hash.Name)
	}
	if q.Filter != nil {
		for _, name := range q.Filter.heads {
			if s.isKey(name) {
				return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
			}
		}
	}
	return nil
}

// keyTest is the attribute, the value's type and the operator of a test that a key condition may have; no name of any other.
func keyTest(n node) (name string, kind Type, operator string) {
	var what, with operand
	switch n := n.(type) {
	case comparison:
		what, with, operator = n.a, n.b, n.operator
	case prefixed:
		what, with, operator = n.what, n.with, "begins_with"
	case allOf:
		low, high, ok := between(n)
		if !ok || high.b.path != nil {
			return "", "", ""
		}
		what, with, operator = low.a, low.b, "BETWEEN"
	}
	if len(what.path) != 1 || what.size || with.path != nil {
		return "", "", ""
	}
	return what.path[0].name, with.literal.Type, operator
}

// between are the two comparisons that BETWEEN becomes, if a conjunction is that.
func between(n allOf) (low, high comparison, ok bool) {
	if len(n) != 2 {
		return low, high, false
	}
	low, ok = n[0].(comparison)
	high, alsoOK := n[1].(comparison)
	return low, high, ok && alsoOK && low.operator == ">=" && high.operator == "<=" && slices.Equal(low.a.path, high.a.path)
}

// Partition are the attributes that a key condition wants equal to a value, the partition key among them.
func (c *Condition) Partition() Item {
	parts := []node{c.root}
	if all, ok := c.root.(allOf); ok {
		parts = all
	}
	equal := Item{}
	for _, part := range parts {
		if n, ok := part.(comparison); ok && n.operator == "=" && len(n.a.path) == 1 && n.b.path == nil {
			equal[n.a.path[0].name] = n.b.literal
		}
	}
	return equal
}
