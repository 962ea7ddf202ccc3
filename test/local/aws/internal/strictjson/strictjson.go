// Package strictjson reads JSON without letting anything go by: a member name that is there twice, bytes that are not UTF-8
// and whatever follows the value are errors, where encoding/json would pick one, replace them or stop.
//
// [Decode] is all of it.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Object is a JSON object whose member names are distinct.
type Object map[string]any

// Decode reads one JSON value into Object, []any, string, [json.Number], bool and nil. depthMax is how many objects and lists
// may stand around a value. Errors say what is wrong, and never quote values.
func Decode(text []byte, depthMax int) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := value(d, depthMax)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth < 0 {
		return nil, errors.New("it is nested too deep")
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := value(d, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, end(d)
	}
	o := Object{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("it is not JSON: a member has no name")
		}
		if _, there := o[name]; there {
			return nil, fmt.Errorf("member %q is there twice", name)
		}
		if o[name], err = value(d, depth-1); err != nil {
			return nil, err
		}
	}
	return o, end(d)
}

// end reads the bracket that closes a list or an object.
func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return nil
}
