package dynamodb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filled is a table with three partitions of ten items.
func filled(t *testing.T) *Store {
	t.Helper()
	s := events(t)
	for _, pk := range []string{"a", "b", "c"} {
		for n := range 10 {
			if _, err := s.Put("events", row(pk, n*3, "v", fmt.Sprint(n%2)), nil, testNow); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// keyCondition parses with values for each name that it has.
func keyCondition(t *testing.T, text string) *Condition {
	t.Helper()
	names, values := map[string]string{}, map[string]Value{}
	for name, to := range map[string]string{"#pk": "pk", "#sk": "sk", "#v": "v"} {
		if strings.Contains(text, name) {
			names[name] = to
		}
	}
	for name, v := range map[string]Value{
		":a": {Type: String, Text: "a"}, ":b": {Type: String, Text: "b"}, ":9": count(9), ":12": count(12), ":1": {Type: String, Text: "1"},
	} {
		if strings.Contains(text, name) {
			values[name] = v
		}
	}
	if len(values) == 0 {
		values = nil
	}
	subs, err := NewSubstitutions(names, values)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCondition("KeyConditionExpression", text, subs)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// keys are what a selection finds, page by page.
func keys(t *testing.T, s *Store, q Selection) (found []string, pages int) {
	t.Helper()
	for {
		p, err := s.Select("events", q, testNow)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, i := range p.Items {
			found = append(found, i["pk"].Text+i["sk"].Text)
		}
		if p.Last == nil {
			return found, pages
		}
		q.Start = p.Last
	}
}

func TestQuery(t *testing.T) {
	s := filled(t)
	for _, tt := range []struct {
		key, filter string
		limit       int
		backward    bool
		want        string
		pages       int
	}{
		{"#pk = :a", "", 0, false, "a0 a3 a6 a9 a12 a15 a18 a21 a24 a27", 1},
		{"#pk = :a AND #sk > :9", "", 0, false, "a12 a15 a18 a21 a24 a27", 1}, {"(#pk = :a) AND (#sk <= :9)", "", 0, false, "a0 a3 a6 a9", 1},
		{"#sk = :9 AND #pk = :b", "", 0, false, "b9", 1}, {"#pk = :a AND #sk BETWEEN :9 AND :12", "", 0, false, "a9 a12", 1}, {"#pk = :a AND #sk < :9", "", 0, true, "a6 a3 a0", 1},
		{"#pk = :a", "#v = :1", 0, false, "a3 a9 a15 a21 a27", 1}, {"#pk = :b AND #sk >= :12", "", 2, false, "b12 b15 b18 b21 b24 b27", 4}, {"#pk = :b AND #sk < :12", "", 3, true, "b9 b6 b3 b0", 2},
		{"#pk = :1", "", 0, false, "", 1},
	} {
		q := Selection{Key: keyCondition(t, tt.key), Limit: tt.limit, Backward: tt.backward}
		if tt.filter != "" {
			q.Filter = keyCondition(t, tt.filter)
		}
		found, pages := keys(t, s, q)
		if got := strings.Join(found, " "); got != tt.want || pages != tt.pages {
			t.Errorf("%s, filter %q, limit %d = %s in %d pages, want %s in %d", tt.key, tt.filter, tt.limit, got, pages, tt.want, tt.pages)
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	s := filled(t)
	for _, tt := range []struct{ key, filter, says string }{
		{"#sk = :9", "", "Query condition missed key schema element: pk"}, {"#pk > :a", "", "Query key condition not supported"}, {"#pk = :a AND #v = :1", "", "Query key condition not supported"},
		{"#pk = :a OR #pk = :b", "", "Query key condition not supported"}, {"NOT #pk = :a", "", "not supported"}, {"#pk = :a AND #sk <> :9", "", "not supported"},
		{"#pk = :a AND #sk >= :9 AND #sk <= :12", "", "not supported"}, {"#pk = :a AND #pk = :b", "", "not supported"}, {"#pk = :a AND attribute_exists(#sk)", "", "not supported"},
		{"#pk = :9", "", "Condition parameter type does not match schema type"}, {"#pk = :a AND #sk = :1", "", "Condition parameter type does not match schema type"},
		{"#pk = :a AND begins_with(#sk, :1)", "", "Condition parameter type"}, {"#pk = #v", "", "not supported"}, {"size(#pk) = :9", "", "not supported"},
		{"#pk = :a", "#sk > :9", "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"}, {"#pk = :a", "#v = :1 AND NOT #pk = :b", "Primary key attribute: pk"},
	} {
		q := Selection{Key: keyCondition(t, tt.key)}
		if tt.filter != "" {
			q.Filter = keyCondition(t, tt.filter)
		}
		_, err := s.Select("events", q, testNow)
		checkText(t, "Select("+tt.key+" / "+tt.filter+")", err, CodeValidation, tt.says)
	}
	_, err := s.Select("events", Selection{Start: Item{"pk": text("a")}}, testNow)
	checkText(t, "Select from no key", err, CodeValidation, "The provided starting key is invalid")
	_, err = s.Select("other", Selection{}, testNow)
	checkText(t, "Select of no table", err, CodeNotFound, "Requested resource not found")
}

func TestScan(t *testing.T) {
	s := filled(t)
	all, pages := keys(t, s, Selection{})
	seen := map[string]bool{}
	for _, k := range all {
		seen[k] = true
	}
	if len(all) != 30 || len(seen) != 30 || pages != 1 {
		t.Errorf("Scan = %d items, %d distinct, in %d pages, want 30 in one", len(all), len(seen), pages)
	}
	inSevens, pages := keys(t, s, Selection{Limit: 7})
	if diff := cmp.Diff(all, inSevens); diff != "" || pages != 5 {
		t.Errorf("Scan by sevens: %d pages, want 5 (-whole +paged):\n%s", pages, diff)
	}
	odd, _ := keys(t, s, Selection{Filter: keyCondition(t, "#v = :1 AND #sk > :9")})
	if len(odd) != 9 {
		t.Errorf("Scan with a filter = %v, want nine", odd)
	}
	// Items of a bit over a quarter of a page: four fill it.
	for n := range 9 {
		if _, err := s.Put("events", row("big", n, "v", strings.Repeat("x", pageBytesMax/4)), nil, testNow); err != nil {
			t.Fatal(err)
		}
	}
	big, pages := keys(t, s, Selection{Key: func() *Condition {
		subs, err := NewSubstitutions(map[string]string{"#pk": "pk"}, map[string]Value{":p": text("big")})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCondition("x", "#pk = :p", subs)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}()})
	if len(big) != 9 || pages != 3 {
		t.Errorf("Query of 9 large items = %d in %d pages, want 9 in 3", len(big), pages)
	}
}
