package aws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/queue"
)

// attributeNameMax is in bytes; a name must be shorter.
const attributeNameMax = 256

// readAttributes reads and checks the message attributes of SNS.
func readAttributes(f form) (map[string]queue.Attribute, *refusal) {
	list, r := f.list(attributePrefix)
	if r != nil {
		return nil, r
	}
	if len(list) == 0 {
		return nil, nil
	}
	out := make(map[string]queue.Attribute, len(list))
	for _, entry := range list {
		if r := entry.only(attributePrefix+"N.", "Name", "Value.DataType", "Value.StringValue", "Value.BinaryValue"); r != nil {
			return nil, r
		}
		name := entry.text("Name")
		if r := checkAttributeName(name); r != nil {
			return nil, r
		}
		if _, there := out[name]; there {
			return nil, standInValue("the message attribute '%s' is there twice", name)
		}
		if out[name], r = readAttribute(name, entry); r != nil {
			return nil, r
		}
	}
	return out, nil
}

func attributeRefusal(format string, args ...any) *refusal {
	return snsRefusal("ParameterValueInvalid", fmt.Sprintf(format, args...))
}

func standInValue(format string, args ...any) *refusal {
	return attributeRefusal("stand-in: "+format, args...)
}

// checkAttributeName checks a name; the texts are recorded but for the last.
func checkAttributeName(name string) *refusal {
	switch {
	case name == "":
		return standInValue("a message attribute has no name")
	case len(name) >= attributeNameMax:
		return attributeRefusal("Length of message attribute name must be less than %d bytes.", attributeNameMax)
	}
	for _, r := range name {
		if !asciiAlphanumeric(r) && !strings.ContainsRune("-_.", r) {
			return attributeRefusal("Invalid non-alphanumeric character '#x%X' was found in the message attribute name. "+
				"Can only include alphanumeric characters, hyphens, underscores, or dots.", r)
		}
	}
	lower := strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, "."):
		return attributeRefusal("Invalid message attribute name starting with character '.' was found.")
	case strings.HasSuffix(name, "."):
		return attributeRefusal("Invalid message attribute name ending with character '.' was found.")
	case strings.Contains(name, ".."):
		return attributeRefusal("Message attribute name can not have successive '.' character.")
	case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
		return standInValue("the message attribute name '%s' begins with a reserved prefix", name)
	}
	return nil
}

// baseType is Binary, Number or String; "" for a type that is none of these, alone or with a suffix after a dot.
func baseType(dataType string) string {
	base, suffix, dotted := strings.Cut(dataType, ".")
	if dotted && suffix == "" || len(dataType) >= attributeNameMax {
		return ""
	}
	switch base {
	case "Binary", "Number", "String":
		return base
	}
	return ""
}

func readAttribute(name string, entry form) (queue.Attribute, *refusal) {
	a := queue.Attribute{Type: entry.text("Value.DataType"), String: entry.text("Value.StringValue")}
	base := baseType(a.Type)
	if base == "" {
		return a, attributeRefusal("The message attribute '%s' has an invalid message attribute type, "+
			"the set of supported type prefixes is Binary, Number, and String.", name)
	}
	wanted, other, field := "Value.StringValue", "Value.BinaryValue", "String"
	if base == "Binary" {
		wanted, other, field = other, wanted, "Binary"
	}
	switch {
	case entry.has(other) && !entry.has(wanted):
		return a, attributeRefusal("The message attribute '%s' with type '%s' must use field '%s'.", name, a.Type, field)
	case entry.has(other):
		return a, standInValue("the message attribute '%s' has two values", name)
	case entry.text(wanted) == "":
		return a, attributeRefusal("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, a.Type)
	}
	switch {
	case base == "Binary":
		b, err := base64.StdEncoding.DecodeString(entry.text(wanted))
		if err != nil {
			return a, standInValue("the message attribute '%s' is not base64", name)
		}
		a.Binary = b
	case !queueCanHold(a.String):
		return a, standInValue("the message attribute '%s' holds characters that no queue takes", name)
	case base == "Number" && !validNumber(a.String):
		return a, standInValue("the message attribute '%s' is not a number", name)
	case a.Type == "String.Array":
		var list []any
		if err := json.Unmarshal([]byte(a.String), &list); err != nil {
			return a, standInValue("the message attribute '%s' is not a JSON array", name)
		}
	}
	return a, nil
}

// validNumber tells whether text is a decimal number.
func validNumber(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune("+-.eE", r) }) {
		return false
	}
	if len(text) > attributeNameMax { // far above the 38 digits that SQS keeps, and bounds the work of parsing
		return false
	}
	_, _, err := big.ParseFloat(text, 10, 128, big.ToNearestEven)
	return err == nil
}
