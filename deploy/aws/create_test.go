package aws

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAWS answers as the AWS CLI does where nothing was made before. Each call goes into $CALLS; a line of $REFUSALS, which is words of a
// call, a tab and an error, refuses one such call, and with * all, as backups that are never ready.
const fakeAWS = `#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
while IFS=$'\t' read -r words error; do
  if [[ $* == *"$words"* ]]; then
    if [ "$error" = '*' ]; then
      echo 'An error occurred (ContinuousBackupsUnavailableException) when calling an operation: for ever' >&2
      exit 254
    fi
    grep -vxF "$words"$'\t'"$error" "$REFUSALS" >"$REFUSALS.new"
    mv "$REFUSALS.new" "$REFUSALS"
    echo "An error occurred ($error) when calling an operation: no" >&2
    exit 254
  fi
done <"$REFUSALS"
case $* in
*create-topic*) echo arn:aws:sns:eu-central-1:111122223333:trustbridge ;;
*'sqs create-queue'*) echo https://sqs/queue ;;
*'sqs get-queue-url'* | *describe-table* | *'iam get-role'*) exit 254 ;;
*create-trust-anchor*) echo arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/1 ;;
*'iam create-role'*) echo arn:aws:iam::111122223333:role/r ;;
*get-function-event-invoke-config*) echo "$ON_SUCCESS" ;;
esac
`

// made is what a run of create.sh called, what it wrote to stderr, and its status.
type made struct {
	calls, stderr string
	code          int
}

// runCreate runs create.sh for the Lambda function orders against fakeAWS. sleep is one that only writes down how long.
func runCreate(t *testing.T, onSuccess string, refusals ...string) made {
	t.Helper()
	bin := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(bin, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("aws", fakeAWS)
	write("sleep", "#!/bin/sh\necho \"sleep $1\" >>\"$CALLS\"\n")
	calls := write("calls", "")
	folder := setUp(t, "parameters.sh", "SubjectLocality='x'\nFunctionName='orders'\nFunctionRoleName='orders-role'\n")
	for _, function := range []string{"publish-sns", "store-dynamodb", "invoke-lambda"} {
		if err := os.WriteFile(filepath.Join(folder, "trust-policy-"+function+".json"), []byte("@TrustAnchorArn@"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var lines strings.Builder
	for _, r := range refusals {
		if r != "" {
			lines.WriteString(r + "\n")
		}
	}
	cmd := create(t, bin, folder)
	cmd.Env = append(cmd.Environ(), "CALLS="+calls, "ON_SUCCESS="+onSuccess, "REFUSALS="+write("refusals", lines.String()))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	return made{string(text), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestCreateIsPatient: what AWS does not know everywhere yet is asked for again, and what it refuses for good is not.
func TestCreateIsPatient(t *testing.T) {
	const backups, attributes = "update-continuous-backups", "sqs set-queue-attributes"
	for _, row := range []struct {
		call, error string
		code        int
		waits       string
	}{
		{backups, "ContinuousBackupsUnavailableException", 0, "sleep 5\n"}, {attributes, "AWS.SimpleQueueService.NonExistentQueue", 0, "sleep 5\n"},
		{attributes, "QueueDoesNotExist", 0, "sleep 5\n"}, {"update-function-event-invoke-config", "InvalidParameterValueException", 0, "sleep 5\n"},
		{backups, "AccessDeniedException", 254, ""}, {attributes, "AccessDenied", 254, ""}, {"update-function-event-invoke-config", "AccessDeniedException", 1, ""},
	} {
		got := runCreate(t, "None", row.call+"\t"+row.error)
		if tries := strings.Count(got.calls, row.call+" "); got.code != row.code || !strings.Contains(got.calls, row.waits) || row.waits == "" && strings.Contains(got.calls, "sleep") || tries < 1 {
			t.Errorf("%s refused with %s: create.sh = %d after %d tries, want %d and %q\n%s\n%s", row.call, row.error, got.code, tries, row.code, row.waits, got.calls, got.stderr)
		}
		if !strings.Contains(got.stderr, row.error) {
			t.Errorf("%s refused with %s: that is not told\n%s", row.call, row.error, got.stderr)
		}
	}
	got := runCreate(t, "None", backups+"\t*")
	if want := "sleep 5\nsleep 10\nsleep 15\nsleep 30\nsleep 60\n"; got.code != 254 || strings.Join(sleeps(got.calls), "") != want {
		t.Errorf("%s refused for ever: create.sh = %d after %v, want 254 after %q", backups, got.code, sleeps(got.calls), want)
	}
}

// sleeps are the lines of calls that are sleeps.
func sleeps(calls string) (out []string) {
	for line := range strings.Lines(calls) {
		if strings.HasPrefix(line, "sleep ") {
			out = append(out, line)
		}
	}
	return out
}

// TestCreateKeepsOtherSettings: where asynchronous invocation is configured already, only the on-failure destination is set.
func TestCreateKeepsOtherSettings(t *testing.T) {
	const sets, put, update = "-function-event-invoke-config --function-name orders --qualifier live --destination-config ", "lambda put", "lambda update"
	queue := `{"OnFailure":{"Destination":"arn:aws:sqs:eu-central-1:111122223333:trustbridge-failed-invocations"}`
	for _, row := range []struct {
		name, onSuccess, refusal, want, never string
	}{
		{"settings", "None", "", update + sets + queue + "}\n", put + sets},
		{"settings with a destination of what succeeds", "arn:aws:sqs:x", "", update + sets + queue + `,"OnSuccess":{"Destination":"arn:aws:sqs:x"}}` + "\n", put + sets},
		{"no settings", "", "get-function-event-invoke-config\tResourceNotFoundException", put + sets + queue + "}\n", update + sets},
	} {
		got := runCreate(t, row.onSuccess, row.refusal)
		if got.code != 0 || !strings.Contains(got.calls, row.want) || strings.Contains(got.calls, row.never) {
			t.Errorf("%s: create.sh = %d, want the call %q\n%s\n%s", row.name, got.code, row.want, got.calls, got.stderr)
		}
	}
	got := runCreate(t, "", "get-function-event-invoke-config\tAccessDeniedException")
	if got.code != 1 || strings.Contains(got.calls, sets) || !strings.Contains(got.stderr, "it needs lambda:GetFunctionEventInvokeConfig") {
		t.Errorf("settings that cannot be seen: create.sh = %d, want them left alone\n%s\n%s", got.code, got.calls, got.stderr)
	}
}

// TestCreateWithoutTheFunction: that the function or its alias is missing is said, before anything is made if that can be seen.
func TestCreateWithoutTheFunction(t *testing.T) {
	const says = "create.sh: there is no Lambda function orders with the alias or version live: make the function and its alias first, or give setup --lambda NAME:ALIAS\n"
	missing, denied := "\tResourceNotFoundException", "\tAccessDeniedException"
	got := runCreate(t, "None", "get-function-configuration"+missing)
	if got.code != 1 || !strings.HasSuffix(got.stderr, says) || strings.Contains(got.calls, "create") {
		t.Errorf("create.sh = %d, want 1 and nothing made\n%s\n%s", got.code, got.calls, got.stderr)
	}
	got = runCreate(t, "None", "get-function-configuration"+denied, "get-function-event-invoke-config"+missing, "put-function-event-invoke-config"+missing)
	if got.code != 1 || !strings.HasSuffix(got.stderr, says) || strings.Contains(got.calls, "sleep") || strings.Contains(got.stderr, "is its role") {
		t.Errorf("create.sh of whoever may not look = %d, want 1 without a second try\n%s\n%s", got.code, got.calls, got.stderr)
	}
	if got := runCreate(t, "None", "get-function-configuration"+denied); got.code != 0 {
		t.Errorf("create.sh of whoever may not look = %d, want 0\n%s", got.code, got.stderr)
	}
}

// TestTemplateLeavesNoTableOfAFailedRun: the events stay with the table, but a first run that failed leaves none in the way of the next.
func TestTemplateLeavesNoTableOfAFailedRun(t *testing.T) {
	if !strings.Contains(string(Template), "\n    DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n") {
		t.Error("the table's policies are not RetainExceptOnCreate and Retain")
	}
}
