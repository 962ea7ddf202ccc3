package main

import (
	"regexp"
	"strings"
)

// function is what LAMBDA_FUNCTION names.
type function struct {
	region    string // of an ARN; "" of a name or partial ARN
	address   string // name, partial ARN or ARN as given, without the qualifier
	name      string // the bare name
	qualifier string // alias, version or $LATEST; "" if none
}

// functionPattern is an ARN, a partial ARN or a name, each perhaps with a qualifier. A name has at most 64 characters, an
// alias 128.
// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters
var functionPattern = regexp.MustCompile(
	`^(?:(?:arn:aws[a-z-]*:lambda:([a-z0-9-]+):)?\d{12}:function:)?([A-Za-z0-9_-]{1,64})(?::(\$LATEST|[A-Za-z0-9_-]{1,128}))?$`)

// parseFunction reads the text; false if it names no function.
func parseFunction(text string) (function, bool) {
	part := functionPattern.FindStringSubmatch(text)
	if part == nil {
		return function{}, false
	}
	f := function{region: part[1], address: text, name: part[2], qualifier: part[3]}
	if f.qualifier != "" {
		f.address = strings.TrimSuffix(text, ":"+f.qualifier)
	}
	return f, true
}
