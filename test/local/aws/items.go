package aws

import (
	"fmt"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/dynamodb"
)

// Item is an item of a table, its attributes by name.
type Item = dynamodb.Item

// Value is the value of an attribute. Two values that DynamoDB takes for equal are equal under cmp.Diff: numbers are in the
// form in which DynamoDB answers them, sets are sorted.
type Value = dynamodb.Value

// Change is a change of an item, as DynamoDB Streams would show it.
type Change = dynamodb.Change

// Key is an attribute of a table's key, of type S, N or B.
type Key = dynamodb.Key

// CreateTable makes a table that is active at once and returns its ARN. keys are the partition key and, if wanted, the sort
// key.
func (s *Server) CreateTable(name string, keys ...Key) (string, error) {
	if len(keys) < 1 || len(keys) > 2 {
		return "", fmt.Errorf("create table %q: it needs one or two key attributes, not %d", name, len(keys))
	}
	schema := dynamodb.Schema{Hash: keys[0]}
	for _, sort := range keys[1:] {
		if sort.Name == "" {
			return "", fmt.Errorf("create table %q: the sort key has no name", name)
		}
		schema.Range = sort
	}
	if _, err := s.tables.Create(name, schema, s.now(), true); err != nil {
		return "", fmt.Errorf("create table %q: %w", name, err)
	}
	return s.tableARN(name), nil
}

// DeleteTable removes a table, named or by its ARN, with its items and the record of their changes.
func (s *Server) DeleteTable(table string) error {
	if _, err := s.tables.Delete(s.tableOf(table), s.now()); err != nil {
		return fmt.Errorf("delete table %s: %w", table, err)
	}
	return nil
}

// Items are all items of a table, named or by its ARN, sorted by key; nil if there is no such table. They must not be
// changed.
func (s *Server) Items(table string) []Item {
	items, err := s.tables.Items(s.tableOf(table), s.now())
	if err != nil {
		return nil
	}
	return items
}

// ItemCount is how many items a table has; 0 if there is no such table.
func (s *Server) ItemCount(table string) int {
	d, err := s.tables.Describe(s.tableOf(table), s.now())
	if err != nil {
		return 0
	}
	return d.Items
}

// Changes are the changes of a table's items in the order in which they happened; nil if there is no such table. A write
// that changes nothing is none. They must not be changed.
func (s *Server) Changes(table string) []Change {
	changes, err := s.tables.Changes(s.tableOf(table), s.now())
	if err != nil {
		return nil
	}
	return changes
}

// SweepExpired removes the items of a table whose time to live is over, and says how many there were. DynamoDB does so on its
// own, within days; the stand-in only when asked.
func (s *Server) SweepExpired(table string) (int, error) {
	n, err := s.tables.Sweep(s.tableOf(table), s.now())
	if err != nil {
		return 0, fmt.Errorf("sweep table %s: %w", table, err)
	}
	return n, nil
}
