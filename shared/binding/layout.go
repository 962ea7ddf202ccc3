package binding

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// metadataFile says which files of a folder are what.
const metadataFile = ".metadata"

// property is how .metadata describes a file.
//
// Source: https://github.com/SAP/btp-environment-variable-access
type property struct {
	Name       string `json:"name"`
	SourceName string `json:"sourceName"` // the file's name; "" if it is Name
	Format     string `json:"format"`     // text or json
	Container  bool   `json:"container"`  // the file is an object whose members are the properties
}

// parseFolder reads a folder of SERVICE_BINDING_ROOT from its files. reason says why it is no binding.
func parseFolder(files map[string][]byte) (c candidate, reason string) {
	if _, described := files[metadataFile]; described {
		return parseDescribed(files)
	}
	all := texts(files)
	if all["type"] == "" {
		return candidate{}, "it has neither a file " + metadataFile + " nor a file type"
	}
	return fromTexts(all, asFields(all)), ""
}

// parseDescribed goes by .metadata.
func parseDescribed(files map[string][]byte) (c candidate, reason string) {
	var described struct {
		Metadata    []property `json:"metaDataProperties"`
		Credentials []property `json:"credentialProperties"`
	}
	if err := json.Unmarshal(files[metadataFile], &described); err != nil {
		return candidate{}, "its file " + metadataFile + ` is not JSON of the form {"metaDataProperties":[…],"credentialProperties":[…]}`
	}
	about := make(map[string]string)
	for _, p := range described.Metadata {
		if content, found := p.content(files); found && p.isText() {
			about[p.Name] = text(content)
		}
	}
	credentials := make(fields)
	for _, p := range described.Credentials {
		content, found := p.content(files)
		switch {
		case !found:
		case p.isText():
			credentials[p.Name] = text(content)
		default:
			var value any
			if err := json.Unmarshal(content, &value); err != nil {
				// The cause is left out: it may quote the content.
				return candidate{}, fmt.Sprintf("its file %q is not JSON, as %s says it is", p.Name, metadataFile)
			}
			if object, is := value.(map[string]any); is && p.Container {
				maps.Copy(credentials, object)
				continue
			}
			credentials[p.Name] = value
		}
	}
	return fromTexts(about, credentials), ""
}

func (p property) isText() bool { return strings.EqualFold(p.Format, "text") }

func (p property) content(files map[string][]byte) (content []byte, found bool) {
	name := p.SourceName
	if name == "" {
		name = p.Name
	}
	content, found = files[name]
	return content, found
}

// parseLayered reads SERVICE/INSTANCE: by .metadata if that is there, else one JSON file of everything, one JSON file of
// credentials beside texts, or a file for each field.
//
// Source: https://github.com/SAP/btp-environment-variable-access
func parseLayered(files map[string][]byte, of string) (c candidate, reason string) {
	if len(files) == 0 {
		return candidate{}, "it is empty"
	}
	if _, described := files[metadataFile]; described {
		if c, reason = parseDescribed(files); reason == "" && c.service == "" {
			c.service = of
		}
		return c, reason
	}
	var objects []fields
	others := make(map[string][]byte)
	for name, content := range files {
		var f fields
		if err := json.Unmarshal(content, &f); err == nil && f != nil {
			objects = append(objects, f)
			continue
		}
		others[name] = content
	}
	about := texts(others)
	credentials := asFields(about)
	switch {
	case len(objects) > 1:
		return candidate{}, "it has more than one file of JSON"
	case len(objects) == 1 && len(files) == 1:
		credentials = objects[0]
		for name := range credentials {
			about[name] = credentials.text(name)
		}
		if inner := textObject(credentials); credentials.text("clientid") == "" && inner != nil {
			credentials = inner
		}
	case len(objects) == 1:
		credentials = objects[0]
	}
	c = fromTexts(about, credentials)
	if c.service == "" {
		c.service = of
	}
	return c, ""
}

// textObject is the credentials that stand as JSON text inside another object: there every value is a text.
func textObject(f fields) fields {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		var inner fields
		if err := json.Unmarshal([]byte(f.text(name)), &inner); err == nil && inner.text("clientid") != "" {
			return inner
		}
	}
	return nil
}

// fromTexts makes a candidate of what describes it and its credentials.
func fromTexts(about map[string]string, credentials fields) candidate {
	c := candidate{service: about["type"], instance: about["instance_name"], name: about["name"], binding: about["binding_name"], credentials: credentials}
	if c.service == "" {
		c.service = about["label"]
	}
	return c
}

func texts(files map[string][]byte) map[string]string {
	out := make(map[string]string, len(files))
	for name, content := range files {
		out[name] = text(content)
	}
	return out
}

func asFields(texts map[string]string) fields {
	out := make(fields, len(texts))
	for name, value := range texts {
		out[name] = value
	}
	return out
}

// text is the content of a file without one final line feed, which editors add and which is no part of the value.
func text(content []byte) string {
	if s, cut := strings.CutSuffix(string(content), "\r\n"); cut {
		return s
	}
	return strings.TrimSuffix(string(content), "\n")
}
