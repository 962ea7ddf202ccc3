package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
)

// startStandIn starts SAP BTP and AWS as a customer has them: an instance of the Destination service, a Lambda function, and
// nothing that joins the two.
func (d *demo) startStandIn(ctx context.Context) error {
	var err error
	if d.standIn, err = startChild(ctx, "the stand-in", filepath.Join(d.bin, "local"), []string{"-bare", "-folder", d.folder, "-lambda", filepath.Join(d.bin, "lambda-echo")}, nil, false); err != nil {
		return err
	}
	d.say("\nStarting the stand-in of SAP BTP and AWS. There is a service key of the Destination service, and a Lambda function.", "")
	return d.standIn.next(ctx, `"service_key_path"`, &d.description)
}

// setUp is phases 1 to 3, with what an administrator has: trustbridge setup, and a CloudFormation stack of what it wrote.
func (d *demo) setUp(ctx context.Context) error {
	d.say("\nSet-up, once, by an administrator\n", "")
	if err := d.runSetup(ctx); err != nil {
		return err
	}
	made, err := d.makeStack(ctx)
	if err != nil {
		return err
	}
	return d.fillIn(made.Outputs)
}

// shown are the lines that the demo passes on from what setup prints.
var shown = regexp.MustCompile(`^(made  |  trusted|AWS will accept|The trust policies|  L  |  CN  |  issuer CN)`)

// runSetup makes the certificate and its destination, and writes what AWS and the functions need.
func (d *demo) runSetup(ctx context.Context) error {
	// The stand-in's root is not SAP's, so it must be accepted by its fingerprint.
	args := []string{"setup", "--service-key", "service-key.json", "--destination", "aws-orders", "--cn", "trustbridge-orders", "--create",
		"--lambda", local.FunctionName, "--lambda-role", local.FunctionRoleName, "--auth", "none", "--accept-root", d.description.Root}
	d.say("  $ trustbridge "+strings.Join(args[:8], " ")+" \\\n      "+strings.Join(args[8:len(args)-1], " ")+" "+d.description.Root[:11]+"…", "")
	start := time.Now()
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "trustbridge"), args...) //nolint:gosec // a program that stands beside our own
	cmd.Dir, cmd.Env = d.folder, []string{"SSL_CERT_FILE=" + d.description.CAPath}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("trustbridge setup: %w\n%s", err, stderr.Bytes())
	}
	took := milliseconds(time.Since(start))
	files := 0
	for scan := bufio.NewScanner(&stdout); scan.Scan(); {
		line := scan.Text()
		if strings.HasPrefix(line, "  written ") {
			files++
		}
		if shown.MatchString(line) {
			d.say("    "+line, "")
		}
	}
	d.say(fmt.Sprintf("    %d files in trustbridge-setup", files), took)
	return nil
}

// makeStack gives the stand-in what `aws cloudformation create-stack` would give AWS.
func (d *demo) makeStack(ctx context.Context) (*local.Made, error) {
	var stack local.Stack
	template, err := os.ReadFile(filepath.Join(d.folder, "trustbridge-setup", "template.yaml"))
	if err != nil {
		return nil, err
	}
	stack.TemplateBody = string(template)
	parameters, err := os.ReadFile(filepath.Join(d.folder, "trustbridge-setup", "parameters.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(parameters, &stack.Parameters); err != nil {
		return nil, fmt.Errorf("read the parameters: %w", err)
	}
	body, err := json.Marshal(stack)
	if err != nil {
		return nil, err
	}
	answer, status, _, err := call(ctx, http.MethodPost, d.description.ControlURL+"/stacks", nil, body)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("make the stack: status %d: %w\n%s", status, err, answer)
	}
	var made local.Made
	if err := json.Unmarshal(answer, &made); err != nil {
		return nil, fmt.Errorf("read what the stack made: %w", err)
	}
	d.sayMade(&made)
	return &made, nil
}

// sayMade shows a stack's resources by the phases of the reference architecture.
func (d *demo) sayMade(made *local.Made) {
	d.say("\n  Its template and parameters, made as a stack in the AWS account of the stand-in", "")
	took := make(map[string]time.Duration)
	count := make(map[string]int)
	for _, r := range made.Resources {
		name := "targets"
		switch r.Type {
		case "AWS::RolesAnywhere::TrustAnchor":
			name = "trust anchor"
		case "AWS::IAM::Role":
			name = "IAM roles"
		case "AWS::RolesAnywhere::Profile":
			name = "profile"
		}
		took[name] += r.Took
		count[name]++
	}
	d.phase(1, "trust anchor", "of the root above the certificate", took["trust anchor"])
	d.phase(2, "IAM roles", fmt.Sprintf("%d, one a function, for that certificate alone", count["IAM roles"]), took["IAM roles"])
	d.phase(3, "profile", "joins the anchor and those roles", took["profile"])
	d.say(fmt.Sprintf("     %-20s %s", "targets", "topic with a subscribed queue, table, dead-letter queues, alarms"), milliseconds(took["targets"]))
}

// hole is where an output of the stack goes in the environments.
var hole = regexp.MustCompile(`@[A-Z][A-Za-z]*@`)

// fillIn reads the environments that setup wrote, and puts in what the stack made, as the scripts that it wrote do.
func (d *demo) fillIn(outputs map[string]string) error {
	d.queueURL, d.table = outputs["QueueUrl"], outputs["TableName"]
	if d.queueURL == "" || d.table == "" {
		return fmt.Errorf("the stack has the outputs %v, want a queue and a table among them", outputs)
	}
	for _, function := range local.Functions() {
		text, err := os.ReadFile(filepath.Join(d.folder, "trustbridge-setup", function+".env")) //nolint:gosec // what setup wrote
		if err != nil {
			return err
		}
		var missing []error
		filled := hole.ReplaceAllStringFunc(string(text), func(h string) string {
			value, found := outputs[strings.Trim(h, "@")]
			if !found {
				missing = append(missing, fmt.Errorf("the stack has no output for %s of %s", h, function))
			}
			return value
		})
		if err := errors.Join(missing...); err != nil {
			return err
		}
		lines := slices.DeleteFunc(strings.Split(filled, "\n"), func(line string) bool { return line == "" || strings.HasPrefix(line, "#") })
		d.environments[function] = append(lines, d.here()...)
	}
	d.say("     environments         of the functions, filled in with its outputs", "")
	return nil
}

// here is what is particular to this machine: where the functions listen, and where the stand-in of AWS is.
func (d *demo) here() []string {
	return []string{
		"ADDRESS=127.0.0.1", "PORT=0", "DRAIN_DELAY=0s", "SSL_CERT_FILE=" + d.description.CAPath,
		"AWS_ENDPOINT_URL=" + d.description.AWSURL, "AWS_CA_BUNDLE=" + d.description.CAPath,
	}
}
