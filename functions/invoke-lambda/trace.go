package main

import (
	"strconv"
	"strings"
)

// traceID is a W3C traceparent as the value of X-Amzn-Trace-Id, so that the function's trace goes on where the event's
// was; "" if it is not well formed. An unknown version may be longer than version 00.
//
//	Sources: https://www.w3.org/TR/trace-context/#traceparent-header,
//	https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader,
//	https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
func traceID(traceparent string) string {
	const length = len("00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01")
	s := traceparent
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' || len(s) > length && (s[:2] == "00" || s[length] != '-') {
		return ""
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	for _, digits := range [...]string{version, trace, parent, flags} {
		if strings.Trim(digits, "0123456789abcdef") != "" {
			return ""
		}
	}
	if version == "ff" || strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	sampled := "0"
	if bits, err := strconv.ParseUint(flags, 16, 8); err == nil && bits&1 != 0 {
		sampled = "1"
	}
	return "Root=1-" + trace[:8] + "-" + trace[8:] + ";Parent=" + parent + ";Sampled=" + sampled
}
