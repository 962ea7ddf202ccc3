package cloudevent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

// make1 is an event of version 1.0 with the three attributes that identify it.
func make1(t testing.TB, source, id, typ string) *event.Event {
	t.Helper()
	ref, err := ParseSource(source)
	if err != nil {
		t.Fatalf("ParseSource(%q) = %v", source, err)
	}
	return &event.Event{Context: &event.EventContextV1{ID: id, Source: ref, Type: typ}}
}

func TestID(t *testing.T) {
	for _, row := range []struct{ source, id, typ, want string }{
		{"/default/sap.s4.beh/731904412", "51aa07c3", "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
			"/default/sap.s4.beh/731904412 51aa07c3 sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1"},
		{"/a", "b c", "d%e", "/a b%20c d%25e"},
		{"/a%20b", "1", "t", "/a%2520b 1 t"},
		{"https://Example.com/Zoë?q=1#f", "1", "t", "https://Example.com/Zoë?q=1#f 1 t"},
		{"/s", strings.Repeat("x", 2048-5), "t", "/s " + strings.Repeat("x", 2048-5) + " t"},
	} {
		if got := ID(make1(t, row.source, row.id, row.typ)); got != row.want {
			t.Errorf("ID(%q, %q, %q) = %q, want %q", row.source, row.id, row.typ, got, row.want)
		}
	}
}

func TestIDIsShortAboveItsLimit(t *testing.T) {
	for _, id := range []string{strings.Repeat("x", 2048-4), strings.Repeat("%", 700)} {
		e := make1(t, "/s", id, "t")
		if got, want := ID(e), Short(e); got != want {
			t.Errorf("ID of %d bytes = %q, want %q", len(id), got, want)
		}
	}
}

func TestShort(t *testing.T) {
	// By sha256sum over the contract's bytes: 8 bytes of length big-endian, "/s", the same with "id1", the same with "t".
	want := "1674dea7da6652c4bc0f29691f08e31bd0c3d45cc4cddcd432e6172c41129256"
	if got := Short(make1(t, "/s", "id1", "t")); got != want {
		t.Errorf("Short = %q, want %q", got, want)
	}
}

// FuzzSame: two events have one readable form, and one short form, if and only if all three attributes are equal.
func FuzzSame(f *testing.F) {
	f.Add("/a", "b c", "d", "/a b", "c", "d")
	f.Add("/a", "1", "t", "/a", "1", "t")
	f.Add("/a%20", "1", "t", "/a ", "1", "t")
	f.Add("/a", "12", "3", "/a1", "2", "3")
	f.Fuzz(func(t *testing.T, s1, i1, t1, s2, i2, t2 string) {
		if _, err := ParseSource(s1); err != nil {
			return
		}
		if _, err := ParseSource(s2); err != nil {
			return
		}
		a, b := make1(t, s1, i1, t1), make1(t, s2, i2, t2)
		same := s1 == s2 && i1 == i2 && t1 == t2
		if got := ID(a) == ID(b); got != same {
			t.Errorf("ID(%q) == ID(%q) is %v, want %v", ID(a), ID(b), got, same)
		}
		if got := Short(a) == Short(b); got != same {
			t.Errorf("Short of %q and %q equal: %v, want %v", ID(a), ID(b), got, same)
		}
		if got := a.Source(); got != s1 {
			t.Errorf("source %q reads back as %q", s1, got)
		}
	})
}

func TestIsDeliveryExtension(t *testing.T) {
	for name, want := range map[string]bool{
		"traceparent": true, "tracestate": true, "baggage": true, "knativearrivaltime": true, "kafkaoffset": true,
		"sequence": false, "partitionkey": false, "traceparentx": false, "xknative": false, "": false,
	} {
		if got := IsDeliveryExtension(name); got != want {
			t.Errorf("IsDeliveryExtension(%q) = %v, want %v", name, got, want)
		}
	}
}

func ExampleID() {
	ref, _ := ParseSource("/default/sap.s4.beh/731904412")
	e := &event.Event{Context: &event.EventContextV1{ID: "4711", Source: ref, Type: "sap.s4.SalesOrder.Changed.v1"}}
	fmt.Println(ID(e))
	// Output:
	// /default/sap.s4.beh/731904412 4711 sap.s4.SalesOrder.Changed.v1
}
