package dynamodb

import (
	"hash/fnv"
	"regexp"
	"slices"
	"time"
)

// creating is how long a table takes to become active, unless it is made active at once.
const creating = 200 * time.Millisecond

var tableName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// ChangeKind says what happened to an item, as DynamoDB Streams name it.
type ChangeKind string

// The kinds of changes.
const (
	Insert ChangeKind = "INSERT"
	Modify ChangeKind = "MODIFY"
	Remove ChangeKind = "REMOVE"
)

// Change is a change of an item, as DynamoDB Streams would show it: a write that changes nothing is none.
type Change struct {
	// Kind is what happened.
	Kind ChangeKind
	// Key are the item's key attributes.
	Key Item
	// Old is the item before, nil of an INSERT.
	Old Item
	// New is the item after, nil of a REMOVE.
	New Item
	// Time is when it happened, by the stand-in's clock.
	Time time.Time
}

// Description is what is to be said of a table.
type Description struct {
	Name    string
	Schema  Schema
	Created time.Time
	// Active is false while the table is being made.
	Active bool
	// Items and Bytes are how many there are.
	Items, Bytes int
	// TTL is the attribute that says when an item ends, "" for none.
	TTL string
	// Recovery is true if the table can be put back to a point in time.
	Recovery bool
}

// table is a table. The store's lock guards it.
type table struct {
	name            string
	schema          Schema
	created, active time.Time
	ttl             string
	recovery        bool
	bytes           int
	entries         map[string]*entry // :: the key's identity → entry
	sorted          []*entry          // all entries in the table's order; nil while that is not known
	changes         []Change
}

// entry holds an item. The item is replaced, never changed.
type entry struct {
	spread uint64 // scatters the partitions, as DynamoDB does
	item   Item
	size   int
}

func (s Schema) entry(item Item) *entry {
	h := fnv.New64a()
	_, _ = h.Write([]byte(item[s.Hash.Name].Text)) // never fails
	return &entry{spread: h.Sum64(), item: item, size: item.Size()}
}

func (t *table) describe(now time.Time) Description {
	return Description{
		Name: t.name, Schema: t.schema, Created: t.created, Active: !now.Before(t.active),
		Items: len(t.entries), Bytes: t.bytes, TTL: t.ttl, Recovery: t.recovery,
	}
}

// find is the item with a key, nil if there is none.
func (t *table) find(key Item) Item {
	if e := t.entries[t.schema.identity(key)]; e != nil {
		return e.item
	}
	return nil
}

// put stores an item that was checked.
func (t *table) put(item Item, now time.Time) {
	id := t.schema.identity(item)
	fresh := t.schema.entry(item)
	e := t.entries[id]
	if e == nil {
		t.entries[id], t.sorted = fresh, nil
		t.bytes += fresh.size
		t.changes = append(t.changes, Change{Kind: Insert, Key: t.schema.KeyOf(item), New: item, Time: now})
		return
	}
	if e.item.Equal(item) {
		return
	}
	t.changes = append(t.changes, Change{Kind: Modify, Key: t.schema.KeyOf(item), Old: e.item, New: item, Time: now})
	t.bytes += fresh.size - e.size
	*e = *fresh
}

// remove removes an item; that there is none is no error.
func (t *table) remove(key Item, now time.Time) {
	id := t.schema.identity(key)
	e := t.entries[id]
	if e == nil {
		return
	}
	delete(t.entries, id)
	t.sorted = nil
	t.bytes -= e.size
	t.changes = append(t.changes, Change{Kind: Remove, Key: t.schema.KeyOf(e.item), Old: e.item, Time: now})
}

// ordered are all entries in the table's order.
func (t *table) ordered() []*entry {
	if t.sorted == nil {
		t.sorted = make([]*entry, 0, len(t.entries))
		for _, e := range t.entries {
			t.sorted = append(t.sorted, e)
		}
		slices.SortFunc(t.sorted, t.schema.order)
	}
	return t.sorted
}
