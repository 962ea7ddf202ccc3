package plan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

// workshop is a folder of a set-up, and programs that record how they are called and answer as told.
type workshop struct {
	t           *testing.T
	folder, bin string
}

// outputs are what the programs say was made. One value has everything that sed could take for its own.
const outputs = "TrustAnchorArn\tarn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/1\nProfileArn\tarn:aws:rolesanywhere:eu-central-1:111122223333:profile/2\n" +
	"PublishSnsRoleArn\tarn:aws:iam::111122223333:role/trustbridge/p&q|r\\s\nStoreDynamodbRoleArn\tarn:aws:iam::111122223333:role/trustbridge/s\n" +
	"InvokeLambdaRoleArn\tarn:aws:iam::111122223333:role/trustbridge/i\nTopicArn\tarn:aws:sns:eu-central-1:111122223333:orders\n" +
	"QueueUrl\thttps://sqs.eu-central-1.amazonaws.com/111122223333/orders\nTableName\torders\nFunctionArn\tarn:aws:lambda:eu-central-1:111122223333:function:orders:live\n"

func newWorkshop(t *testing.T, change func(*Options)) *workshop {
	t.Helper()
	w := &workshop{t: t, folder: filepath.Join(t.TempDir(), "a folder's"), bin: t.TempDir()}
	o := options(t)
	o.Create = []byte("printf 'create.sh %s %s\\n' \"$1\" \"$AWS_REGION\" >>\"$CALLS\"\ncat \"$ANSWERS/create\"\n")
	if change != nil {
		change(&o)
	}
	if _, err := folder.Write(w.folder, make1(t, o), false); err != nil {
		t.Fatal(err)
	}
	w.answer("create", outputs)
	return w
}

// program puts a program into the path: body sees its name and arguments in $call.
func (w *workshop) program(name, body string) {
	w.t.Helper()
	text := "#!/usr/bin/env bash\ncall=\"" + name + " $*\"\nprintf '%s\\n' \"$call\" >>\"$CALLS\"\n" + body + "\n"
	if err := os.WriteFile(filepath.Join(w.bin, name), []byte(text), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

func (w *workshop) answer(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.bin, name+".answer"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.bin, name+".answer"), filepath.Join(w.bin, name)); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a script of the folder from elsewhere, and returns its outputs, what it called, and its exit code.
func (w *workshop) run(script string, args ...string) (stdout, stderr string, calls []string, code int) {
	w.t.Helper()
	record := filepath.Join(w.t.TempDir(), "calls")
	cmd := exec.CommandContext(w.t.Context(), "bash", append([]string{filepath.Join(w.folder, script)}, args...)...)
	cmd.Dir = w.t.TempDir()
	cmd.Env = []string{"PATH=" + w.bin + ":" + os.Getenv("PATH"), "CALLS=" + record, "ANSWERS=" + w.bin, "TMPDIR=" + w.t.TempDir()}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	text, _ := os.ReadFile(record)
	return out.String(), errs.String(), strings.Split(strings.TrimSpace(string(text)), "\n"), code
}

func (w *workshop) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.folder, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *workshop) wantFilled(functions ...string) {
	w.t.Helper()
	for _, f := range functions {
		for _, name := range []string{f + ".env", "openfaas/" + f + ".yml", "knative/" + f + ".yaml"} {
			if text := w.read(name); regexp.MustCompile(`@[A-Z][A-Za-z]*@`).MatchString(text) || !strings.Contains(text, "trust-anchor/1") {
				w.t.Errorf("%s is not filled in:\n%s", name, text)
			}
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(w.folder, "*", "*.new")); len(entries) > 0 {
		w.t.Errorf("left over: %v", entries)
	}
}

func TestScriptsParse(t *testing.T) {
	w := newWorkshop(t, nil)
	for _, s := range Scripts() {
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", filepath.Join(w.folder, s.Path)).CombinedOutput(); err != nil {
			t.Errorf("bash -n %s: %v\n%s", s.Path, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-c", `. "$1"; printf '%s|%s|%s' "$SubjectLocality" "$IssuerCommonNames" "$FunctionName"`, "bash",
		filepath.Join(w.folder, "parameters.sh")).Output()
	want := "destination-configuration.cfapps.xx10.test.example/6b0f2e94-7c1d-4a58-9e33-d20c84f5a716|Test PKI Certificate Service Client CA|orders"
	if string(out) != want || err != nil {
		t.Errorf("parameters.sh = %q, %v, want %q", out, err, want)
	}
}

func TestAWSCLI(t *testing.T) {
	w := newWorkshop(t, nil)
	stdout, stderr, calls, code := w.run("aws-cli.sh")
	if code != 0 || stdout != outputs || cmp.Diff([]string{"create.sh . eu-central-1"}, calls) != "" {
		t.Errorf("aws-cli.sh = %d, %q, calls %q\n%s", code, stdout, calls, stderr)
	}
	w.wantFilled(Functions()...)
	if !strings.Contains(w.read("publish-sns.env"), `role/trustbridge/p&q|r\s`+"\n") {
		t.Errorf("a value was changed on its way:\n%s", w.read("publish-sns.env"))
	}
	if _, stderr, _, code := w.run("aws-cli.sh"); code != 0 || strings.Contains(stderr, "filled in") {
		t.Errorf("aws-cli.sh again = %d, want 0 and nothing filled in\n%s", code, stderr)
	}
	w.answer("create", strings.ReplaceAll(outputs, "trust-anchor/1", "trust-anchor/9"))
	if _, stderr, _, code := w.run("aws-cli.sh"); code != 1 || !strings.Contains(stderr, "--force") || !strings.Contains(stderr, "publish-sns.env") {
		t.Errorf("aws-cli.sh with other outputs = %d, want 1 and what to do\n%s", code, stderr)
	}
}

func TestAWSCLIStopsWhereSomethingIsMissing(t *testing.T) {
	w := newWorkshop(t, nil)
	w.answer("create", strings.ReplaceAll(outputs, "TopicArn", "Other"))
	if _, stderr, _, code := w.run("aws-cli.sh"); code != 1 || !strings.Contains(stderr, "SNS_TOPIC_ARN=@TopicArn@") {
		t.Errorf("aws-cli.sh without a topic = %d, want 1 and the variable\n%s", code, stderr)
	}
	if !strings.Contains(w.read("publish-sns.env"), "@TrustAnchorArn@") {
		t.Errorf("publish-sns.env is half filled in:\n%s", w.read("publish-sns.env"))
	}
	w.answer("create", strings.ReplaceAll(outputs, "arn:aws:sns:eu-central-1:111122223333:orders", "None"))
	if _, stderr, _, code := w.run("aws-cli.sh"); code != 1 || !strings.Contains(stderr, "SNS_TOPIC_ARN=@TopicArn@") {
		t.Errorf("aws-cli.sh with None for a topic = %d, want 1 and the variable\n%s", code, stderr)
	}
	w.answer("create", outputs)
	if _, stderr, _, code := w.run("aws-cli.sh"); code != 0 {
		t.Errorf("aws-cli.sh afterwards = %d, want 0\n%s", code, stderr)
	}
	w.wantFilled(Functions()...)

	broken := newWorkshop(t, func(o *Options) { o.Create = []byte("echo create: no >&2; exit 3\n") })
	if stdout, stderr, _, code := broken.run("aws-cli.sh"); code == 0 || stdout != "" || !strings.Contains(stderr, "create: no") {
		t.Errorf("aws-cli.sh after create.sh failed = %d, %q, want its failure\n%s", code, stdout, stderr)
	}
}

// cloudFormation answers as the AWS CLI does for a stack in the state that $ANSWERS/state says.
const cloudFormation = `state=$(cat "$ANSWERS/state")
case $call in
*describe-stacks*StackStatus*)
  case $state in
  none) echo "An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id trustbridge does not exist" >&2; exit 254 ;;
  denied) echo "An error occurred (ExpiredToken)" >&2; exit 254 ;;
  cut*)
    echo "${state#cut }"
    case $state in
    'cut CREATE_IN_PROGRESS') echo 'cut CREATE_COMPLETE' >"$ANSWERS/state" ;;
    'cut UPDATE_IN_PROGRESS') echo 'cut UPDATE_COMPLETE_CLEANUP_IN_PROGRESS' >"$ANSWERS/state" ;;
    'cut UPDATE_COMPLETE_CLEANUP_IN_PROGRESS') echo same >"$ANSWERS/state" ;;
    'cut ROLLBACK_IN_PROGRESS') echo 'cut ROLLBACK_COMPLETE' >"$ANSWERS/state" ;;
    'cut DELETE_IN_PROGRESS') echo none >"$ANSWERS/state" ;;
    esac ;;
  *) echo CREATE_COMPLETE ;;
  esac ;;
*describe-stacks*) cat "$ANSWERS/create" ;;
*update-stack*)
  case $state in
  same) echo "An error occurred (ValidationError): No updates are to be performed." >&2; exit 254 ;;
  stuck) echo "An error occurred (ValidationError): is in ROLLBACK_COMPLETE state" >&2; exit 254 ;;
  esac ;;
*wait*) [ "$state" != failing ] ;;
*describe-stack-events*) echo "PublishSnsRole	not authorized" ;;
esac`

func TestCloudFormation(t *testing.T) {
	const (
		status = "aws cloudformation describe-stacks --stack-name trustbridge --query Stacks[0].StackStatus --output text"
		change = " --stack-name trustbridge --template-body file://template.yaml --parameters file://parameters.json --capabilities CAPABILITY_IAM"
		result = "aws cloudformation describe-stacks --stack-name trustbridge --query Stacks[0].Outputs[].[OutputKey,OutputValue] --output text"
		events = "aws cloudformation describe-stack-events --stack-name trustbridge --output text --query " +
			"StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]"
	)
	const again, delete = "sleep 10", "aws cloudformation delete-stack --stack-name trustbridge, then run this again\n"
	for _, row := range []struct {
		state string
		calls []string
		code  int
		says  string
	}{
		{"cut ROLLBACK_COMPLETE", []string{status}, 1, delete}, {"cut ROLLBACK_FAILED", []string{status}, 1, delete}, {"cut REVIEW_IN_PROGRESS", []string{status}, 1, delete},
		{"cut CREATE_IN_PROGRESS", []string{status, again, status, "aws cloudformation update-stack" + change, "aws cloudformation wait stack-update-complete --stack-name trustbridge", result}, 0, "stack trustbridge is CREATE_IN_PROGRESS; waiting"},
		{"cut UPDATE_IN_PROGRESS", []string{status, again, status, again, status, "aws cloudformation update-stack" + change, result}, 0, "as it should be"},
		{"cut ROLLBACK_IN_PROGRESS", []string{status, again, status}, 1, delete},
		{"cut DELETE_IN_PROGRESS", []string{status, again, status, "aws cloudformation create-stack" + change, "aws cloudformation wait stack-create-complete --stack-name trustbridge", result}, 0, "making stack"},
		{"none", []string{status, "aws cloudformation create-stack" + change, "aws cloudformation wait stack-create-complete --stack-name trustbridge", result}, 0, "making stack trustbridge"},
		{"there", []string{status, "aws cloudformation update-stack" + change, "aws cloudformation wait stack-update-complete --stack-name trustbridge", result}, 0, "changing stack"},
		{"same", []string{status, "aws cloudformation update-stack" + change, result}, 0, "as it should be"},
		{"stuck", []string{status, "aws cloudformation update-stack" + change}, 1, "ROLLBACK_COMPLETE"},
		{"denied", []string{status}, 1, "ExpiredToken"},
		{"failing", []string{status, "aws cloudformation update-stack" + change, "aws cloudformation wait stack-update-complete --stack-name trustbridge", events}, 1, "not authorized"},
	} {
		w := newWorkshop(t, nil)
		w.program("aws", cloudFormation)
		w.program("sleep", "")
		w.answer("state", row.state)
		stdout, stderr, calls, code := w.run("cloudformation.sh")
		if diff := cmp.Diff(row.calls, calls); diff != "" || code != row.code || !strings.Contains(stderr, row.says) {
			t.Errorf("%s: cloudformation.sh = %d, want %d and %q\n%s\ncalls (-want +got):\n%s", row.state, code, row.code, row.says, stderr, diff)
		}
		if code == 0 {
			w.wantFilled(Functions()...)
		}
		if (stdout == outputs) != (code == 0) {
			t.Errorf("%s: stdout = %q", row.state, stdout)
		}
	}
}

// terraform answers outputs, and fails for one that is not there.
const terraform = `case $call in
*'output -raw '*)
  key=${call##* }
  grep -q "^$key	" "$ANSWERS/create" || exit 1
  sed -n "s/^$key	//p" "$ANSWERS/create" | tr -d '\n' ;;
*) echo "terraform speaks" ;;
esac`

func TestTerraform(t *testing.T) {
	names := []string{"TrustAnchorArn", "ProfileArn", "PublishSnsRoleArn", "StoreDynamodbRoleArn", "TopicArn", "QueueUrl", "TableName"}
	for _, lambda := range []bool{true, false} {
		w := newWorkshop(t, func(o *Options) {
			if !lambda {
				o.Functions, o.Lambda, o.LambdaRole = []string{"publish-sns", "store-dynamodb"}, "", ""
			}
		})
		w.program("terraform", terraform)
		want := []string{"terraform -chdir=terraform init -input=false", "terraform -chdir=terraform apply -var-file=../terraform.tfvars.json -auto-approve"}
		for _, n := range names {
			want = append(want, "terraform -chdir=terraform output -raw "+n)
		}
		if lambda {
			want = append(want, "terraform -chdir=terraform output -raw InvokeLambdaRoleArn", "terraform -chdir=terraform output -raw FunctionArn")
		}
		stdout, stderr, calls, code := w.run("terraform.sh", "-auto-approve")
		if diff := cmp.Diff(want, calls); diff != "" || code != 0 || strings.Contains(stdout, "terraform speaks") {
			t.Errorf("terraform.sh = %d, %q\n%s\ncalls (-want +got):\n%s", code, stdout, stderr, diff)
		}
		w.wantFilled("publish-sns", "store-dynamodb")
	}
	w := newWorkshop(t, nil)
	w.program("terraform", "exit 1")
	if _, _, calls, code := w.run("terraform.sh"); code == 0 || len(calls) != 1 {
		t.Errorf("terraform.sh after init failed = %d with %d calls, want its failure at once", code, len(calls))
	}
}

func ExampleScripts() {
	for _, s := range Scripts() {
		fmt.Println(s.Tool, s.Path)
	}
	// Output:
	// AWS CLI aws-cli.sh
	// CloudFormation cloudformation.sh
	// Terraform terraform.sh
}
