package btp

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writesDown is a curl that writes its last argument and its data into $CALLS, and answers requests for tokens.
const writesDown = `#!/bin/bash
data=
while [ $# -gt 1 ]; do
  [ "$1" = --data ] && data=$2
  shift
done
[ "$data" = "@-" ] && cat >/dev/null
echo "$1 $data" >>"$CALLS"
case $1 in */token) echo '{"access_token":"good"}' ;; esac
`

// TestCreateReadsEveryTopic: topics.txt is read as editors leave it, with \r and without an end of its last line.
func TestCreateReadsEveryTopic(t *testing.T) {
	for folder, want := range map[string][]string{
		"event-mesh":          {"/subscriptions/a%2F* ", "/subscriptions/b%2F* ", "/subscriptions/c%2F* "},
		"advanced-event-mesh": {`/subscriptions {"subscriptionTopic":"a/*"}`, `/subscriptions {"subscriptionTopic":"b/*"}`, `/subscriptions {"subscriptionTopic":"c/*"}`},
	} {
		dir := t.TempDir()
		files, err := fs.ReadDir(Files, folder)
		if err != nil {
			t.Fatal(err)
		}
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
			return path
		}
		for _, f := range files {
			text, err := fs.ReadFile(Files, folder+"/"+f.Name())
			if err != nil {
				t.Fatal(err)
			}
			write(f.Name(), strings.ReplaceAll(string(text), "<your token endpoint>", "https://login.example/token"))
		}
		write("topics.txt", "a/*\r\nb/*\n\r\n\nc/*")
		write("curl", writesDown)
		calls := write("calls", "")
		cmd := exec.CommandContext(t.Context(), "bash", "-c", `PATH="$1:$PATH" exec bash "$1/create.sh" subscription.json`, "bash", dir)
		cmd.Env = append(cmd.Environ(), "CALLS="+calls)
		cmd.Stdin = strings.NewReader("secret\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s/create.sh: %v\n%s", folder, err, out)
		}
		text, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if i := strings.Index(line, "/subscriptions"); i >= 0 && !strings.Contains(line, "messagingrest") {
				got = append(got, strings.TrimSuffix(line[i:], "\n"))
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s/create.sh subscribed %q, want %q", folder, got, want)
		}
	}
}
