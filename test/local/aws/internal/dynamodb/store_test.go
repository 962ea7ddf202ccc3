package dynamodb

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testNow = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// events is a store with the table t, which has both keys.
func events(t *testing.T) *Store {
	t.Helper()
	var s Store
	if _, err := s.Create("events", Schema{Hash: Key{"pk", String}, Range: Key{"sk", Number}}, testNow, true); err != nil {
		t.Fatal(err)
	}
	return &s
}

func text(s string) Value { return Value{Type: String, Text: s} }

// row is an item of that table.
func row(pk string, sk int, more ...string) Item {
	i := Item{"pk": text(pk), "sk": count(sk)}
	for n := 0; n < len(more); n += 2 {
		i[more[n]] = text(more[n+1])
	}
	return i
}

func TestTables(t *testing.T) {
	var s Store
	schema := Schema{Hash: Key{"pk", Binary}}
	d, err := s.Create("a.b-c_9", schema, testNow, false)
	if err != nil || d.Active || d.Schema != schema {
		t.Errorf("Create = %+v, %v, want it not active yet", d, err)
	}
	_, err = s.Put("a.b-c_9", Item{"pk": {Type: Binary, Text: "x"}}, nil, testNow)
	checkText(t, "Put while it is created", err, CodeNotFound, "Requested resource not found")
	_, err = s.Delete("a.b-c_9", testNow)
	checkText(t, "Delete while it is created", err, CodeInUse, "Table is being created")
	if d, err := s.Describe("a.b-c_9", testNow.Add(creating)); err != nil || !d.Active {
		t.Errorf("Describe a moment later = %+v, %v, want it active", d, err)
	}
	_, err = s.Create("a.b-c_9", schema, testNow, true)
	checkText(t, "Create again", err, CodeInUse, "Table already exists: a.b-c_9")
	for name, schema := range map[string]Schema{"ab": schema, strings.Repeat("a", 256): schema, "a b": schema, "set": {Hash: Key{"pk", StringSet}}, "none": {}} {
		_, err := s.Create(name, schema, testNow, true)
		checkText(t, "Create "+name, err, CodeValidation, "stand-in")
	}
	_, err = s.Create("same", Schema{Hash: Key{"k", String}, Range: Key{"k", String}}, testNow, true)
	checkText(t, "Create with one name for both keys", err, CodeValidation, "same name")
	if diff := cmp.Diff([]string{"a.b-c_9"}, s.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	if _, err := s.Delete("a.b-c_9", testNow.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Describe("a.b-c_9", testNow)
	checkText(t, "Describe what was deleted", err, CodeNotFound, "Requested resource not found: Table: a.b-c_9 not found")
}

func TestKeys(t *testing.T) {
	s := events(t)
	long := strings.Repeat("x", hashBytesMax)
	for _, tt := range []struct {
		name string
		item Item
		says string // "" is taken
	}{
		{"longest partition key", row(long, 1), ""},
		{"partition key too long", row(long+"x", 1), "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{"partition key too long in bytes", row(strings.Repeat("ü", 1025), 1), "maximum size limit of2048"},
		{"empty partition key", row("", 1), "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"},
		{"no partition key", Item{"sk": count(1)}, "One or more parameter values were invalid: Missing the key pk in the item"},
		{"no sort key", Item{"pk": text("a")}, "Missing the key sk in the item"},
		{"partition key of another type", Item{"pk": count(1), "sk": count(1)}, "Type mismatch for key pk expected: S actual: N"},
		{"sort key of another type", Item{"pk": text("a"), "sk": text("1")}, "Type mismatch for key sk expected: N actual: S"},
	} {
		_, err := s.Put("events", tt.item, nil, testNow)
		if tt.says == "" {
			if err != nil {
				t.Errorf("%s: Put = %v, want it taken", tt.name, err)
			}
			continue
		}
		checkText(t, tt.name, err, CodeValidation, tt.says)
	}
	for name, key := range map[string]Item{
		"no sort key": {"pk": text("a")}, "more than the key": row("a", 1, "v", "x"), "another name": {"pk": text("a"), "k": count(1)}, "another type": {"pk": text("a"), "sk": text("1")},
	} {
		_, err := s.Find("events", key, testNow)
		checkText(t, "Find with "+name, err, CodeValidation, "The provided key element does not match the schema")
		_, err = s.Remove("events", key, nil, testNow)
		checkText(t, "Remove with "+name, err, CodeValidation, "The provided key element does not match the schema")
	}
	var other Store
	if _, err := other.Create("bin", Schema{Hash: Key{"pk", Number}, Range: Key{"sk", Binary}}, testNow, true); err != nil {
		t.Fatal(err)
	}
	bin := func(n int) Item {
		return Item{"pk": count(1), "sk": {Type: Binary, Text: strings.Repeat("\xff", n)}}
	}
	_, err := other.Put("bin", bin(0), nil, testNow)
	checkText(t, "empty binary sort key", err, CodeValidation, "cannot contain an empty binary value. Key: sk")
	_, err = other.Put("bin", bin(rangeBytesMax+1), nil, testNow)
	checkText(t, "sort key too long", err, CodeValidation, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	if _, err := other.Put("bin", bin(rangeBytesMax), nil, testNow); err != nil {
		t.Errorf("longest sort key = %v, want it taken", err)
	}
}

func TestItemLimit(t *testing.T) {
	s := events(t)
	full := row("a", 1, "v", "")
	full["v"] = text(strings.Repeat("x", itemBytesMax-full.Size()))
	if _, err := s.Put("events", full, nil, testNow); err != nil || full.Size() != 409_600 {
		t.Errorf("Put of %d bytes = %v, want it taken", full.Size(), err)
	}
	more := row("a", 1, "v", full["v"].Text+"x")
	_, err := s.Put("events", more, nil, testNow)
	checkText(t, "Put of one byte more", err, CodeValidation, "Item size has exceeded the maximum allowed size")
	_, err = s.Update("events", row("a", 1), &Update{set: map[string]Value{"v": more["v"]}}, nil, testNow)
	checkText(t, "Update to one byte more", err, CodeValidation, "Item size to update has exceeded the maximum allowed size")
	checkText(t, "batch with one byte more", s.CheckWrites([]Operation{{Table: "events", Item: row("b", 1)}, {Table: "events", Item: more}}, testNow), CodeValidation, "Item size has exceeded")
	if d, err := s.Describe("events", testNow); err != nil || d.Items != 1 || d.Bytes != itemBytesMax {
		t.Errorf("Describe = %+v, %v, want one item of %d bytes", d, err, itemBytesMax)
	}
}

// TestChanges has each kind of write, and those that change nothing.
func TestChanges(t *testing.T) {
	s := events(t)
	old, changed := row("a", 1, "v", "old"), row("a", 1, "v", "new")
	do := func(w Write, err error) Write {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	do(s.Put("events", old, nil, testNow))
	if w := do(s.Put("events", old, nil, testNow)); !w.Old.Equal(old) {
		t.Errorf("Old = %v, want %v", w.Old, old)
	}
	do(s.Put("events", changed, nil, testNow.Add(time.Second)))
	do(s.Update("events", row("a", 1), nil, nil, testNow))
	do(s.Update("events", row("b", 1), &Update{set: map[string]Value{"v": text("x")}}, nil, testNow))
	do(s.Remove("events", row("a", 1), nil, testNow))
	do(s.Remove("events", row("a", 1), nil, testNow))
	got, err := s.Changes("events", testNow)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{Kind: Insert, Key: row("a", 1), New: old, Time: testNow},
		{Kind: Modify, Key: row("a", 1), Old: old, New: changed, Time: testNow.Add(time.Second)},
		{Kind: Insert, Key: row("b", 1), New: row("b", 1, "v", "x"), Time: testNow},
		{Kind: Remove, Key: row("a", 1), Old: changed, Time: testNow},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Changes (-want +got):\n%s", diff)
	}
	if d, err := s.Describe("events", testNow); err != nil || d.Bytes != row("b", 1, "v", "x").Size() || d.Items != 1 {
		t.Errorf("Describe = %+v, %v, want the size of the one that is left", d, err)
	}
}

func TestConditionalWrites(t *testing.T) {
	s := events(t)
	c := func(expression string) *Condition {
		subs, err := NewSubstitutions(map[string]string{"#pk": "pk", "#v": "v"}, map[string]Value{":v": text("m")})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCondition("ConditionExpression", expression, subs)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, older := c("attribute_not_exists(#pk)"), c("#v < :v")
	if _, err := s.Put("events", row("a", 1, "v", "z"), first, testNow); err != nil {
		t.Fatal(err)
	}
	_, err := s.Put("events", row("a", 1, "v", "y"), first, testNow)
	checkText(t, "second first put", err, CodeCondition, "The conditional request failed")
	if e, ok := errors.AsType[*Error](err); !ok || !e.Item.Equal(row("a", 1, "v", "z")) {
		t.Errorf("Item of the failure = %v, want the one that is there", err)
	}
	_, err = s.Put("events", row("b", 1), older, testNow)
	checkText(t, "put over nothing", err, CodeCondition, "conditional")
	if e, ok := errors.AsType[*Error](err); !ok || e.Item != nil {
		t.Errorf("Item of the failure = %v, want none", err)
	}
	_, err = s.Remove("events", row("a", 1), older, testNow)
	checkText(t, "remove", err, CodeCondition, "conditional")
	_, err = s.Update("events", row("a", 1), nil, older, testNow)
	checkText(t, "update", err, CodeCondition, "conditional")
	if changes, err := s.Changes("events", testNow); err != nil || len(changes) != 1 {
		t.Errorf("%d changes, %v, want only the first put", len(changes), err)
	}
}

// TestOneOfManyWins: of 20 parallel conditional puts one wins, in each of 200 rounds.
func TestOneOfManyWins(t *testing.T) {
	s := events(t)
	subs, err := NewSubstitutions(map[string]string{"#pk": "pk"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ParseCondition("ConditionExpression", "attribute_not_exists(#pk)", subs)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 200 {
		won := make(chan int, 20)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := s.Put("events", row(fmt.Sprint(round), 1, "by", fmt.Sprint(i)), first, testNow); err == nil {
					won <- i
				}
			})
		}
		all.Wait()
		close(won)
		winner := <-won
		if more, ok := <-won; ok {
			t.Fatalf("round %d: both %d and %d won", round, winner, more)
		}
		if i, err := s.Find("events", row(fmt.Sprint(round), 1), testNow); err != nil || i["by"].Text != fmt.Sprint(winner) {
			t.Fatalf("round %d: %v, %v, want that of %d", round, i, err, winner)
		}
	}
	if changes, err := s.Changes("events", testNow); err != nil || len(changes) != 200 {
		t.Errorf("%d changes, %v, want one insert a round", len(changes), err)
	}
}

func TestBatches(t *testing.T) {
	s := events(t)
	put := func(pk string) Operation { return Operation{Table: "events", Item: row(pk, 1)} }
	remove := func(pk string) Operation { return Operation{Table: "events", Key: row(pk, 1)} }
	var many []Operation
	for i := range 26 {
		many = append(many, put(fmt.Sprint(i)))
	}
	if err := s.CheckWrites(many[:25], testNow); err != nil {
		t.Errorf("25 writes = %v, want them taken", err)
	}
	for _, tt := range []struct {
		name, code, says string
		list             []Operation
	}{
		{"26 writes", CodeValidation, "Too many items requested for the BatchWriteItem call", many},
		{"one key twice", CodeValidation, "Provided list of item keys contains duplicates", []Operation{put("a"), put("a")}},
		{"put and delete of one key", CodeValidation, "Provided list of item keys contains duplicates", []Operation{put("a"), remove("a")}},
		{"unknown table", CodeNotFound, "Requested resource not found", []Operation{put("a"), {Table: "other", Item: row("a", 1)}}},
		{"item without its key", CodeValidation, "Missing the key sk in the item", []Operation{put("a"), {Table: "events", Item: Item{"pk": text("b")}}}},
		{"delete of another key", CodeValidation, "does not match the schema", []Operation{{Table: "events", Key: Item{"pk": text("b")}}}},
	} {
		checkText(t, tt.name, s.CheckWrites(tt.list, testNow), tt.code, tt.says)
	}
	done, err := s.Apply([]Operation{put("a"), put("b")}, testNow)
	if err != nil || len(done) != 2 || done[0].Old != nil {
		t.Errorf("Apply = %v, %v", done, err)
	}
	if _, err := s.Apply([]Operation{put("a"), remove("b")}, testNow); err != nil {
		t.Fatal(err)
	}
	changes, err := s.Changes("events", testNow)
	if err != nil || len(changes) != 3 || changes[2].Kind != Remove {
		t.Errorf("Changes = %v, %v, want two inserts and a removal", changes, err)
	}
	checkText(t, "101 reads", s.CheckReads(make([]Operation, 101), testNow), CodeValidation, "Too many items requested for the BatchGetItem call")
	checkText(t, "one read twice", s.CheckReads([]Operation{remove("a"), remove("a")}, testNow), CodeValidation, "duplicates")
}

func TestSweep(t *testing.T) {
	s := events(t)
	ends := func(pk string, v Value) {
		i := row(pk, 1)
		i["ends"] = v
		if _, err := s.Put("events", i, nil, testNow); err != nil {
			t.Fatal(err)
		}
	}
	at := func(d time.Duration) Value { return count(int(testNow.Add(d).Unix())) }
	ends("over", at(-time.Second))
	ends("now", at(0))
	ends("later", at(time.Hour))
	ends("long over", at(-ttlAge-time.Hour))
	ends("as text", text(at(-time.Hour).Text))
	if n, err := s.Sweep("events", testNow); n != 0 || err != nil {
		t.Errorf("Sweep without a time to live = %d, %v", n, err)
	}
	if err := s.SetTTL("events", "ends", true, testNow); err != nil {
		t.Fatal(err)
	}
	checkText(t, "SetTTL again", s.SetTTL("events", "ends", true, testNow), CodeValidation, "TimeToLive is already enabled")
	checkText(t, "SetTTL of another", s.SetTTL("events", "x", false, testNow), CodeValidation, "current AttributeName is ends")
	if n, err := s.Sweep("events", testNow); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v, want 1", n, err)
	}
	if i, err := s.Find("events", row("over", 1), testNow); i != nil || err != nil {
		t.Errorf("Find = %v, %v, want it gone", i, err)
	}
	if n, err := s.Sweep("events", testNow.Add(2*time.Hour)); n != 2 || err != nil {
		t.Errorf("Sweep two hours later = %d, %v, want 2", n, err)
	}
	if err := s.SetTTL("events", "ends", false, testNow); err != nil {
		t.Fatal(err)
	}
	checkText(t, "SetTTL off again", s.SetTTL("events", "ends", false, testNow), CodeValidation, "TimeToLive is already disabled")
	checkText(t, "SetTTL without a name", s.SetTTL("events", "", true, testNow), CodeValidation, "AttributeName")
}
