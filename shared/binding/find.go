package binding

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// contentMaxBytes bounds what is read of a file or variable. Real ones have a few KB.
const contentMaxBytes = 1 << 20

// service is the label of the Destination Service.
const service = "destination"

// Sources says where to look. The zero value has no place to look at.
type Sources struct {
	// VCAPServices is the content of the variable VCAP_SERVICES; "" means that it is not set.
	VCAPServices string
	// VCAPServicesFilePath is a file of the same content, which counts only if VCAPServices is "".
	VCAPServicesFilePath string
	// ServiceKeyPath is a file that holds a service key as SAP prints it. If it is not "", nothing else counts, Name neither.
	ServiceKeyPath string
	// Name chooses by instance name, service name or binding name; "" takes the only binding of the Destination Service.
	// User-provided services are found by name alone.
	Name string
}

// Find reads the sources and returns the one binding that matches. Its errors are [*Error].
func Find(s Sources) (*Binding, error) {
	now := time.Now()
	if s.ServiceKeyPath != "" {
		place := "DESTINATION_SERVICE_KEY_PATH " + s.ServiceKeyPath
		content, err := readFile(s.ServiceKeyPath)
		if err != nil {
			return nil, &Error{Kind: Unreadable, Reason: place + " cannot be read; mount the secret there", Err: err}
		}
		return parseServiceKey(content, place, now)
	}
	place, content := "VCAP_SERVICES", []byte(s.VCAPServices)
	if s.VCAPServices == "" && s.VCAPServicesFilePath != "" {
		place = "VCAP_SERVICES_FILE_PATH " + s.VCAPServicesFilePath
		var err error
		if content, err = readFile(s.VCAPServicesFilePath); err != nil {
			return nil, &Error{Kind: Unreadable, Reason: place + " cannot be read", Err: err}
		}
	}
	if len(content) == 0 {
		return nil, &Error{Kind: NoBinding, Reason: "neither VCAP_SERVICES nor VCAP_SERVICES_FILE_PATH nor DESTINATION_SERVICE_KEY_PATH is set; bind an instance " +
			"of the Destination Service, or mount a service key and set DESTINATION_SERVICE_KEY_PATH to its path"}
	}
	return parseVCAP(content, place, s.Name, now)
}

// candidate is an entry of VCAP_SERVICES.
type candidate struct {
	Label        string `json:"label"`
	Name         string `json:"name"`
	InstanceName string `json:"instance_name"`
	BindingName  string `json:"binding_name"`
	Credentials  fields `json:"credentials"`
}

// called is the name that people know the entry by.
func (c candidate) called() string {
	if c.InstanceName != "" {
		return c.InstanceName
	}
	return c.Name
}

func (c candidate) matches(name string) bool {
	return name == c.InstanceName || name == c.Name || name == c.BindingName
}

func parseVCAP(content []byte, place, name string, now time.Time) (*Binding, error) {
	var services map[string][]candidate
	if err := json.Unmarshal(content, &services); err != nil {
		// The cause is left out: it may quote the content.
		return nil, &Error{Kind: Unreadable, Reason: place + ` is not a JSON object of the form {"destination":[{…}]}`}
	}
	var matching, others []candidate
	for label, entries := range services {
		for _, e := range entries {
			ours := label == service || e.Label == service
			switch {
			case name == "" && ours, name != "" && e.matches(name):
				matching = append(matching, e)
			case ours || label == "user-provided":
				others = append(others, e)
			}
		}
	}
	matching = distinct(matching)
	switch {
	case len(matching) > 1:
		return nil, &Error{Kind: SeveralBindings, Reason: fmt.Sprintf("%s holds %s; set DESTINATION_BINDING to one of them", place, list(matching))}
	case len(matching) == 0 && name != "":
		return nil, &Error{Kind: NoBinding, Reason: fmt.Sprintf("%s holds nothing named %q, the value of DESTINATION_BINDING; it holds %s", place, name, list(others))}
	case len(matching) == 0:
		return nil, &Error{Kind: NoBinding, Reason: fmt.Sprintf("%s holds no binding of the service %q; bind an instance of it, or set DESTINATION_BINDING to the name of "+
			"a user-provided service that holds its service key: %s", place, service, list(others))}
	}
	return matching[0].Credentials.binding(matching[0].called(), place, now)
}

// distinct drops entries that are another look at a client that is there already.
func distinct(all []candidate) []candidate {
	var kept []candidate
	for _, c := range all {
		if id := c.Credentials.text("clientid"); id == "" || !slices.ContainsFunc(kept, func(k candidate) bool {
			return k.Credentials.text("clientid") == id && k.Credentials.text("instanceid") == c.Credentials.text("instanceid") &&
				k.Credentials.text("clientsecret") == c.Credentials.text("clientsecret")
		}) {
			kept = append(kept, c)
		}
	}
	return kept
}

// list names candidates for people, in the order of the alphabet.
func list(all []candidate) string {
	if len(all) == 0 {
		return "none"
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = fmt.Sprintf("%q", c.called())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's configuration names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, contentMaxBytes+1))
	if err == nil && len(content) > contentMaxBytes {
		err = errors.New("it is larger than 1 MiB")
	}
	return content, err
}
