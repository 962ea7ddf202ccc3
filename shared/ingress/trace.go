package ingress

import (
	"net/http"
	"strings"
)

// traceparent is the request's trace context, "" if it has none, has several, or has one that is not well formed. An
// unknown version may be longer than version 00.
// Source: https://www.w3.org/TR/trace-context/#traceparent-header
func traceparent(h http.Header) string {
	values := h["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	const length = len("00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01")
	s := values[0]
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return ""
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case !lowerHex(version) || !lowerHex(trace) || !lowerHex(parent) || !lowerHex(flags),
		version == "ff" || strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "",
		len(s) > length && (version == "00" || s[length] != '-' || len(s) > 2*length):
		return ""
	}
	return s
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
