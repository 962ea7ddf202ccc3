package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/trustbridge/trustbridge/test/knative/cluster"
	"github.com/trustbridge/trustbridge/test/knative/manifest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

const (
	ns      = "trustbridge"
	example = "deploy/knative/overlays/example"
	// answerType is that of what the Lambda function answers; the example has it stored.
	answerType = "example.order.priced.v1"
)

// stage is the stand-in with everything set up, and the cluster with everything deployed.
type stage struct {
	report   *report
	root     string // of the repository
	programs string // folder with the programs
	folder   string // for what the administrator has: service key, binding, setup's folders
	stand    *local.Stand
	scenario *local.Scenario
	cluster  *cluster.Cluster
	dead     *deadLetters
	times    manifest.Times
}

// newStage starts the stand-in and sets it up.
func newStage(ctx context.Context, root, programs string, r *report) (s *stage, err error) {
	s = &stage{report: r, dead: newDeadLetters()}
	if s.root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	if s.programs, err = filepath.Abs(programs); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "trustbridge-knative"); err != nil {
		return nil, err
	}
	if s.stand, err = local.Start(ctx, local.Config{}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.scenario, err = s.stand.SetUp(btp.Leaf{Bits: 2048}, local.Lambda{Handler: price}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	r.step("the stand-in of SAP BTP and AWS is set up")
	return s, nil
}

// close ends everything and removes the administrator's folder.
func (s *stage) close() error {
	var err error
	if s.cluster != nil {
		err = s.cluster.Stop()
	}
	if s.stand != nil {
		err = errors.Join(err, s.stand.Close())
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// price is the Lambda function of the example: it answers an order with an event.
func price(_ context.Context, payload []byte) ([]byte, error) {
	var order struct{ ID string }
	if err := json.Unmarshal(payload, &order); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"specversion": "1.0", "id": "priced-" + order.ID, "source": "/pricing", "type": answerType, "data": map[string]any{"total": 7.10},
	})
}

// setup runs trustbridge setup twice, with a mounted binding and with a service key, and fills in what the scripts of its folder
// would. It returns the ConfigMaps; that of invoke-lambda is of the second run.
func (s *stage) setup(ctx context.Context) ([]byte, error) {
	program := filepath.Join(s.folder, "trustbridge")
	if err := s.run(ctx, nil, s.goEnvironment(), "go", "build", "-o", program, "./cmd/trustbridge"); err != nil {
		return nil, err
	}
	binding, err := s.stand.BTP.Bind(btp.BindingOptions{Name: "destination", X509: true})
	if err != nil {
		return nil, err
	}
	bindings := filepath.Join(s.folder, "bindings")
	if _, err := binding.Write(bindings, btp.MetadataFiles, s.stand.BTPURL()); err != nil {
		return nil, err
	}
	ca := filepath.Join(s.folder, "ca.pem")
	if err := errors.Join(os.WriteFile(ca, s.stand.CA(), 0o600), s.scenario.WriteServiceKey(s.folder)); err != nil {
		return nil, err
	}
	chain := s.scenario.Material.Chain
	var text []byte
	for _, from := range [][]string{{"--service-binding-root", bindings}, {"--service-key", filepath.Join(s.folder, "service-key.json")}} {
		folder := filepath.Join(s.folder, "setup"+from[0])
		args := append([]string{
			"setup", "--destination", local.DestinationName, "--accept-root", local.Fingerprint(chain[len(chain)-1]),
			"--lambda", "orders", "--folder", folder,
		}, from...)
		if err := s.run(ctx, nil, []string{"SSL_CERT_FILE=" + ca}, program, args...); err != nil {
			return nil, err
		}
		for _, function := range local.Functions() {
			if (function == "invoke-lambda") != (from[0] == "--service-key") {
				continue
			}
			one, err := os.ReadFile(filepath.Join(folder, "knative", function+".yaml")) //nolint:gosec // setup's
			if err != nil {
				return nil, err
			}
			text = fmt.Appendf(text, "%s---\n", s.fill(one))
		}
	}
	s.report.step("trustbridge setup has written the functions' environments, from a mounted binding and from a service key")
	return text, nil
}

// fill puts what the stand-in has into a ConfigMap's places, as setup's scripts do, and adds where the stand-in is: nothing else.
func (s *stage) fill(configMap []byte) string {
	c := s.scenario
	var out strings.Builder
	out.WriteString(strings.NewReplacer(
		"@TrustAnchorArn@", c.TrustAnchorARN, "@ProfileArn@", c.ProfileARN,
		"@PublishSnsRoleArn@", c.RoleARN, "@StoreDynamodbRoleArn@", c.StoreRoleARN, "@InvokeLambdaRoleArn@", c.InvokeRoleARN,
		"@TopicArn@", c.TopicARN, "@TableName@", "orders", "@FunctionArn@", c.FunctionARN+":live",
	).Replace(string(configMap)))
	for _, line := range [][2]string{
		{"AWS_ENDPOINT_URL", s.stand.AWSURL()}, {"AWS_CA_BUNDLE", "/etc/trustbridge/ca.pem"}, {"SSL_CERT_FILE", "/etc/trustbridge/ca.pem"},
	} {
		fmt.Fprintf(&out, "  %s: %q\n", line[0], line[1])
	}
	return out.String()
}

// deploy does what the README says, from setup on, and waits until Knative calls everything ready.
func (s *stage) deploy(ctx context.Context) error {
	configMaps, err := s.setup(ctx)
	if err != nil {
		return err
	}
	if err := s.cluster.Serve(ctx, "dead-letter."+ns, s.dead); err != nil {
		return err
	}
	kubectl := func(stdin []byte, args ...string) error {
		s.report.command("kubectl " + strings.NewReplacer(s.folder+"/", "", s.root+"/", "").Replace(strings.Join(args, " ")))
		_, err := s.cluster.Kubectl(ctx, bytes.NewReader(stdin), args...)
		return err
	}
	if err := kubectl(nil, "apply", "-f", filepath.Join(s.root, "deploy/knative/base/namespace.yaml")); err != nil {
		return err
	}
	if err := kubectl(nil, "-n", ns, "create", "secret", "generic", "trustbridge-binding", "--from-file="+filepath.Join(s.folder, "bindings/destination")); err != nil {
		return err
	}
	if err := kubectl(nil, "-n", ns, "create", "secret", "generic", "trustbridge",
		"--from-file="+filepath.Join(s.folder, "service-key.json"), "--from-file="+filepath.Join(s.folder, "ca.pem")); err != nil {
		return err
	}
	if err := kubectl(configMaps, "-n", ns, "apply", "-f", "-"); err != nil {
		return err
	}
	resolved, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	s.refusals(ctx, resolved)
	if _, err := s.cluster.Kubectl(ctx, bytes.NewReader(resolved), "apply", "-f", "-"); err != nil {
		return err
	}
	for _, kind := range []string{"ksvc", "broker.eventing.knative.dev", "trigger.eventing.knative.dev"} {
		if err := kubectl(nil, "-n", ns, "wait", "--for=condition=Ready", "--timeout=90s", "--all", kind); err != nil {
			return err
		}
	}
	s.report.step("functions, Broker and Triggers are ready")
	return s.pods(ctx)
}

// resolve renders the example by kubectl and has ko build its images and put their digests in.
func (s *stage) resolve(ctx context.Context) ([]byte, error) {
	s.report.command("kubectl kustomize " + example + " | ko resolve -f - | kubectl apply -f -")
	rendered, err := s.cluster.Kubectl(ctx, nil, "kustomize", filepath.Join(s.root, example))
	if err != nil {
		return nil, err
	}
	// Without SBOMs, and for this machine's processor alone: make images does all of it.
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs, "ko"), "resolve", "--base-import-paths", "--sbom=none", "--platform=linux/"+runtime.GOARCH, "-f", "-") //nolint:gosec // built by the target
	cmd.Dir, cmd.Stdin = s.root, bytes.NewReader(rendered)
	cmd.Env = append(os.Environ(), s.goEnvironment()...)
	cmd.Env = append(cmd.Env, "KO_DOCKER_REPO="+s.cluster.Registry(), "KO_DEFAULTBASEIMAGE="+s.cluster.Base())
	var said bytes.Buffer
	cmd.Stderr = &said
	resolved, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ko resolve: %w: %s", err, said.Bytes())
	}
	objects, err := manifest.Split(resolved)
	if err != nil {
		return nil, err
	}
	if wrong := append(manifest.Unresolved(objects), manifest.Problems(objects)...); wrong != nil {
		return nil, fmt.Errorf("what ko made of the example: %s", strings.Join(wrong, "; "))
	}
	s.times = manifest.TimesOf(objects, "publish-sns")
	return resolved, nil
}

// goEnvironment is what our own programs are built with, as the Makefile does; the flags for Knative's are not for them.
func (s *stage) goEnvironment() []string {
	return []string{"GOFLAGS=-buildvcs=false -trimpath", "CGO_ENABLED=0"}
}

// run runs a program in the repository.
func (s *stage) run(ctx context.Context, stdin []byte, environment []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own
	cmd.Dir, cmd.Stdin, cmd.Env = s.root, bytes.NewReader(stdin), append(os.Environ(), environment...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return nil
}
