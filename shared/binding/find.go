package binding

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// DefaultRoot is where SAP's libraries look for bindings if SERVICE_BINDING_ROOT is not set.
//
// Source: https://github.com/SAP/btp-environment-variable-access
const DefaultRoot = "/etc/secrets/sapbtp"

// contentMaxBytes bounds what is read of a file or variable. Real ones have a few KB.
const contentMaxBytes = 1 << 20

// service is the label of the Destination Service.
const service = "destination"

// Sources says where to look. The zero value has no place to look at. All places count, in the order of the fields: of bindings
// that are of one client and instance the first is taken.
type Sources struct {
	// Root is SERVICE_BINDING_ROOT: a folder with a folder for each binding, which has a file .metadata or a file type, or with
	// folders SERVICE/INSTANCE, which have a file .metadata, a file for each field, one JSON file of credentials beside others, or
	// one JSON file of everything. "" means that it is not set.
	Root string
	// DefaultRoot is looked at if Root is ""; [DefaultRoot] outside of tests. Its folders are as those of Root.
	DefaultRoot string
	// VCAPServices is the content of the variable VCAP_SERVICES; "" means that it is not set.
	VCAPServices string
	// VCAPServicesFilePath is a file of the same content, which counts only if VCAPServices is "".
	VCAPServicesFilePath string
	// ServiceKeyPath is a file that holds a service key as SAP prints it. If it is not "", nothing else counts, Name neither.
	ServiceKeyPath string
	// Name chooses by instance name, service name, binding name or folder; "" takes the only binding of the Destination Service.
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
	var l look
	switch {
	case s.Root != "":
		l.folders("SERVICE_BINDING_ROOT "+s.Root, s.Root)
	case s.DefaultRoot != "":
		l.places = append(l.places, "SERVICE_BINDING_ROOT (not set)")
		l.folders(s.DefaultRoot, s.DefaultRoot)
	}
	l.variables(s)
	return l.choose(s.Name, now)
}

// candidate is what may be a binding of the Destination Service.
type candidate struct {
	service                         string // "destination" for ours
	instance, name, binding, folder string // what DESTINATION_BINDING may say; "" if it has none of that kind
	place                           string
	credentials                     fields
}

// called is the name that people know the candidate by.
func (c candidate) called() string {
	for _, name := range []string{c.instance, c.name, c.folder} {
		if name != "" {
			return name
		}
	}
	return ""
}

func (c candidate) matches(name string) bool {
	return name == c.instance || name == c.name || name == c.binding || name == c.folder
}

// same is true if both are looks at one client of one instance, whatever their secrets: one of them may be older.
func (c candidate) same(other candidate) bool {
	id := c.credentials.text("clientid")
	return id != "" && id == other.credentials.text("clientid") && c.credentials.text("instanceid") == other.credentials.text("instanceid")
}

// look is what was found on a look at all sources.
type look struct {
	places     []string // that were looked at, each with what was there
	skipped    []string // folders, each with the reason
	unreadable *Error   // the first source that could not be read
	candidates []candidate
}

// choose takes the one candidate that matches. By name, bindings of the Destination Service go before others.
func (l *look) choose(name string, now time.Time) (*Binding, error) {
	var matching, others []candidate
	for _, ours := range []bool{true, false} {
		for _, c := range l.candidates {
			switch {
			case (c.service == service) != ours:
			case name == "" && ours, name != "" && c.matches(name) && (ours || len(matching) == 0 || matching[0].service != service):
				if !slices.ContainsFunc(matching, c.same) {
					matching = append(matching, c)
				}
			default:
				others = append(others, c)
			}
		}
	}
	switch {
	case len(matching) == 1:
		return matching[0].credentials.binding(matching[0].called(), matching[0].place, now)
	case len(matching) > 1:
		return nil, &Error{Kind: SeveralBindings, Reason: fmt.Sprintf("found %s; set DESTINATION_BINDING to one of them", list(matching))}
	case l.unreadable != nil:
		return nil, l.unreadable
	}
	var b strings.Builder
	if name != "" {
		fmt.Fprintf(&b, "nothing is named %q, the value of DESTINATION_BINDING", name)
	} else {
		fmt.Fprintf(&b, "there is no binding of the service %q", service)
	}
	b.WriteString("; looked at " + strings.Join(l.places, ", "))
	if len(others) > 0 {
		b.WriteString("; found but not taken: " + list(others))
	}
	if len(l.skipped) > 0 {
		b.WriteString("; skipped: " + strings.Join(l.skipped, ", "))
	}
	b.WriteString("; bind an instance of the Destination Service, or mount its service key and set DESTINATION_SERVICE_KEY_PATH to its path")
	if name == "" && len(others) > 0 {
		b.WriteString("; of a user-provided service, set DESTINATION_BINDING to its name")
	}
	return nil, &Error{Kind: NoBinding, Reason: b.String()}
}

// list names candidates for people, in the order of the alphabet.
func list(all []candidate) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = fmt.Sprintf("%q in %s", c.called(), c.place)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// readFile reads a file that the operator names.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's configuration names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAll(f)
}

func readAll(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, contentMaxBytes+1))
	if err == nil && len(content) > contentMaxBytes {
		err = errors.New("it is larger than 1 MiB")
	}
	return content, err
}
