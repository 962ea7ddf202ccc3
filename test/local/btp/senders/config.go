package senders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Values are what an administrator fills in: by what stands between the angle brackets, such as "your endpoint". Those that a file does
// not have are ignored, so that one map serves all senders.
type Values map[string]string

// read is a file with its values filled in, as they would stand in a JSON string or a double-quoted YAML one.
func read(files fs.FS, name string, values Values) ([]byte, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of a sender: %w", err)
	}
	var missing []string
	out := regexp.MustCompile(`<(your [a-z0-9 ]+)>`).ReplaceAllFunc(text, func(found []byte) []byte {
		value, ok := values[string(found[1:len(found)-1])]
		if !ok {
			missing = append(missing, string(found))
			return found
		}
		return quoted(value)
	})
	if missing != nil {
		return nil, fmt.Errorf("fill in %s: %s is missing", name, strings.Join(missing, ", "))
	}
	return out, nil
}

// quoted is a value as it stands between double quotes.
func quoted(value string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a topic filter, which is in no quotes, may have a >
	if err := e.Encode(value); err != nil {
		panic(err) // a string
	}
	text := bytes.TrimSpace(b.Bytes())
	return text[1 : len(text)-1]
}

// readJSON decodes a file into v; a member that v does not have is an error.
func readJSON(files fs.FS, name string, values Values, v any) error {
	text, err := read(files, name, values)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if d.More() {
		return fmt.Errorf("read %s: something follows the object", name)
	}
	return nil
}

// readYAML is readJSON for YAML.
func readYAML(files fs.FS, name string, values Values, v any) error {
	text, err := read(files, name, values)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// readTopics is a file with a topic filter a line.
func readTopics(files fs.FS, name string, values Values) ([]string, error) {
	text, err := read(files, name, values)
	if err != nil {
		return nil, err
	}
	topics := strings.Fields(string(text))
	if len(topics) == 0 {
		return nil, fmt.Errorf("read %s: it has no topic filter, so nothing would be delivered", name)
	}
	return topics, nil
}

// demand is an error that names the first value that is not one of those a sender knows.
func demand(file string, all ...field) error {
	for _, f := range all {
		known := len(f.known) == 0 && f.value != ""
		for _, k := range f.known {
			known = known || f.value == k
		}
		if !known {
			return fmt.Errorf("read %s: %s is %q: %w", file, f.name, f.value, errValue)
		}
	}
	return nil
}

var errValue = errors.New("this sender has no such value")

// field is a member of a file and its known values; none means that anything but "" will do.
type field struct {
	name, value string
	known       []string
}
