package dynamodb

import (
	"strconv"
	"strings"
)

// Limits of keys and items, in bytes.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	hashBytesMax  = 2048
	rangeBytesMax = 1024
	itemBytesMax  = 409_600
)

// Key is an attribute of a table's primary key.
type Key struct {
	// Name is the attribute's.
	Name string
	// Type is S, N or B.
	Type Type
}

// Schema is a table's primary key.
type Schema struct {
	// Hash is the partition key.
	Hash Key
	// Range is the sort key; without a name there is none.
	Range Key
}

// keys are the key attributes that there are.
func (s Schema) keys() []Key {
	if s.Range.Name == "" {
		return []Key{s.Hash}
	}
	return []Key{s.Hash, s.Range}
}

// isKey tells whether an attribute is part of the key.
func (s Schema) isKey(name string) bool {
	return name == s.Hash.Name || name == s.Range.Name && name != ""
}

// KeyOf is the part of an item that is its key.
func (s Schema) KeyOf(item Item) Item {
	key := make(Item, 2)
	for _, k := range s.keys() {
		key[k.Name] = item[k.Name]
	}
	return key
}

// check refuses an item whose key attributes are missing, of other types, empty or too long.
func (s Schema) check(item Item) *Error {
	for _, k := range s.keys() {
		v, there := item[k.Name]
		if !there {
			return parameter("Missing the key %s in the item", k.Name)
		}
		if v.Type != k.Type {
			return parameter("Type mismatch for key %s expected: %s actual: %s", k.Name, k.Type, v.Type)
		}
	}
	return s.checkLengths(item)
}

// checkKey refuses a key that is not exactly the table's.
func (s Schema) checkKey(key Item) *Error {
	if len(key) != len(s.keys()) {
		return invalid("The provided key element does not match the schema")
	}
	for _, k := range s.keys() {
		if v, there := key[k.Name]; !there || v.Type != k.Type {
			return invalid("The provided key element does not match the schema")
		}
	}
	return s.checkLengths(key)
}

func (s Schema) checkLengths(item Item) *Error {
	for _, k := range s.keys() {
		v := item[k.Name]
		switch {
		case k.Type == Number:
		case v.Text == "" && k.Type == String:
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", k.Name)
		case v.Text == "":
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: %s", k.Name)
		case k == s.Hash && len(v.Text) > hashBytesMax:
			// The missing space is AWS's.
			return parameter("Size of hashkey has exceeded the maximum size limit of%d bytes", hashBytesMax)
		case k == s.Range && len(v.Text) > rangeBytesMax:
			return parameter("Aggregated size of all range keys has exceeded the size limit of %d bytes", rangeBytesMax)
		}
	}
	return nil
}

// checkItem is check and the item's own size.
func (s Schema) checkItem(item Item) *Error {
	if err := s.check(item); err != nil {
		return err
	}
	if item.Size() > itemBytesMax {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// identity is a text that two items share if and only if their keys are equal.
func (s Schema) identity(item Item) string {
	hash := item[s.Hash.Name].Text
	return strconv.Itoa(len(hash)) + ":" + hash + item[s.Range.Name].Text
}

// order is that of a table: by an arbitrary but constant order of the partition keys, and by sort key within one.
func (s Schema) order(a, b *entry) int {
	switch {
	case a.spread < b.spread:
		return -1
	case a.spread > b.spread:
		return 1
	}
	if c := strings.Compare(a.item[s.Hash.Name].Text, b.item[s.Hash.Name].Text); c != 0 {
		return c
	}
	if s.Range.Name == "" {
		return 0
	}
	return compare(a.item[s.Range.Name], b.item[s.Range.Name])
}
