package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
)

// administer refuses whoever is not the seed key: the control plane is for set-up, and no role of a function needs it.
func (s *Server) administer(c *call, action, resource string) *refusal {
	if c.identity.seed {
		return nil
	}
	return denied(c.service, fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		c.identity.arn, action, resource, action))
}

// decodeMembers decodes a JSON object whose members are all known, and nothing after it.
func decodeMembers(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// decodeProperties decodes the properties of a resource. All must be known, spelt as they are in v, and of its types.
func decodeProperties(properties map[string]any, v any) error {
	text, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	if err := decodeMembers(text, v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(treeOf(text), treeOf(again)) {
		return fmt.Errorf("only %s is read of %s", again, text)
	}
	return nil
}

// treeOf is a JSON text as a tree, with numbers in one form.
func treeOf(text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err) // our own
	}
	return v
}

// number is a JSON number or text of one, as the query protocol has it.
type number float64

// UnmarshalJSON reads 1, 1.5 and "1".
func (n *number) UnmarshalJSON(b []byte) error {
	if text, err := strconv.Unquote(string(b)); err == nil {
		b = []byte(text)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	*n = number(f)
	return err
}

// flag is a JSON boolean or text of one.
type flag bool

// UnmarshalJSON reads true and "true".
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`:
		*f = false
	default:
		return fmt.Errorf("%s is neither true nor false", b)
	}
	return nil
}

// on tells whether a flag is set; where it is absent, otherwise.
func (f *flag) on(otherwise bool) bool {
	if f == nil {
		return otherwise
	}
	return bool(*f)
}
