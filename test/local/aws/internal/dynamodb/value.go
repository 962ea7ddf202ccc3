package dynamodb

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/strictjson"
)

// nestingMax is how many levels a value may have, the attribute's own included.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const nestingMax = 32

// Type is the type of a value, as DynamoDB's JSON names it.
type Type string

// The types. They are all there are.
const (
	String    Type = "S"
	Number    Type = "N"
	Binary    Type = "B"
	Boolean   Type = "BOOL"
	Null      Type = "NULL"
	List      Type = "L"
	Map       Type = "M"
	StringSet Type = "SS"
	NumberSet Type = "NS"
	BinarySet Type = "BS"
)

// Value is an attribute's value. Values are not changed once they were read.
type Value struct {
	// Type says which of the others are there.
	Type Type
	// Text is the text of S, the number of N as DynamoDB answers it (1.5 for 1.50, never an exponent), the bytes of B.
	Text string
	// Bool is that of BOOL.
	Bool bool
	// List are the elements of L in their order, or those of a set, sorted.
	List []Value
	// Map are the members of M.
	Map Item
}

// Item is an item's attributes by name.
type Item map[string]Value

// ReadItem reads an item from what [strictjson.Decode] made of it. Errors are [*Error].
func ReadItem(tree any) (Item, error) {
	item, err := readItem(tree, 1)
	if err != nil {
		return nil, err
	}
	return item, nil
}

// ReadValue reads a value likewise.
func ReadValue(tree any) (Value, error) {
	v, err := readValue(tree, 1)
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

func readItem(tree any, level int) (Item, *Error) {
	o, ok := tree.(strictjson.Object)
	if !ok {
		return nil, unreadable("a map of attribute values must be an object")
	}
	item := make(Item, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		v, err := readValue(o[name], level)
		if err != nil {
			return nil, err
		}
		item[name] = v
	}
	return item, nil
}

// readValue reads an object with one member, which is the type's name.
func readValue(tree any, level int) (Value, *Error) {
	o, ok := tree.(strictjson.Object)
	if !ok {
		return Value{}, unreadable("an attribute value must be an object")
	}
	if len(o) == 0 {
		return Value{}, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	if len(o) > 1 {
		return Value{}, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	if level > nestingMax {
		return Value{}, invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
	}
	for name, content := range o {
		v := Value{Type: Type(name)}
		switch c := content.(type) {
		case string:
			return v.readText(c)
		case bool:
			return v.readBool(c)
		case []any:
			return v.readList(c, level)
		case strictjson.Object:
			if v.Type != Map {
				break
			}
			var err *Error
			v.Map, err = readItem(c, level+1)
			return v, err
		}
	}
	return Value{}, unreadable("an attribute value is not of the type that it names, or of none that there is")
}

func (v Value) readText(text string) (Value, *Error) {
	switch v.Type {
	case String:
		v.Text = text
		return v, nil
	case Number:
		n, err := parseNumber(text)
		v.Text = n.String()
		return v, err
	case Binary:
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return v, unreadable("a binary value is not base64")
		}
		v.Text = string(b)
		return v, nil
	case Boolean, Null, List, Map, StringSet, NumberSet, BinarySet:
	}
	return v, unreadable("an attribute value is not of the type that it names, or of none that there is")
}

func (v Value) readBool(b bool) (Value, *Error) {
	switch {
	case v.Type == Boolean:
		v.Bool = b
		return v, nil
	case v.Type == Null && b:
		return v, nil
	case v.Type == Null:
		return v, parameter("Null attribute value types must have the value of true")
	}
	return v, unreadable("an attribute value is not of the type that it names, or of none that there is")
}

func (v Value) readList(list []any, level int) (Value, *Error) {
	v.List = make([]Value, len(list))
	member := v.member()
	if v.Type != List && member == "" {
		return v, unreadable("an attribute value is not of the type that it names, or of none that there is")
	}
	for i, element := range list {
		if member != "" {
			element = strictjson.Object{string(member): element}
		}
		e, err := readValue(element, level+1)
		if err != nil {
			return v, err
		}
		v.List[i] = e
	}
	if member != "" {
		return v.asSet()
	}
	return v, nil
}

// member is the type of a set's elements, "" of what is no set.
func (v Value) member() Type {
	switch v.Type {
	case StringSet:
		return String
	case NumberSet:
		return Number
	case BinarySet:
		return Binary
	case String, Number, Binary, Boolean, Null, List, Map:
	}
	return ""
}

// asSet sorts the elements, so that equal sets are equal values.
func (v Value) asSet() (Value, *Error) {
	empty := map[Type]string{ // the spaces are AWS's
		StringSet: "An string set  may not be empty", NumberSet: "An number set  may not be empty", BinarySet: "Binary sets should not be empty",
	}
	if len(v.List) == 0 {
		return v, parameter("%s", empty[v.Type])
	}
	slices.SortFunc(v.List, compare)
	for i, e := range v.List {
		if e.Text == "" && v.Type == BinarySet {
			return v, parameter("Binary sets may not contain null or empty values")
		}
		if e.Text == "" {
			return v, parameter("An string set may not have a empty string as a member")
		}
		if i == 0 || v.List[i-1].Text != e.Text {
			continue
		}
		if v.Type == NumberSet {
			return v, invalid("Input collection contains duplicates")
		}
		return v, invalid("stand-in: Input collection of type %s contains duplicates", v.Type)
	}
	return v, nil
}

// compare orders two values of one type out of S, N and B.
func compare(a, b Value) int {
	if a.Type == Number {
		return compareNumbers(a.Text, b.Text)
	}
	return strings.Compare(a.Text, b.Text)
}

// Equal tells whether two values are the same: numbers by value, sets in any order.
func (v Value) Equal(other Value) bool {
	return v.Type == other.Type && v.Text == other.Text && v.Bool == other.Bool &&
		slices.EqualFunc(v.List, other.List, Value.Equal) && v.Map.Equal(other.Map)
}

// Equal tells whether two items have the same attributes.
func (i Item) Equal(other Item) bool { return maps.EqualFunc(i, other, Value.Equal) }

// Size is the item's in bytes, as its limit counts them.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (i Item) Size() int {
	size := 0
	for name, v := range i {
		size += len(name) + v.size()
	}
	return size
}

func (v Value) size() int {
	switch v.Type {
	case String, Binary:
		return len(v.Text)
	case Number:
		return mustNumber(v.Text).size()
	case Boolean, Null:
		return 1
	case List:
		size := 3
		for _, e := range v.List {
			size += 1 + e.size()
		}
		return size
	case Map:
		return 3 + len(v.Map) + v.Map.Size()
	case StringSet, NumberSet, BinarySet:
		size := 0
		for _, e := range v.List {
			size += e.size()
		}
		return size
	}
	return 0
}

// MarshalJSON writes the value as DynamoDB's JSON has it.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(map[Type]any{v.Type: v.content()}) }

// content is the value without its type.
func (v Value) content() any {
	switch v.Type {
	case String, Number:
		return v.Text
	case Binary:
		return []byte(v.Text)
	case Boolean:
		return v.Bool
	case Null:
		return true
	case List:
		return v.List
	case Map:
		return v.Map
	case StringSet, NumberSet, BinarySet:
		list := make([]any, len(v.List))
		for i, e := range v.List {
			list[i] = e.content()
		}
		return list
	}
	return nil
}
