package main

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/trustbridge/trustbridge/shared/cloudevent/rawjson"
)

// What DynamoDB can hold of a document.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	nestingMax = 32     // levels of a value, the attribute's own included
	nameMax    = 65_535 // bytes of a name inside a document
)

// item writes an item as DynamoDB's JSON has it and counts its size as DynamoDB does. Strings are copied as they were
// written, so that data is read once and written once.
type item struct {
	b    []byte
	size int
	kept kept
	// names are the members' of the objects that are being written, the innermost last.
	names [][]byte
}

// kept counts what is kept as the text that it was in the event, since DynamoDB cannot hold it as it is.
type kept struct {
	numbers int64 // of more than 38 digits, too large or too small
	nesting int64 // objects and arrays that would reach below the last level
	members int64 // objects with a name that is repeated, empty, too long or no text
	strings int64 // with half of a surrogate pair
}

// attribute begins an attribute of the item.
func (i *item) attribute(name string) {
	i.b = append(i.b, ',') // the first one becomes the opening brace
	i.b = rawjson.AppendString(i.b, name)
	i.b = append(i.b, ':')
	i.size += len(name)
}

func (i *item) text(name, value string) {
	i.attribute(name)
	i.b = append(i.b, `{"S":`...)
	i.b = append(rawjson.AppendString(i.b, value), '}')
	i.size += len(value)
}

func (i *item) binary(name string, value []byte) {
	i.attribute(name)
	i.b = append(i.b, `{"B":"`...)
	i.b = append(base64.StdEncoding.AppendEncode(i.b, value), `"}`...)
	i.size += len(value)
}

func (i *item) boolean(name string, value bool) {
	word := "false"
	if value {
		word = "true"
	}
	i.attribute(name)
	i.literal("BOOL", word)
}

// number writes a number that fits.
func (i *item) number(name string, n number, text []byte) {
	i.attribute(name)
	i.numberValue(n, text)
}

// document writes valid JSON with nothing around it.
func (i *item) document(name string, raw []byte) {
	i.attribute(name)
	i.value(raw, 1)
}

// close is the item's JSON.
func (i *item) close() []byte {
	i.b = append(i.b, '}')
	i.b[0] = '{'
	return i.b
}

func (i *item) literal(kind, word string) {
	i.b = append(append(append(i.b, `{"`...), kind...), `":`...)
	i.b = append(append(i.b, word...), '}')
	i.size++
}

func (i *item) numberValue(n number, text []byte) {
	i.b = append(i.b, `{"N":"`...)
	i.b = append(n.appendTo(i.b, text), `"}`...)
	i.size += n.size()
}

// value writes a JSON value at a level of nesting.
func (i *item) value(raw []byte, level int) {
	if i.size > itemMax {
		return // it will be refused, so the rest need not be held
	}
	switch raw[0] {
	case '"':
		i.stringValue(raw)
	case '{', '[':
		empty := len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
		switch {
		case level >= nestingMax && !empty:
			i.keep(&i.kept.nesting, raw)
		case raw[0] == '{':
			i.object(raw, level)
		default:
			i.list(raw, level)
		}
	case 't':
		i.literal("BOOL", "true")
	case 'f':
		i.literal("BOOL", "false")
	case 'n':
		i.literal("NULL", "true")
	default:
		n, fits := parseNumber(raw)
		if !fits {
			i.keep(&i.kept.numbers, raw)
			return
		}
		i.numberValue(n, raw)
	}
}

// keep writes what DynamoDB cannot hold as the text that it is.
func (i *item) keep(count *int64, raw []byte) {
	*count++
	i.b = append(i.b, `{"S":`...)
	i.b = append(rawjson.AppendString(i.b, string(raw)), '}')
	i.size += len(raw)
}

func (i *item) stringValue(token []byte) {
	n, ok := textLength(token)
	if !ok {
		i.keep(&i.kept.strings, token)
		return
	}
	i.b = append(i.b, `{"S":`...)
	i.b = append(append(i.b, token...), '}')
	i.size += n
}

// textLength is the length of the text that a string token stands for; false if it stands for none.
func textLength(token []byte) (int, bool) {
	if bytes.IndexByte(token, '\\') < 0 {
		return len(token) - 2, true
	}
	text, ok := rawjson.String(token)
	return len(text), ok
}

// overhead is what a list or map has beside its elements, and each of these beside itself.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
const (
	containerOverhead = 3
	elementOverhead   = 1
)

func (i *item) list(raw []byte, level int) {
	i.b = append(i.b, `{"L":[`...)
	i.size += containerOverhead
	first := true
	_ = rawjson.Array(raw, func(element []byte) error { // it was valid
		if !first {
			i.b = append(i.b, ',')
		}
		first = false
		i.size += elementOverhead
		i.value(element, level+1)
		return nil
	})
	i.b = append(i.b, "]}"...)
}

// errMember says that an object has a member that no map of DynamoDB can have.
var errMember = errors.New("an object has a member that a map cannot have")

// object writes an object as a map; what was written is taken back where a map cannot be the object.
func (i *item) object(raw []byte, level int) {
	length, size, before, base := len(i.b), i.size, i.kept, len(i.names)
	i.b = append(i.b, `{"M":{`...)
	i.size += containerOverhead
	var many map[string]struct{}
	err := rawjson.Object(raw, func(token, value []byte) error {
		name := token[1 : len(token)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			text, ok := rawjson.String(token)
			if !ok {
				return errMember
			}
			name = []byte(text)
		}
		if len(name) == 0 || len(name) > nameMax || repeated(i.names[base:], &many, name) {
			return errMember
		}
		if len(i.names) > base {
			i.b = append(i.b, ',')
		}
		i.names = append(i.names, name)
		i.b = append(append(i.b, token...), ':')
		i.size += elementOverhead + len(name)
		i.value(value, level+1)
		return nil
	})
	i.names = i.names[:base]
	if err != nil {
		i.b, i.size, i.kept = i.b[:length], size, before
		i.keep(&i.kept.members, raw)
		return
	}
	i.b = append(i.b, "}}"...)
}

// fewNames is up to how many names are looked through one by one.
const fewNames = 24

// repeated tells whether name is among names, which it will join. many is made when they are many.
func repeated(names [][]byte, many *map[string]struct{}, name []byte) bool {
	if len(names) < fewNames {
		for _, n := range names {
			if bytes.Equal(n, name) {
				return true
			}
		}
		return false
	}
	if *many == nil {
		*many = make(map[string]struct{}, 4*fewNames)
		for _, n := range names {
			(*many)[string(n)] = struct{}{}
		}
	}
	if _, found := (*many)[string(name)]; found {
		return true
	}
	(*many)[string(name)] = struct{}{}
	return false
}
