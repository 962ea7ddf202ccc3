package rawjson

import (
	"errors"
	"strconv"
	"strings"
)

// ErrPointer says that the text is not a JSON Pointer.
var ErrPointer = errors.New(`not a JSON Pointer: it is "" or begins with "/", and "~" stands before 0 or 1 only`)

// ParsePointer splits a JSON Pointer into its unescaped reference tokens; the empty pointer, which is the whole document,
// has none.
// Source: https://www.rfc-editor.org/rfc/rfc6901
func ParsePointer(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, ErrPointer
	}
	tokens := strings.Split(s[1:], "/")
	for i, token := range tokens {
		for j := range len(token) {
			if token[j] == '~' && (j+1 == len(token) || token[j+1] != '0' && token[j+1] != '1') {
				return nil, ErrPointer
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// Pointer is the bytes of the value that the tokens of [ParsePointer] name in doc, false if there is none or doc is not
// one JSON value. Of members with one name the last counts. "-", the element after the last of an array, never exists.
func Pointer(doc []byte, tokens []string) ([]byte, bool) {
	i := space(doc, 0)
	end := value(doc, i, 0)
	if end < 0 || space(doc, end) != len(doc) {
		return nil, false
	}
	at := doc[i:end:end]
	for _, token := range tokens {
		var found []byte
		switch at[0] {
		case '{':
			found = member(at, token)
		case '[':
			found = element(at, token)
		}
		if found == nil {
			return nil, false
		}
		at = found
	}
	return at, true
}

func member(object []byte, want string) []byte {
	var found []byte
	err := Object(object, func(name, value []byte) error {
		if text, ok := String(name); ok && text == want {
			found = value
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return found
}

func element(array []byte, token string) []byte {
	want, err := strconv.ParseUint(token, 10, 31)
	if err != nil || len(token) > 1 && token[0] == '0' {
		return nil
	}
	var found []byte
	at := uint64(0)
	err = Array(array, func(value []byte) error {
		if at == want {
			found = value
		}
		at++
		return nil
	})
	if err != nil {
		return nil
	}
	return found
}
