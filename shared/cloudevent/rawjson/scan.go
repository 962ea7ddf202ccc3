// Package rawjson reads JSON without changing it: what it yields are the bytes of the document itself, so that a number
// keeps all its digits and data arrives as it was sent.
//
// [Valid] judges a document, [Object] and [Array] walk one level of it in a single pass, [Pointer] finds a value in it.
//
// It accepts what encoding/json accepts, with the same limit on nesting, and nothing else. Only Valid looks at UTF-8. It
// does not judge repeated member names: Object yields each, Pointer takes the last, as encoding/json does.
package rawjson

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting of objects and arrays that is accepted; it is that of encoding/json.
// Source: https://cs.opensource.google/go/go/+/master:src/encoding/json/scanner.go (maxNestingDepth).
const MaxDepth = 10_000

// ErrSyntax says that the bytes are not exactly one JSON value of the kind that was asked for.
var ErrSyntax = errors.New("not one JSON value of the expected kind")

// Valid reports whether b is exactly one JSON value in UTF-8, with white space around it at most.
func Valid(b []byte) bool { return Syntax(b) && utf8.Valid(b) }

// ValidInside is [Valid] for a value that will become a member of one more object, whose nesting counts too.
func ValidInside(b []byte) bool {
	end := value(b, space(b, 0), 1)
	return end >= 0 && space(b, end) == len(b) && utf8.Valid(b)
}

// Syntax is [Valid] without the look at UTF-8: as encoding/json.Valid, it lets any bytes stand inside strings.
func Syntax(b []byte) bool {
	end := value(b, space(b, 0), 0)
	return end >= 0 && space(b, end) == len(b)
}

// Object calls member for each member of the object that b is, in order: name is the string token with its quotes, value
// the value's bytes without white space around them, both parts of b. It returns the first error of member at once, and
// ErrSyntax where b is not exactly one object; member may have been called before the fault was seen.
func Object(b []byte, member func(name, value []byte) error) error {
	i := open(b, '{')
	if i < 0 {
		return ErrSyntax
	}
	if i < len(b) && b[i] == '}' {
		return end(b, i+1)
	}
	for {
		start := i
		i = str(b, i)
		if i < 0 {
			return ErrSyntax
		}
		name := b[start:i:i]
		i = space(b, i)
		if i >= len(b) || b[i] != ':' {
			return ErrSyntax
		}
		start = space(b, i+1)
		i = value(b, start, 1)
		if i < 0 {
			return ErrSyntax
		}
		if err := member(name, b[start:i:i]); err != nil {
			return err
		}
		i = space(b, i)
		if i >= len(b) {
			return ErrSyntax
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case '}':
			return end(b, i+1)
		default:
			return ErrSyntax
		}
	}
}

// Array calls element for each element of the array that b is, as [Object] does for members.
func Array(b []byte, element func(value []byte) error) error {
	i := open(b, '[')
	if i < 0 {
		return ErrSyntax
	}
	if i < len(b) && b[i] == ']' {
		return end(b, i+1)
	}
	for {
		start := i
		i = value(b, i, 1)
		if i < 0 {
			return ErrSyntax
		}
		if err := element(b[start:i:i]); err != nil {
			return err
		}
		i = space(b, i)
		if i >= len(b) {
			return ErrSyntax
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case ']':
			return end(b, i+1)
		default:
			return ErrSyntax
		}
	}
}

// open is the index of what follows the bracket that b begins with, -1 if b begins otherwise.
func open(b []byte, bracket byte) int {
	i := space(b, 0)
	if i >= len(b) || b[i] != bracket {
		return -1
	}
	return space(b, i+1)
}

// end is nil if nothing but white space follows at b[i].
func end(b []byte, i int) error {
	if space(b, i) != len(b) {
		return ErrSyntax
	}
	return nil
}

// space is the index of the first byte from b[i] on that is not white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// value is the index after the value that begins at b[i], -1 if none does. depth is how many containers hold it.
func value(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return str(b, i)
	case '{', '[':
		if depth >= MaxDepth {
			return -1
		}
		return container(b, i, depth)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	}
	return number(b, i)
}

func container(b []byte, i, depth int) int {
	object := b[i] == '{'
	closing := b[i] + 2 // '{' + 2 is '}', '[' + 2 is ']'
	i = space(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1
	}
	for {
		if object {
			if i = str(b, i); i < 0 {
				return -1
			}
			if i = space(b, i); i >= len(b) || b[i] != ':' {
				return -1
			}
			i = space(b, i+1)
		}
		if i = value(b, i, depth+1); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case closing:
			return i + 1
		default:
			return -1
		}
	}
}

func literal(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return -1
	case b[i] == '0':
		i++
	default:
		if i = digits(b, i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = digits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return digits(b, i)
	}
	return i
}

// digits is the index after the digits at b[i], -1 if there is none.
func digits(b []byte, i int) int {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// str is the index after the string that begins at b[i], -1 if none does.
func str(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	i++
	for {
		i = plain(b, i)
		if i >= len(b) {
			return -1
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			n := escape(b, i)
			if n < 0 {
				return -1
			}
			i += n
		default:
			return -1 // a bare control character
		}
	}
}

// escape is the length of the escape sequence that begins at b[i], -1 if it is none of JSON's.
func escape(b []byte, i int) int {
	if i+1 >= len(b) {
		return -1
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if i+6 <= len(b) && hex4(b[i+2:i+6]) >= 0 {
			return 6
		}
	}
	return -1
}

// plain is the index of the first byte from b[i] on that ends a string, escapes, or may not stand in one: a quote, a
// backslash, a byte below 0x20. It looks at eight bytes at a time, which is most of what makes large data cheap to judge.
func plain[T ~string | ~[]byte](b T, i int) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := load(b, i)
		quote, slash := x^(low*'"'), x^(low*'\\')
		// Each term has the high bit of a byte set if that byte is below 0x20, or zero after the xor. A borrow can set
		// bits above the lowest one, never below it, and only the lowest is used.
		if stop := ((x-low*0x20)&^x | (quote-low)&^quote | (slash-low)&^slash) & high; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// load is the eight bytes at b[i], the first one lowest.
func load[T ~string | ~[]byte](b T, i int) uint64 {
	var eight [8]byte
	copy(eight[:], b[i:i+8])
	return binary.LittleEndian.Uint64(eight[:])
}
