package senders

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeCurl writes its method, its last argument and what it sends into a log, and answers requests for tokens.
const fakeCurl = `#!/bin/bash
method=GET; data=; config=
while [ $# -gt 1 ]; do
  case $1 in
    --request) method=$2; shift;;
    --data) data=$2; shift;;
    --config) config=$(cat "$2"); shift;;
    --header) shift;;
  esac
  shift
done
[ "$data" = "@-" ] && data=$(cat)
[ "${data:0:1}" = "@" ] && data="file ${data:1}"
echo "$method $1 | $data | $config" >>"$CURL_LOG"
case $1 in */oauth/token) echo '{"access_token":"good","expires_in":60}';; esac
`

// run runs create.sh of a folder as filled in, with a curl that only writes down, and returns what that wrote.
func run(t *testing.T, name, secret string, v Values, args ...string) string {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	for path, file := range shipped(t) {
		folder, file2, _ := strings.Cut(path, "/")
		if folder != name || file2 == "README.md" {
			continue
		}
		text := string(file.Data)
		for key, value := range v {
			text = strings.ReplaceAll(text, "<"+key+">", value)
		}
		if strings.Contains(text, "<your ") && strings.HasSuffix(file2, ".sh") {
			t.Errorf("%s has values that are not filled in", path)
		}
		if err := os.WriteFile(filepath.Join(dir, file2), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "curl"), []byte(fakeCurl), 0o700); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(bin, "log")
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(dir, "create.sh")}, args...)...)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "CURL_LOG=" + log}
	cmd.Stdin = strings.NewReader(secret + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("create.sh: %v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCreateEventMesh(t *testing.T) {
	v := valuesOf(map[string]string{
		"your management uri": "https://em.example/manage", "your messaging uri": "https://em.example/rest", "your token endpoint": "https://login.example/oauth/token",
		"your service key client id": "sb-em!b1|x",
	})
	for _, subscription := range []string{"subscription.json", "subscription-oauth2.json"} {
		got := run(t, "event-mesh", `s=&$+/%`, v, subscription)
		queues := "https://em.example/manage/hub/rest/api/v1/management/messaging/queues/nordwind%2Forders%2F1%2Ftrustbridge-orders"
		bearer := `header = "Authorization: Bearer good"`
		want := strings.Join([]string{
			"GET https://login.example/oauth/token | grant_type=client_credentials&client_id=sb-em%21b1%7Cx&client_secret=s%3D%26%24%2B%2F%25 | ",
			"PUT " + queues + " | file queue.json | " + bearer,
			"PUT " + queues + "/subscriptions/%2B%2F%2B%2F%2B%2Fce%2F* |  | " + bearer,
			"POST https://em.example/rest/messagingrest/v1/subscriptions | file " + subscription + " | " + bearer,
			"",
		}, "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("create.sh %s (-want +got):\n%s", subscription, diff)
		}
	}
}

func TestCreateAdvancedEventMesh(t *testing.T) {
	v := aemValues()
	v["your semp uri"], v["your message vpn"], v["your semp user"] = "https://aem.example:943/SEMP/v2/config", "orders-vpn", "admin"
	got := run(t, "advanced-event-mesh", "secret", v)
	vpn, user := "POST https://aem.example:943/SEMP/v2/config/msgVpns/orders-vpn/", ` | user = "admin:secret"`
	want := strings.Join([]string{
		vpn + "queues | file queue.json" + user,
		vpn + `queues/trustbridge-orders/subscriptions | {"subscriptionTopic":"default/*/*/ce/>"}` + user,
		vpn + "restDeliveryPoints | file rest-delivery-point.json" + user,
		vpn + "restDeliveryPoints/trustbridge/restConsumers | file rest-consumer.json" + user,
		vpn + "restDeliveryPoints/trustbridge/queueBindings | file queue-binding.json" + user,
		vpn + "restDeliveryPoints/trustbridge/queueBindings/trustbridge-orders/requestHeaders | file request-header.json" + user,
		"",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("create.sh (-want +got):\n%s", diff)
	}
}
