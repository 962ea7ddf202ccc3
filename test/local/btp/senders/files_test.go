package senders

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/trustbridge/trustbridge/test/virtual"
)

// fromFiles makes each sender from given folders: what stands in a file is all that differs.
func fromFiles(sender string, files fs.FS, o Options) (*Sender, error) {
	sub := func(name string) fs.FS {
		f, err := fs.Sub(files, name)
		if err != nil {
			panic(err)
		}
		return f
	}
	mesh := func(subscription string) (*EventMeshConfig, error) {
		return LoadEventMesh(sub("event-mesh"), subscription, values())
	}
	switch sender {
	case "event-mesh/subscription.json", "event-mesh/subscription-oauth2.json":
		c, err := mesh(strings.TrimPrefix(sender, "event-mesh/"))
		if err != nil {
			return nil, err
		}
		return NewEventMesh(c, o)
	case "cap/package.json", "cap/.cdsrc.json":
		c, err := LoadCAP(sub("cap"), strings.TrimPrefix(sender, "cap/"))
		if err != nil {
			return nil, err
		}
		m, err := mesh("subscription.json")
		if err != nil {
			return nil, err
		}
		return NewCAP(c, m, o)
	case "advanced-event-mesh":
		c, err := LoadAdvancedEventMesh(sub("advanced-event-mesh"), aemValues())
		if err != nil {
			return nil, err
		}
		return NewAdvancedEventMesh(c, o)
	case "event-hub":
		c, err := LoadEventHub(sub("event-hub"), hubValues())
		if err != nil {
			return nil, err
		}
		return NewEventHub(c, o)
	}
	c, err := LoadKyma(sub("kyma"), kymaValues())
	if err != nil {
		return nil, err
	}
	return NewKyma(c, o)
}

// senderOf is who reads a file, "" if none does.
func senderOf(file string) string {
	dir, name, _ := strings.Cut(file, "/")
	switch {
	case name == "README.md", strings.HasSuffix(name, ".sh"):
		return ""
	case dir == "cap", name == "subscription-oauth2.json":
		return file
	case dir == "event-mesh":
		return "event-mesh/subscription.json"
	}
	return dir
}

func shipped(t *testing.T) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	for _, dir := range []string{"event-mesh", "advanced-event-mesh", "event-hub", "cap", "kyma"} {
		f := folder(t, dir)
		entries, err := fs.ReadDir(f, ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := fs.ReadFile(f, e.Name())
			if err != nil {
				t.Fatal(err)
			}
			all[dir+"/"+e.Name()] = &fstest.MapFile{Data: text}
		}
	}
	return all
}

// transcript is what a sender made of files does to a target that refuses, is slow, and does not answer; the error is why there is no
// such sender.
func transcript(t *testing.T, sender string, files fs.FS) (out string, err error) {
	virtual.Run(t, func(t *testing.T) {
		target := newTarget(t, func(ctx context.Context, r request, n int) (int, error) {
			switch {
			case r.Event == "id-0" && n <= 2:
				return 503, nil
			case r.Event == "id-1" && n == 1:
				return 200, wait(ctx, 40*time.Second)
			}
			return 200, wait(ctx, time.Second)
		})
		var s *Sender
		if s, err = fromFiles(sender, files, Options{Client: target.client()}); err != nil {
			return
		}
		var report *Report
		if report, err = s.Deliver(t.Context(), orders(25)...); err != nil {
			return
		}
		var b strings.Builder
		fmt.Fprintln(&b, report.Sender, report.Subscription, report.Queue)
		for _, d := range report.Deliveries {
			fmt.Fprintln(&b, d.Event.ID, d.Outcome, d.Reason)
		}
		target.mu.Lock()
		defer target.mu.Unlock()
		var lines []string
		for _, r := range target.got {
			lines = append(lines, fmt.Sprintln(r.At, r.Method, r.URL, r.Header, r.Body))
		}
		slices.Sort(lines)
		out = b.String() + strings.Join(lines, "")
	})
	return out, err
}

// leaves calls visit for each place in a decoded document that holds no further places, with a function that changes it.
func leaves(path string, v any, set func(any), visit func(path string, value any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			leaves(path+"."+name, v[name], func(other any) { v[name] = other }, visit)
		}
	case []any:
		for i := range v {
			leaves(fmt.Sprint(path, "[", i, "]"), v[i], func(other any) { v[i] = other }, visit)
		}
	default:
		visit(path, v, set)
	}
}

func decode(t *testing.T, file string, text []byte) any {
	t.Helper()
	var v any
	var err error
	switch {
	case strings.HasSuffix(file, ".yaml"):
		err = yaml.Unmarshal(text, &v)
	case strings.HasSuffix(file, ".txt"):
		v = []any{strings.TrimSpace(string(text))}
	default:
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func encodeAs(t *testing.T, file string, v any) []byte {
	t.Helper()
	switch {
	case strings.HasSuffix(file, ".yaml"):
		out, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	case strings.HasSuffix(file, ".txt"):
		return []byte(v.([]any)[0].(string) + "\n")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// other is another value of the same kind.
func other(v any) any {
	switch v := v.(type) {
	case string:
		if v == "10" {
			return "11"
		}
		return v + "x"
	case bool:
		return !v
	case int:
		return v + 1
	case float64:
		return v + 1
	}
	return "x"
}

// TestNoValueOfAFileIsIgnored changes each value of each file, one at a time: the sender must refuse it or behave otherwise.
func TestNoValueOfAFileIsIgnored(t *testing.T) {
	whole := shipped(t)
	usual := make(map[string]string)
	changed := 0
	for file := range whole {
		sender := senderOf(file)
		if sender == "" {
			continue
		}
		if usual[sender] == "" {
			out, err := transcript(t, sender, whole)
			if err != nil {
				t.Fatalf("%s as shipped: %v", sender, err)
			}
			usual[sender] = out
		}
		document := decode(t, file, whole[file].Data)
		leaves("", document, nil, func(path string, value any, set func(any)) {
			set(other(value))
			files := maps.Clone(whole)
			files[file] = &fstest.MapFile{Data: encodeAs(t, file, document)}
			set(value)
			changed++
			if out, err := transcript(t, sender, files); err == nil && out == usual[sender] {
				t.Errorf("%s%s: the sender does the same with %v instead of %v", file, path, other(value), value)
			}
		})
	}
	if changed < 50 {
		t.Errorf("%d values were changed, want all of some 60", changed)
	}
}

// TestFilesAreReadStrictly adds a member to each object of each file.
func TestFilesAreReadStrictly(t *testing.T) {
	whole := shipped(t)
	for file := range whole {
		sender := senderOf(file)
		if sender == "" || strings.HasSuffix(file, ".txt") {
			continue
		}
		document := decode(t, file, whole[file].Data)
		objects(document, func(o map[string]any) {
			o["unheard"] = "of"
			files := maps.Clone(whole)
			files[file] = &fstest.MapFile{Data: encodeAs(t, file, document)}
			delete(o, "unheard")
			if _, err := fromFiles(sender, files, Options{Client: newTarget(t, always(200)).client()}); err == nil {
				t.Errorf("%s with an unknown member in %v was read", file, slices.Sorted(maps.Keys(o)))
			}
		})
		for _, text := range []string{"", string(whole[file].Data) + "{}", "<your secret wish>"} {
			files := maps.Clone(whole)
			files[file] = &fstest.MapFile{Data: []byte(text)}
			if _, err := fromFiles(sender, files, Options{Client: newTarget(t, always(200)).client()}); err == nil {
				t.Errorf("%s was read although it is %q", file, text)
			}
		}
	}
}

func objects(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, inner := range v {
			objects(inner, visit)
		}
	case []any:
		for _, inner := range v {
			objects(inner, visit)
		}
	}
}

func TestWhatIsNotFilledInIsNamed(t *testing.T) {
	_, err := LoadEventMesh(folder(t, "event-mesh"), "subscription.json", Values{"your topic filter": "+", "your namespace": "a/b/c", "your user": "u"})
	if err == nil || !strings.Contains(err.Error(), "<your endpoint>, <your password>") {
		t.Errorf("LoadEventMesh without values = %v, want an error that names them", err)
	}
	for _, topics := range []string{"", "\n"} {
		if _, err := readTopics(fstest.MapFS{"t": {Data: []byte(topics)}}, "t", nil); err == nil {
			t.Errorf("topics %q were read, want an error: nothing would be delivered", topics)
		}
	}
	if _, err := LoadKyma(fstest.MapFS{}, nil); err == nil {
		t.Error("LoadKyma of nothing = nil, want an error")
	}
}

func TestSendersNeedAClient(t *testing.T) {
	for sender := range map[string]bool{"event-mesh/subscription.json": true, "cap/package.json": true, "advanced-event-mesh": true, "event-hub": true, "kyma": true} {
		if _, err := fromFiles(sender, shipped(t), Options{}); err == nil {
			t.Errorf("%s without a client = nil, want an error", sender)
		}
	}
}
