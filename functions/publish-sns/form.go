package main

import (
	"net/url"
	"strconv"

	"github.com/trustbridge/trustbridge/shared/forward"
)

// The form of a PublishBatch is what the SDK would make of the same entries, byte for byte: names are sorted as texts, so that
// the tenth entry follows the first, and values are escaped as in the query of a URL.
// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
const (
	formBefore = "Action=PublishBatch"
	formEntry  = "&PublishBatchRequestEntries.member."
	formTopic  = "&TopicArn="
	formAfter  = "&Version=2010-03-31"
)

// form is the body of a PublishBatch: an entry for each item, with its position as its id.
func (s *sink) form(items []forward.Item) []byte {
	topic := url.QueryEscape(s.settings.SNS.TopicARN)
	size := len(formBefore) + len(formTopic) + len(topic) + len(formAfter)
	for _, item := range items {
		size += item.Payload.(*message).formMax()
	}
	b := append(make([]byte, 0, size), formBefore...)
	for i, k := 1, 0; k < len(items); i, k = following(i, len(items)), k+1 {
		b = items[i-1].Payload.(*message).appendForm(b, i)
	}
	return append(append(append(b, formTopic...), topic...), formAfter...)
}

// following is the number behind i among those from 1 to n, sorted as texts: 1, 10, 100, 11, 2.
func following(i, n int) int {
	if i*10 <= n {
		return i * 10
	}
	for i%10 == 9 || i == n {
		i /= 10
	}
	return i + 1
}

// The names of an entry's and an attribute's values, with what is before them and behind.
const (
	formID          = ".Id="
	formBody        = ".Message="
	formAttribute   = ".MessageAttributes.entry."
	formName        = ".Name="
	formType        = ".Value.DataType=" + stringType
	formValue       = ".Value.StringValue="
	formOnce        = ".MessageDeduplicationId="
	formGroup       = ".MessageGroupId="
	formNumberMax   = len("100") // of an entry or attribute
	formPrefixMax   = len(formEntry) + formNumberMax
	formPrefixesMax = 3 * (formPrefixMax + len(formAttribute) + formNumberMax) // of an attribute
)

// appendForm appends the message as the entry of that number, counted from 1.
func (m *message) appendForm(b []byte, number int) []byte {
	var room [formPrefixMax + len(formAttribute) + formNumberMax]byte
	prefix := strconv.AppendInt(append(room[:0], formEntry...), int64(number), 10)
	b = strconv.AppendInt(append(append(b, prefix...), formID...), int64(number-1), 10)
	b = appendEscaped(append(append(b, prefix...), formBody...), m.body)
	for i, k := 1, 0; k < len(m.attributes); i, k = following(i, len(m.attributes)), k+1 {
		a := m.attributes[i-1]
		prefix := strconv.AppendInt(append(prefix, formAttribute...), int64(i), 10)
		b = appendEscaped(append(append(b, prefix...), formName...), a.name)
		b = append(append(b, prefix...), formType...)
		b = appendEscaped(append(append(b, prefix...), formValue...), a.value)
	}
	if m.once != "" {
		b = appendEscaped(append(append(b, prefix...), formOnce...), m.once)
	}
	if m.group != "" {
		b = appendEscaped(append(append(b, prefix...), formGroup...), m.group)
	}
	return b
}

// formMax is at least as many bytes as appendForm appends.
func (m *message) formMax() int {
	n := 4*formPrefixMax + len(formID) + formNumberMax + len(formBody) + escapedLen(m.body) +
		len(formOnce) + escapedLen(m.once) + len(formGroup) + escapedLen(m.group)
	for _, a := range m.attributes {
		n += formPrefixesMax + len(formName) + escapedLen(a.name) + len(formType) + len(formValue) + escapedLen(a.value)
	}
	return n
}

// appendEscaped appends a value as [url.QueryEscape] writes it.
func appendEscaped[T string | []byte](b []byte, value T) []byte {
	const digits = "0123456789ABCDEF"
	plain := 0 // where those characters begin that stay as they are
	for i := range len(value) {
		c := value[i]
		if unreserved[c] {
			continue
		}
		b = append(b, value[plain:i]...)
		plain = i + 1
		if c == ' ' {
			b = append(b, '+')
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return append(b, value[plain:]...)
}

// escapedLen is how many bytes appendEscaped appends.
func escapedLen[T string | []byte](value T) int {
	n := len(value)
	for i := range len(value) {
		if c := value[i]; !unreserved[c] && c != ' ' {
			n += len("%FF") - 1
		}
	}
	return n
}

// unreserved tells which characters stand for themselves.
//
//nolint:gochecknoglobals // a table, never changed
var unreserved = func() (table [256]bool) {
	for _, c := range []byte("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		table[c] = true
	}
	return table
}()
