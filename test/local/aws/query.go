package aws

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const contentForm = "application/x-www-form-urlencoded"

// isQuery tells whether a request is of the query protocol, which older AWS CLIs speak also to services that know JSON.
func (c *call) isQuery() bool { return c.form.values != nil }

// checkQuery checks that a request is a form of the query protocol, of that version of its API, and nothing else.
func (c *call) checkQuery(version string) *refusal {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case c.Method != http.MethodPost || c.URL.EscapedPath() != "/" && c.URL.EscapedPath() != "" || c.URL.RawQuery != "":
		return queryRefusal("InvalidAction", "stand-in: a call is a POST to / without a query")
	case err != nil || media != contentForm:
		return queryRefusal("InvalidAction", "stand-in: the content type must be "+contentForm)
	case c.form.err != nil || c.form.twice() != "":
		return queryRefusal("MalformedQueryString", "stand-in: the body is not a form, or a parameter is there twice")
	case c.form.text("Version") != version:
		return queryRefusal("InvalidAction", "stand-in: the version must be "+version)
	}
	return nil
}

func queryRefusal(code, text string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, text: text}
}

// tree is the parameters as JSON would have them: A.member.N is the Nth element of the list A, A.B the member B of A. Numbers
// stay text.
func (f form) tree() map[string]any {
	root := make(map[string]any)
	for name, values := range f.values {
		if name == "Action" || name == "Version" {
			continue
		}
		at := root
		steps := strings.Split(name, ".")
		for _, step := range steps[:len(steps)-1] {
			next, ok := at[step].(map[string]any)
			if !ok {
				next = make(map[string]any)
				at[step] = next
			}
			at = next
		}
		at[steps[len(steps)-1]] = values[0]
	}
	return listed(root).(map[string]any) // a map without member stays one
}

// listed makes a list of each map that only has member.
func listed(v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for key, value := range o {
		o[key] = listed(value)
	}
	members, ok := o["member"].(map[string]any)
	if !ok || len(o) != 1 {
		return o
	}
	var numbers []int
	for key := range members {
		n, err := strconv.Atoi(key)
		if err != nil {
			return o
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	list := make([]any, 0, len(numbers))
	for _, n := range numbers {
		list = append(list, members[strconv.Itoa(n)])
	}
	return list
}
