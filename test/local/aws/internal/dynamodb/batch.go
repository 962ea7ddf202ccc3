package dynamodb

import "time"

// Limits of batches.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
const (
	batchWritesMax = 25
	batchReadsMax  = 100
)

// Operation is an entry of a batch: an item to put, or the key of one to delete or read.
type Operation struct {
	// Table is the table's name.
	Table string
	// Item is the item to put; nil means that Key is there.
	Item Item
	// Key is the key of the item to delete or to read.
	Key Item
}

// subject is the item or the key.
func (o Operation) subject() Item {
	if o.Item != nil {
		return o.Item
	}
	return o.Key
}

// CheckWrites refuses a batch as a whole: too many entries, an unknown table, an item or key that the table cannot have, two
// entries for one key.
func (s *Store) CheckWrites(list []Operation, now time.Time) error {
	if len(list) > batchWritesMax {
		return invalid("Too many items requested for the BatchWriteItem call")
	}
	return s.checkBatch(list, now, func(schema Schema, o Operation) *Error {
		if o.Item != nil {
			return schema.checkItem(o.Item)
		}
		return schema.checkKey(o.Key)
	})
}

// CheckReads refuses a batch of reads likewise.
func (s *Store) CheckReads(list []Operation, now time.Time) error {
	if len(list) > batchReadsMax {
		return invalid("Too many items requested for the BatchGetItem call")
	}
	return s.checkBatch(list, now, func(schema Schema, o Operation) *Error { return schema.checkKey(o.Key) })
}

func (s *Store) checkBatch(list []Operation, now time.Time, check func(Schema, Operation) *Error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[string]bool, len(list))
	for _, o := range list {
		t, err := s.table(o.Table, now)
		if err != nil {
			return err
		}
		if err := check(t.schema, o); err != nil {
			return err
		}
		id := o.Table + " " + t.schema.identity(o.subject())
		if seen[id] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[id] = true
	}
	return nil
}

// Apply does the writes of a batch that was checked, and says what each did.
func (s *Store) Apply(list []Operation, now time.Time) ([]Write, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make([]Write, len(list))
	for i, o := range list {
		t, err := s.table(o.Table, now)
		if err != nil {
			return nil, err
		}
		done[i] = Write{Old: t.find(o.subject()), New: o.Item}
		if o.Item != nil {
			t.put(o.Item, now)
		} else {
			t.remove(o.Key, now)
		}
	}
	return done, nil
}
