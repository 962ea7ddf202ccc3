package ingress

import (
	"net/http"
	"strconv"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// refusal says why a request, or one event of it, cannot be read as what it should be. It is the typed error of all
// decoding, and reaches the sender: it names attributes, never their values.
type refusal struct {
	// reason is for programs: a word, or a word and the attribute's name after a colon.
	reason string
	// detail is for people: what is wrong and what cures it.
	detail string
	// status answers a request that holds nothing else.
	status int
	// cause is forward.ErrTooLarge or nil.
	cause error
}

// Error is the reason and the detail.
func (r *refusal) Error() string { return r.reason + ": " + r.detail }

// Detail is what the sender reads.
func (r *refusal) Detail() string { return r.detail }

// Unwrap is forward.ErrTooLarge or nil.
func (r *refusal) Unwrap() error { return r.cause }

// invalid is the refusal as a verdict that every room understands.
func (r *refusal) invalid() error {
	return &forward.Error{Op: "read request", Kind: forward.Invalid, Err: r}
}

func refuse(reason, detail string) *refusal {
	return &refusal{reason: reason, detail: detail, status: http.StatusBadRequest}
}

func refuseAs(status int, reason, detail string) *refusal {
	return &refusal{reason: reason, detail: detail, status: status}
}

func missingAttribute(name string) *refusal {
	return refuse("missing-attribute:"+name, "attribute "+name+" is missing; every CloudEvent has specversion, id, source and type")
}

func emptySource() *refusal {
	return refuse("empty-source", "attribute source is empty; set it where the event is made, or configure DEFAULT_SOURCE in the bridge")
}

func badTime() *refusal {
	return refuse("bad-time", "attribute time is not a timestamp of RFC 3339 such as 2026-10-05T06:41:17Z")
}

func illegalName(name string) *refusal {
	name = shown(name)
	return refuse("illegal-name:"+name, "attribute name "+name+" is not allowed or taken; names are made of a to z and 0 to 9")
}

func illegalValue(name, rule string) *refusal {
	name = shown(name)
	return refuse("illegal-value:"+name, "the value of "+name+" is not allowed: "+rule)
}

func duplicateName(name string) *refusal {
	name = shown(name)
	return refuse("duplicate-name:"+name, name+" is there more than once, so that nobody can say which is meant; send it once")
}

func tooManyAttributes() *refusal {
	return refuse("too-many-attributes", "the event has more than "+strconv.Itoa(maxExtensions)+" extension attributes; move some into its data")
}

func notCloudEvent() *refusal {
	return refuseAs(http.StatusUnsupportedMediaType, "not-a-cloudevent",
		"the request is not a CloudEvent; send ce- headers, or the content type application/cloudevents+json")
}

func noSpecVersion() *refusal {
	return refuse("not-a-cloudevent", "the request has ce- headers, but not ce-specversion, which makes it a CloudEvent; send ce-specversion: 1.0")
}

func unsupportedFormat() *refusal {
	return refuseAs(http.StatusUnsupportedMediaType, "unsupported-format",
		"this format of CloudEvents is not taken; send application/cloudevents+json, application/cloudevents-batch+json or ce- headers")
}

func unsupportedEncoding() *refusal {
	return refuseAs(http.StatusUnsupportedMediaType, "content-encoding", "encoded bodies are not taken; send the body without Content-Encoding")
}

func methodNotAllowed() *refusal {
	return refuseAs(http.StatusMethodNotAllowed, "method-not-allowed", "events are taken by POST only")
}

func notJSON(kind string) *refusal {
	return refuse("not-json", "the body is not one JSON "+kind+"; check that it is whole and that nothing follows it")
}

func notUTF8() *refusal {
	return refuse("not-utf8", "the event's JSON is not UTF-8; JSON that is exchanged has no other encoding")
}

func eventTooLarge(limit int64) *refusal {
	return tooLarge("the event is over the limit of " + strconv.FormatInt(limit, 10) + " bytes; send less data, or a reference to it")
}

func batchTooLarge(limit int64) *refusal {
	return tooLarge("the batch is over the limit of " + strconv.FormatInt(limit, 10) + " bytes, and nothing of it was sent; split it")
}

func tooManyEvents(limit int) *refusal {
	r := tooLarge("the batch has more than " + strconv.Itoa(limit) + " events, and nothing of it was sent; split it")
	r.reason = "too-many-events"
	return r
}

func tooLarge(detail string) *refusal {
	return &refusal{reason: "too-large", detail: detail, status: http.StatusRequestEntityTooLarge, cause: forward.ErrTooLarge}
}

// shownMax bounds what is repeated of a name that a sender chose.
const shownMax = 48

// shown is a name as it may stand in an answer and in the log: short, and without characters that could be mistaken.
func shown(name string) string {
	if cloudevent.ValidName(name) && len(name) <= shownMax {
		return name
	}
	if len(name) > shownMax {
		name = name[:shownMax]
	}
	quoted := strconv.QuoteToASCII(name)
	if len(quoted) > 2*shownMax {
		quoted = quoted[:2*shownMax] + `"`
	}
	return trimQuotes(quoted)
}

// trimQuotes drops the quotes around a name that needed no escaping, so that event-type is shown as event-type.
func trimQuotes(quoted string) string {
	inner := quoted[1 : len(quoted)-1]
	for i := range len(inner) {
		if c := inner[i]; c == '\\' || c == ' ' || c == ':' {
			return quoted
		}
	}
	if inner == "" {
		return quoted
	}
	return inner
}
