package binding

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// variables looks at VCAP_SERVICES, or else at the file of the same form.
func (l *look) variables(s Sources) {
	place, content := "VCAP_SERVICES", []byte(s.VCAPServices)
	if s.VCAPServices == "" {
		l.places = append(l.places, place+" (not set)")
		if s.VCAPServicesFilePath == "" {
			l.places = append(l.places, "VCAP_SERVICES_FILE_PATH (not set)")
			return
		}
		place = "VCAP_SERVICES_FILE_PATH " + s.VCAPServicesFilePath
		var err error
		if content, err = readFile(s.VCAPServicesFilePath); err != nil {
			l.fail(&Error{Kind: Unreadable, Reason: place + " cannot be read", Err: err})
			return
		}
	}
	l.vcap(content, place)
}

func (l *look) fail(e *Error) {
	if l.unreadable == nil {
		l.unreadable = e
	}
}

// vcap reads the services in the form of VCAP_SERVICES.
func (l *look) vcap(content []byte, place string) {
	var services map[string][]struct {
		Label        string `json:"label"`
		Name         string `json:"name"`
		InstanceName string `json:"instance_name"`
		BindingName  string `json:"binding_name"`
		Credentials  fields `json:"credentials"`
	}
	content, reason := utf8Text(content)
	if reason != "" {
		l.fail(&Error{Kind: Unreadable, Reason: place + reason})
		return
	}
	if err := json.Unmarshal(content, &services); err != nil {
		// The cause is left out: it may quote the content.
		l.fail(&Error{Kind: Unreadable, Reason: place + ` is not a JSON object of the form {"destination":[{…}]}`})
		return
	}
	l.places = append(l.places, place)
	var found []candidate
	for label, entries := range services {
		for _, e := range entries {
			of := label
			if e.Label == service {
				of = service
			}
			found = append(found, candidate{service: of, instance: e.InstanceName, name: e.Name, binding: e.BindingName, place: place, credentials: e.Credentials})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return strings.Compare(a.service, b.service) }) // maps have no order
	l.candidates = append(l.candidates, found...)
}

// parseServiceKey reads a service key: the credentials object alone, or inside "credentials" as the Cloud Foundry command line
// prints it.
func parseServiceKey(content []byte, place string, now time.Time) (*Binding, error) {
	content, reason := utf8Text(content)
	if reason != "" {
		return nil, &Error{Kind: Unreadable, Reason: place + reason}
	}
	var f fields
	if err := json.Unmarshal(content, &f); err != nil || f == nil {
		// The cause is left out: it may quote the content.
		return nil, &Error{Kind: Unreadable, Reason: place + " is not one JSON object; it must hold the service key exactly as SAP prints it, without " +
			"other lines"}
	}
	if inner, nested := f["credentials"].(map[string]any); nested && f.text("clientid") == "" {
		f = inner
	}
	b, err := f.binding("", place, now)
	if e, is := errors.AsType[*Error](err); is && e.Kind == IncompleteBinding && f.text("uri") == "" {
		e.Reason += "; is it the key of an instance of the Destination service?" // whose uri no other service's key has
	}
	return b, err
}

// utf8Text is content without the byte order mark that some editors and shells write; JSON has none. reason says what is wrong.
func utf8Text(content []byte) (text []byte, reason string) {
	if bytes.HasPrefix(content, []byte{0xff, 0xfe}) || bytes.HasPrefix(content, []byte{0xfe, 0xff}) || bytes.IndexByte(content[:min(len(content), 2)], 0) >= 0 {
		return nil, " is in UTF-16, as PowerShell writes what > redirects; write it again as UTF-8"
	}
	return bytes.TrimPrefix(content, []byte("\ufeff")), ""
}
