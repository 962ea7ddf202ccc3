package dynamodb

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// ttlAge is how old an expiry may be for an item to be removed.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
const ttlAge = 5 * 365 * 24 * time.Hour

// Store holds tables. The zero value has none. All methods may be called from many goroutines, each is atomic, and errors are
// [*Error]; now is the stand-in's time.
type Store struct {
	mu     sync.Mutex // guards all there is
	tables map[string]*table
}

// Create makes a table, which is active at once or a moment later.
func (s *Store) Create(name string, schema Schema, now time.Time, atOnce bool) (Description, error) {
	if !tableName.MatchString(name) {
		return Description{}, invalid("stand-in: TableName must have 3 to 255 of a-z, A-Z, 0-9, _, - and .")
	}
	for _, k := range schema.keys() {
		if k.Name == "" || len(k.Name) > 255 || k.Type != String && k.Type != Number && k.Type != Binary {
			return Description{}, invalid("stand-in: a key attribute has a name of 1 to 255 bytes and the type S, N or B")
		}
	}
	if schema.Hash.Name == schema.Range.Name {
		return Description{}, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables[name] != nil {
		return Description{}, &Error{Code: CodeInUse, Text: "Table already exists: " + name}
	}
	t := &table{name: name, schema: schema, created: now, active: now, entries: make(map[string]*entry)}
	if !atOnce {
		t.active = now.Add(creating)
	}
	if s.tables == nil {
		s.tables = make(map[string]*table)
	}
	s.tables[name] = t
	return t.describe(now), nil
}

// named is a table whether it is active or not. The caller holds mu.
func (s *Store) named(name string) (*table, *Error) {
	if t := s.tables[name]; t != nil {
		return t, nil
	}
	return nil, &Error{Code: CodeNotFound, Text: "Requested resource not found: Table: " + name + " not found"}
}

// table is an active table. The caller holds mu.
func (s *Store) table(name string, now time.Time) (*table, *Error) {
	t := s.tables[name]
	if t == nil || now.Before(t.active) {
		return nil, notFound()
	}
	return t, nil
}

// Describe says what there is to say of a table.
func (s *Store) Describe(name string, now time.Time) (Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.named(name)
	if err != nil {
		return Description{}, err
	}
	return t.describe(now), nil
}

// Delete removes a table and its items.
func (s *Store) Delete(name string, now time.Time) (Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.named(name)
	if err != nil {
		return Description{}, err
	}
	if now.Before(t.active) {
		return Description{}, &Error{Code: CodeInUse, Text: "Attempt to change a resource which is still in use: Table is being created: " + name}
	}
	delete(s.tables, name)
	return t.describe(now), nil
}

// Names are the tables' names, sorted.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tables))
}

// SetTTL names the attribute that says when an item ends, or takes it away.
func (s *Store) SetTTL(name, attribute string, enabled bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	switch {
	case err != nil:
		return err
	case attribute == "":
		return invalid("stand-in: the time to live needs an AttributeName")
	case enabled && t.ttl != "":
		return invalid("TimeToLive is already enabled")
	case !enabled && t.ttl == "":
		return invalid("TimeToLive is already disabled")
	case !enabled && t.ttl != attribute:
		return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.ttl)
	}
	if t.ttl = attribute; !enabled {
		t.ttl = ""
	}
	return nil
}

// SetRecovery turns recovery to a point in time on or off, as it is described; nothing is kept for it.
func (s *Store) SetRecovery(name string, enabled bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return err
	}
	t.recovery = enabled
	return nil
}

// Sweep removes the items whose time to live is over, and says how many there were. DynamoDB does so within days.
func (s *Store) Sweep(name string, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range slices.Clone(t.ordered()) {
		v := e.item[t.ttl]
		if t.ttl == "" || v.Type != Number {
			continue
		}
		latest, earliest := count(int(now.Unix())), count(int(now.Add(-ttlAge).Unix()))
		if compare(v, latest) < 0 && compare(v, earliest) > 0 {
			t.remove(e.item, now)
			n++
		}
	}
	return n, nil
}

// Write is what a write did.
type Write struct {
	// Old is the item before, nil if there was none.
	Old Item
	// New is the item after, nil if there is none.
	New Item
}

// Bytes is the larger of the two sizes, which the capacity counts.
func (w Write) Bytes() int { return max(w.Old.Size(), w.New.Size()) }

// Put stores an item in place of the one with its key, if the condition holds of that one; nil is no condition.
func (s *Store) Put(name string, item Item, c *Condition, now time.Time) (Write, error) {
	return s.write(name, item, c, now, func(*table, Item) (Item, *Error) { return item, nil }, Schema.checkItem)
}

// Remove removes the item with a key, if the condition holds of it; that there is none is no error.
func (s *Store) Remove(name string, key Item, c *Condition, now time.Time) (Write, error) {
	return s.write(name, key, c, now, func(*table, Item) (Item, *Error) { return nil, nil }, Schema.checkKey)
}

// Update changes the item with a key, or makes it, if the condition holds of it. A nil update changes nothing.
func (s *Store) Update(name string, key Item, u *Update, c *Condition, now time.Time) (Write, error) {
	return s.write(name, key, c, now, func(t *table, old Item) (Item, *Error) {
		changed := maps.Clone(old)
		if old == nil {
			changed = maps.Clone(key)
		}
		if u != nil {
			if err := u.checkKeys(t.schema); err != nil {
				return nil, err
			}
			changed = u.apply(changed)
		}
		if changed.Size() > itemBytesMax {
			return nil, invalid("Item size to update has exceeded the maximum allowed size")
		}
		return changed, nil
	}, Schema.checkKey)
}

// write changes one item: check refuses the key, become says what the item is to be, nil for nothing.
func (s *Store) write(
	name string, key Item, c *Condition, now time.Time, become func(*table, Item) (Item, *Error), check func(Schema, Item) *Error,
) (Write, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return Write{}, err
	}
	if err := check(t.schema, key); err != nil {
		return Write{}, err
	}
	old := t.find(key)
	item, err := become(t, old)
	if err != nil {
		return Write{}, err
	}
	if !c.Matches(old) {
		return Write{}, &Error{Code: CodeCondition, Text: "The conditional request failed", Item: old}
	}
	if item == nil {
		t.remove(key, now)
	} else {
		t.put(item, now)
	}
	return Write{Old: old, New: item}, nil
}

// Find is the item with a key, nil if there is none.
func (s *Store) Find(name string, key Item, now time.Time) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return nil, err
	}
	if err := t.schema.checkKey(key); err != nil {
		return nil, err
	}
	return t.find(key), nil
}

// Items are a copy of all items of a table, sorted by key.
func (s *Store) Items(name string, now time.Time) ([]Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return nil, err
	}
	list := make([]Item, 0, len(t.entries))
	for _, e := range t.entries {
		list = append(list, e.item)
	}
	slices.SortFunc(list, func(a, b Item) int {
		for _, k := range t.schema.keys() {
			if c := compare(a[k.Name], b[k.Name]); c != 0 {
				return c
			}
		}
		return 0
	})
	return list, nil
}

// Changes are the changes of a table's items, in their order.
func (s *Store) Changes(name string, now time.Time) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(name, now)
	if err != nil {
		return nil, err
	}
	return slices.Clone(t.changes), nil
}

// LeadingKeys are the partition keys of items as IAM's condition key dynamodb:LeadingKeys has them; none if the table is not
// there.
func (s *Store) LeadingKeys(name string, items []Item) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	if t == nil {
		return nil
	}
	var keys []string
	for _, item := range items {
		if v, there := item[t.schema.Hash.Name]; there && !slices.Contains(keys, v.Text) {
			keys = append(keys, v.Text)
		}
	}
	return keys
}
