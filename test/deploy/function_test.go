package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/crypto/bcrypt"
	"sigs.k8s.io/yaml"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/btp"
	"github.com/trustbridge/trustbridge/test/local/btp/senders"
)

// stage is the stand-in, set up.
type stage struct {
	*local.Scenario
	stand *local.Stand
	ca    string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	stand, err := local.Start(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	s := &stage{stand: stand, ca: filepath.Join(t.TempDir(), "ca.pem")}
	if s.Scenario, err = stand.SetUp(btp.Leaf{Bits: 2048}, local.Lambda{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.ca, stand.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// outputs are what the scripts of trustbridge setup put in the place of @Key@, and in outputs.tsv.
func (s *stage) outputs() map[string]string {
	return map[string]string{
		"TrustAnchorArn": s.TrustAnchorARN, "ProfileArn": s.ProfileARN, "PublishSnsRoleArn": s.RoleARN, "StoreDynamodbRoleArn": s.StoreRoleARN,
		"InvokeLambdaRoleArn": s.InvokeRoleARN, "TopicArn": s.TopicARN, "TableName": s.TableARN, "FunctionArn": s.FunctionARN + ":live",
	}
}

// configMap is the file of a function that trustbridge setup writes, as its own tests hold it, after its script filled it in.
func (s *stage) configMap(t *testing.T, function string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../cmd/trustbridge/internal/plan/testdata/full/knative/" + function + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range s.outputs() {
		text = []byte(strings.ReplaceAll(string(text), "@"+key+"@", value))
	}
	var out struct {
		head `json:",inline"`
		Data map[string]string `json:"data"`
	}
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		t.Fatal(err)
	}
	if out.Name != "trustbridge-"+function {
		t.Errorf("trustbridge setup calls the ConfigMap %s", out.Name)
	}
	delete(out.Data, "DESTINATION_KEY_PATH") // of setup --csr; this certificate comes with its key
	return out.Data
}

// here adds what makes a function reach the stand-in, and changes paths in volumes to those of this machine.
func (s *stage) here(environment map[string]string, volumes map[string]string) map[string]string {
	maps.Copy(environment, map[string]string{"ADDRESS": "127.0.0.1", "PORT": "0", "SSL_CERT_FILE": s.ca, "AWS_CA_BUNDLE": s.ca, "AWS_ENDPOINT_URL": s.stand.AWSURL()})
	for name, value := range environment {
		for mounted, at := range volumes {
			if value == mounted || strings.HasPrefix(value, mounted+"/") {
				environment[name] = at + strings.TrimPrefix(value, mounted)
			}
		}
	}
	return environment
}

// arrived are the ids of the events that a function's far end holds.
func (s *stage) arrived(t *testing.T, function string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	switch function {
	case "publish-sns":
		for _, m := range s.stand.AWS.Messages(s.QueueARN) {
			ids[m.Attributes["ce-id"].Value] = true
		}
	case "store-dynamodb":
		for _, item := range s.stand.AWS.Items(s.TableARN) {
			ids[item["id"].Text] = true
		}
	case "invoke-lambda":
		for _, run := range s.stand.AWS.Invocations(s.FunctionARN) {
			var event struct{ ID string }
			if err := json.Unmarshal(run.Payload, &event); err != nil {
				t.Errorf("the Lambda function got %s: %v", run.Payload, err)
			}
			ids[event.ID] = true
		}
	}
	return ids
}

// wantArrived waits until the far end holds the ids.
func (s *stage) wantArrived(t *testing.T, function string, ids ...string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		missing, held := "", s.arrived(t, function)
		for _, id := range ids {
			if !held[id] {
				missing = id
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: event %s is not at the far end", function, missing)
		}
	}
}

// TestKymaDeliversThroughWhatWeShip starts each function with the environment of its Deployment and the ConfigMap that setup
// makes, the binding mounted as the operator's Secret, and has Kyma deliver by the Subscription.
func TestKymaDeliversThroughWhatWeShip(t *testing.T) {
	s, f := newStage(t), theFacts(t)
	c, err := ReadKyma(os.DirFS("../../deploy/kyma"), "base")
	if err != nil {
		t.Fatal(err)
	}
	for _, function := range Functions() {
		t.Run(function, func(t *testing.T) {
			pod := c.Deployments[function].Spec.Template.Spec
			given := Given(pod.Containers[0])
			root := t.TempDir()
			for _, m := range pod.Containers[0].VolumeMounts {
				if path.Dir(m.MountPath) != given["SERVICE_BINDING_ROOT"] {
					continue
				}
				b, err := s.stand.BTP.Bind(btp.BindingOptions{Name: path.Base(m.MountPath), X509: true})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.Mount(root, btp.MetadataFiles, s.stand.BTPURL()); err != nil {
					t.Fatal(err)
				}
			}
			environment := s.configMap(t, function)
			maps.Copy(environment, given)
			p := start(t, function, s.here(environment, map[string]string{given["SERVICE_BINDING_ROOT"]: root}))

			sender := s.kyma(t, c.Subscriptions[function], c.Services[function].Name+"."+c.Services[function].Namespace+".svc.cluster.local:80", p.url)
			var events []senders.Event
			var ids []string
			for i := range 20 {
				id := fmt.Sprintf("%s-%d", function, i)
				ids = append(ids, id)
				events = append(events, senders.Event{ID: id, Source: c.Subscriptions[function].Spec.Source, Type: c.Subscriptions[function].Spec.Types[0], Data: json.RawMessage(`{"order":7}`)})
			}
			report, err := sender.Deliver(t.Context(), events...)
			if err != nil || report.Count(senders.Delivered) != len(events) {
				t.Fatalf("%d of %d delivered, %v: %+v\n%s", report.Count(senders.Delivered), len(events), err, report.Deliveries[0], p.said())
			}
			s.wantArrived(t, function, ids...)
			if strings.Contains(p.said(), "misspelt") {
				t.Errorf("the function warns:\n%s", p.said())
			}
			p.end(t, f.duration(function, given, "GRACE"))
		})
	}
}

// kyma is the sender of a Subscription; the one Service that it may call is the process.
func (s *stage) kyma(t *testing.T, subscription *Subscription, service, process string) *senders.Sender {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": subscription.APIVersion, "kind": subscription.Kind,
		"metadata": map[string]string{"name": subscription.Name, "namespace": subscription.Namespace},
		"spec": map[string]any{
			"typeMatching": subscription.Spec.TypeMatching, "source": subscription.Spec.Source, "types": subscription.Spec.Types,
			"sink": subscription.Spec.Sink, "config": subscription.Spec.Config,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	config, err := senders.LoadKyma(fstest.MapFS{"subscription.yaml": &fstest.MapFile{Data: text}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != service {
			return nil, fmt.Errorf("there is no service at %s", address)
		}
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(process, "http://"))
	}
	sender, err := senders.NewKyma(config, senders.Options{Client: &http.Client{Transport: &http.Transport{DialContext: dial}}})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// TestKymaWebhook starts publish-sns as each overlay says, the users mounted as their Secret: the handshake is granted to the
// origin that is filled in, and who may post is as the overlay says.
func TestKymaWebhook(t *testing.T) {
	s, users := newStage(t), writeUsers(t)
	for overlay, withoutPassword := range map[string]int{"overlays/webhook-jwt": http.StatusNoContent, "overlays/webhook-basic": http.StatusUnauthorized} {
		t.Run(path.Base(overlay), func(t *testing.T) {
			c, err := ReadKyma(os.DirFS("../../deploy/kyma"), overlay)
			if err != nil {
				t.Fatal(err)
			}
			one := c.Deployments["publish-sns"].Spec.Template.Spec.Containers[0]
			given := Given(one)
			given["WEBHOOK_ORIGINS"] = strings.ReplaceAll(given["WEBHOOK_ORIGINS"], "<your event mesh host>", "mesh.example.com")
			root, volumes := t.TempDir(), map[string]string{}
			volumes[given["SERVICE_BINDING_ROOT"]] = root
			for _, m := range one.VolumeMounts {
				if m.Name == "users" {
					volumes[m.MountPath] = users
				}
			}
			b, err := s.stand.BTP.Bind(btp.BindingOptions{Name: path.Base(overlay), X509: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Mount(root, btp.MetadataFiles, s.stand.BTPURL()); err != nil {
				t.Fatal(err)
			}
			environment := s.configMap(t, "publish-sns")
			maps.Copy(environment, given)
			p := start(t, "publish-sns", s.here(environment, volumes))
			if status, body := answer(t, http.MethodOptions, p.url+c.Rules["publish-sns"].Spec.Rules[0].Path, "WebHook-Request-Origin", given["WEBHOOK_ORIGINS"]); status != http.StatusOK {
				t.Errorf("handshake: %d %s", status, body)
			}
			event := []string{"ce-specversion", "1.0", "ce-id", path.Base(overlay), "ce-source", "/shop", "ce-type", "order.received.v1"}
			if status, body := answer(t, http.MethodPost, p.url, event...); status != withoutPassword {
				t.Errorf("without a password: %d %s, want %d", status, body, withoutPassword)
			}
			if status, body := answer(t, http.MethodPost, p.url, append(event, "Authorization", authorization())...); status != http.StatusNoContent {
				t.Errorf("with a password: %d %s", status, body)
			}
			s.wantArrived(t, "publish-sns", path.Base(overlay))
		})
	}
}

// password is that of the user event-mesh.
const password = "a password of the test"

// writeUsers makes a folder with the file of users.
func writeUsers(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "users"), []byte("event-mesh:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// authorization is the header with the password.
func authorization() string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth("event-mesh", password)
	return r.Header.Get("Authorization")
}

// TestCloudFoundryRunsWhatWeShip starts each function as manifest.yml says, with the binding in VCAP_SERVICES and the users beside
// the program, and posts an event with and without the password.
func TestCloudFoundryRunsWhatWeShip(t *testing.T) {
	s := newStage(t)
	text, err := os.ReadFile(cloudFoundry)
	if err != nil {
		t.Fatal(err)
	}
	variables := s.outputs()
	variables["destination"], variables["webhook_origins"] = local.DestinationName, "mesh.example.com"
	m, err := ReadCloudFoundry(text, variables)
	if err != nil {
		t.Fatal(err)
	}
	users := writeUsers(t)
	for _, app := range m.Applications {
		t.Run(app.Name, func(t *testing.T) {
			b, err := s.stand.BTP.Bind(btp.BindingOptions{Name: app.Services[0].Name, X509: app.Services[0].Parameters.XSUAA.CredentialType == "x509"})
			if err != nil {
				t.Fatal(err)
			}
			environment := maps.Clone(app.Env)
			environment["VCAP_SERVICES"] = string(b.VCAPServices(s.stand.BTPURL()))
			p := start(t, app.Name, s.here(environment, map[string]string{home: users}))
			if status, body := answer(t, http.MethodGet, p.url+app.HealthCheckHTTPEndpoint); status != http.StatusOK {
				t.Errorf("health check: %d %s", status, body)
			}
			event := []string{"ce-specversion", "1.0", "ce-id", "cf-" + app.Name, "ce-source", "/shop", "ce-type", "order.received.v1"}
			if status, body := answer(t, http.MethodPost, p.url, event...); status != http.StatusUnauthorized {
				t.Errorf("without a password: %d %s", status, body)
			}
			if status, body := answer(t, http.MethodPost, p.url, append(event, "Authorization", authorization())...); status != http.StatusNoContent {
				t.Fatalf("with the password: %d %s\n%s", status, body, p.said())
			}
			s.wantArrived(t, app.Name, "cf-"+app.Name)
			if strings.Contains(p.said(), "misspelt") {
				t.Errorf("the function warns:\n%s", p.said())
			}
			p.end(t, killedAfter)
		})
	}
}
