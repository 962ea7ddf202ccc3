package queue

import (
	"crypto/md5" //nolint:gosec // the checksum that SQS's protocol prescribes, not a protection
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// Attribute is a message attribute.
type Attribute struct {
	// Type is String, Number or Binary, perhaps with a suffix of its own after a dot.
	Type string
	// String is the value of the types String and Number.
	String string
	// Binary is the value of the type Binary.
	Binary []byte
}

// IsBinary tells which of the two values counts.
func (a Attribute) IsBinary() bool { return a.Type == "Binary" || strings.HasPrefix(a.Type, "Binary.") }

// value is the attribute's value in bytes.
func (a Attribute) value() []byte {
	if a.IsBinary() {
		return a.Binary
	}
	return []byte(a.String)
}

// Message is a message as it was sent.
type Message struct {
	// ID is unique; a dead-letter queue keeps it.
	ID string
	// Body is the text.
	Body string
	// Attributes are by name; nil if there are none. They are not changed once the message was sent.
	Attributes map[string]Attribute
	// GroupID is the message group, "" if none.
	GroupID string
	// DeduplicationID tells repeats apart in a FIFO queue, "" in others.
	DeduplicationID string
	// SequenceNumber is what a FIFO queue gave it, 20 digits; "" in others.
	SequenceNumber string
	// SenderID is who sent it.
	SenderID string
	// Sent is when it was sent, by the clock of the sender.
	Sent time.Time
}

// Size is what SQS counts: the bytes of the body and of each attribute's name, type and value.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
func (m Message) Size() int {
	size := len(m.Body)
	for name, a := range m.Attributes {
		size += len(name) + len(a.Type) + len(a.value())
	}
	return size
}

// MD5OfBody is the checksum of the body in hexadecimal.
func (m Message) MD5OfBody() string { return sum([]byte(m.Body)) }

// MD5OfAttributes is the checksum of the attributes in hexadecimal, "" if there are none: in the order of their names, the
// length and bytes of name and type, a byte for the kind of value (1 text, 2 binary), the length and bytes of the value;
// lengths are four bytes, big-endian.
// Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
func (m Message) MD5OfAttributes() string { return MD5Of(m.Attributes) }

// MD5Of is [Message.MD5OfAttributes] of any set of attributes.
func MD5Of(attributes map[string]Attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	field := func(v []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v))) //nolint:gosec // far below 4 GiB, limits are checked before
		b = append(b, v...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		field([]byte(name))
		field([]byte(a.Type))
		if a.IsBinary() {
			b = append(b, 2)
		} else {
			b = append(b, 1)
		}
		field(a.value())
	}
	return sum(b)
}

func sum(b []byte) string {
	h := md5.Sum(b) //nolint:gosec // see the import
	return hex.EncodeToString(h[:])
}
