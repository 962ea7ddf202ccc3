package manifest

import (
	"strings"
	"testing"
)

// A breakage is a change of one of the shipped files that makes one fault.
type breakage struct {
	file     string // below deploy/knative
	from, to string // the first occurrence is changed
	want     string // what the one line of Check must hold
}

const (
	functionFile = "/base/publish-sns.yaml"
	brokerFile   = "/base/broker.yaml"
	exampleFile  = "/overlays/example/kustomization.yaml"
	filterFile   = "/overlays/example/filters.yaml"

	filtered = "metadata:\n  name: publish-sns\nspec:\n  filters:\n  - prefix:\n      type: sap.s4.beh.salesorder.\n"
)

// refusedByKnative are refused by kustomize's, Kubernetes' or Knative's own code.
func refusedByKnative() map[string]breakage {
	return map[string]breakage{
		"typo in a kustomization":                                {exampleFile, "\nresources:\n", "\nresource:\n", `unknown field "resource"`},
		"file that is not there":                                 {exampleFile, "- replies.yaml", "- reply.yaml", "'/overlays/example/reply.yaml' doesn't exist"},
		"patch of an object that is not":                         {filterFile, "name: store-dynamodb", "name: store-dynamo", "no resource matches strategic merge patch"},
		"typo in a field of a Service":                           {functionFile, "timeoutSeconds: 90", "timeoutSecond: 90", `unknown field "timeoutSecond"`},
		"typo in a field of a container":                         {functionFile, "readinessProbe:", "readynessProbe:", `unknown field "readynessProbe"`},
		"typo in a field of a Trigger":                           {functionFile, "  subscriber:", "  subscribers:", `unknown field "subscribers"`},
		"typo in a field of a Broker":                            {brokerFile, "deadLetterSink:", "deadletterSinks:", `unknown field "deadletterSinks"`},
		"typo in a field of a dead letter":                       {"/overlays/example/dead-letter.yaml", "targetPort:", "targetport_:", `unknown field "targetport_"`},
		"wrong port: one of queue-proxy's":                       {functionFile, "- containerPort: 8080", "- containerPort: 8022", "8022 is a reserved port"},
		"wrong port: none at all":                                {functionFile, "- containerPort: 8080", "- containerPort: 80800", "expected 0 <= 80800 <= 65535"},
		"two ports":                                              {functionFile, "- containerPort: 8080", "- containerPort: 8080\n        - containerPort: 8081", "more than one container port is set"},
		"port with a name of its own":                            {functionFile, "- containerPort: 8080", "- containerPort: 8080\n          name: web", "Port name web is not allowed"},
		"PORT set by hand":                                       {functionFile, "- name: AUTH\n          value: none", "- name: AUTH\n          value: none\n        - name: PORT\n          value: \"8080\"", `"PORT" is a reserved environment variable`},
		"timeoutSeconds of 900":                                  {functionFile, "timeoutSeconds: 90", "timeoutSeconds: 900", "expected 0 <= 900 <= 600"},
		"preStop hook of our own":                                {functionFile, "readinessProbe:", "lifecycle:\n          preStop:\n            sleep:\n              seconds: 3\n        readinessProbe:", "must not set the field(s): spec.template.spec.containers[0].lifecycle"},
		"host network":                                           {functionFile, "enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true", "must not set the field(s): spec.template.spec.hostNetwork"},
		"token of the ServiceAccount":                            {functionFile, "enableServiceLinks: false", "enableServiceLinks: false\n      automountServiceAccountToken: true", "must not set the field(s): spec.template.spec.automountServiceAccountToken"},
		"image that does not parse":                              {functionFile, "functions/publish-sns\n        ports", "functions/Publish SNS\n        ports", "Failed to parse image reference"},
		"annotation Knative refuses: a word":                     {functionFile, `min-scale: "1"`, `min-scale: one`, "invalid value: one: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"},
		"annotation Knative refuses: more at least than at most": {functionFile, `min-scale: "1"`, `min-scale: "9"`, "max-scale=5 is less than min-scale=9"},
		"annotation Knative refuses: on the Service itself":      {functionFile, "  labels:\n", "  annotations:\n    autoscaling.knative.dev/max-scale: \"5\"\n  labels:\n", "autoscaling annotations must be put under"},
		"volume that nobody has":                                 {functionFile, "- name: binding\n          mountPath", "- name: bindings\n          mountPath", "volumeMount has no matching volume"},
		"CESQL that does not parse":                              {filterFile, "type = 'sap", "type = = 'sap", "invalid value: type = = 'sap.s4.beh.salesorder.v1.SalesOrder.Created.v1'"},
		"attribute in upper case":                                {filterFile, "  - prefix:\n      type:", "  - prefix:\n      Type:", `invalid key name "Type"`},
		"timeout not in ISO 8601":                                {brokerFile, "timeout: PT30S", "timeout: 30s", "invalid value: 30s: spec.delivery.timeout"},
		"backoff of an unknown policy":                           {brokerFile, "backoffPolicy: exponential", "backoffPolicy: doubling", "invalid value: doubling: spec.delivery.backoffPolicy"},
		"negative retry":                                         {brokerFile, "retry: 10", "retry: -1", "invalid value: -1: spec.delivery.retry"},
		"retryAfterMax without its feature":                      {brokerFile, "retry: 10", "retry: 10\n    retryAfterMax: PT60S", "must not set the field(s): spec.delivery.retryAfterMax"},
		"no subscriber":                                          {"/overlays/example/replies.yaml", "  subscriber:\n    ref:\n      apiVersion: serving.knative.dev/v1\n      kind: Service\n      name: store-dynamodb\n", "", "expected at least one, got none: spec.subscriber.ref, spec.subscriber.uri"},
	}
}

// takenByKnative are admitted without a word, and found by Problems.
func takenByKnative() map[string]breakage {
	return map[string]breakage{
		"probe on another port":                {functionFile, "            path: /readyz\n", "            path: /readyz\n            port: 9000\n", "readinessProbe asks port 9000, which is not the container's"},
		"probe of another path":                {functionFile, "path: /healthz", "path: /health", "livenessProbe asks /health, want /healthz"},
		"probe by TCP":                         {functionFile, "          httpGet:\n            path: /readyz\n", "          tcpSocket: {}\n", "readinessProbe is no httpGet"},
		"misspelt annotation":                  {functionFile, "autoscaling.knative.dev/min-scale:", "autoscaling.knative.dev/minimum-scale:", "annotation autoscaling.knative.dev/minimum-scale is not known here"},
		"misspelt annotation, another group":   {functionFile, "autoscaling.knative.dev/min-scale:", "autoscale.knative.dev/min-scale:", "annotation autoscale.knative.dev/min-scale is not known here"},
		"wrong label value":                    {functionFile, "visibility: cluster-local", "visibility: cluster_local", `label networking.knative.dev/visibility is "cluster_local"`},
		"misspelt label":                       {functionFile, "networking.knative.dev/visibility:", "networking.knative.dev/visible:", `label networking.knative.dev/visibility is ""`},
		"scale to zero":                        {functionFile, `min-scale: "1"`, `min-scale: "0"`, "min-scale does not keep a replica"},
		"no bound of replicas":                 {functionFile, `autoscaling.knative.dev/max-scale: "5"`, "", "max-scale sets no bound"},
		"image of no function":                 {functionFile, "functions/publish-sns\n        ports", "functions/publish-sms\n        ports", "names no function"},
		"image of another module":              {functionFile, "ko://github.com/trustbridge/trustbridge", "ko://github.com/example/trustbridge", "is none of ours"},
		"queue before the function":            {functionFile, "containerConcurrency: 0", "containerConcurrency: 10", "containerConcurrency is not 0"},
		"service links":                        {functionFile, "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks is not false"},
		"account of somebody else":             {functionFile, "serviceAccountName: trustbridge", "serviceAccountName: default", `serviceAccountName "default" is none of these manifests'`},
		"limit of the processor":               {functionFile, "limits:\n", "limits:\n            cpu: 100m\n", "there is a limit of the processor"},
		"no limit of memory":                   {functionFile, "          limits:\n            memory: 256Mi\n", "", "there is no limit of memory"},
		"root file system that can be written": {functionFile, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "securityContext allows more"},
		"root user":                            {functionFile, "runAsNonRoot: true", "runAsNonRoot: false", "securityContext allows more"},
		"binding by subPath":                   {functionFile, "mountPath: /bindings/destination\n", "mountPath: /bindings/destination\n          subPath: uri\n", "so a rotated Secret never arrives"},
		"binding where nobody looks":           {functionFile, "mountPath: /bindings/destination\n", "mountPath: /binding/destination\n", `SERVICE_BINDING_ROOT is "/bindings", but nothing is mounted one folder below it`},
		"binding from a ConfigMap":             {functionFile, "secret:\n          secretName: trustbridge-binding\n", "configMap:\n          name: trustbridge-binding\n", "volume binding is no Secret"},
		"passwords that the Broker lacks":      {functionFile, "- name: AUTH\n          value: none", "- name: AUTH\n          value: basic", `AUTH is "basic"`},
		"time that is none":                    {functionFile, "value: 25s", "value: PT25S", `REQUEST_TIMEOUT is "PT25S", want a time`},
		"request longer than the quiet":        {functionFile, "value: 25s", "value: 28500ms", "GRACE 30s does not fit REQUEST_TIMEOUT 28.5s and 2s to end"},
		"request longer than a delivery":       {brokerFile, "timeout: PT30S", "timeout: PT20S", "REQUEST_TIMEOUT 25s is not below the Broker's timeout 20s"},
		"delivery longer than Serving waits":   {brokerFile, "timeout: PT30S", "timeout: PT90S", "timeoutSeconds 1m30s is not above the Broker's timeout 1m30s"},
		"drain that nobody needs":              {functionFile, "value: 0s", "value: 3s", "DRAIN_DELAY is 3s"},
		"grace that the pod does not have":     {functionFile, "value: 30s", "value: 65s", "timeoutSeconds 1m30s does not fit 30s of quiet and GRACE 1m5s"},
		"no retry":                             {brokerFile, "    retry: 10\n", "", "retry is not set"},
		"linear backoff":                       {brokerFile, "backoffPolicy: exponential", "backoffPolicy: linear", "are no exponential backoff"},
		"no dead letters":                      {brokerFile, "    deadLetterSink:\n      ref:\n        apiVersion: v1\n        kind: Service\n        name: dead-letter\n", "", "deadLetterSink names nothing by ref"},
		"dead letters to nobody":               {exampleFile, "- dead-letter.yaml\n", "", "deadLetterSink Service dead-letter is none of these manifests'"},
		"delivery of a Trigger's own":          {filterFile, filtered, filtered + "  delivery:\n    timeout: PT5S\n", "it has a delivery of its own"},
		"no filters":                           {filterFile, filtered, strings.Replace(filtered, "filters:\n  - prefix:\n      type: sap.s4.beh.salesorder.\n", "filters: []\n", 1), "it has no filters"},
		"subscriber by address":                {"/overlays/example/replies.yaml", "    ref:\n      apiVersion: serving.knative.dev/v1\n      kind: Service\n      name: store-dynamodb\n", "    uri: http://store-dynamodb\n", "subscriber is no ref"},
		"subscriber that is not there":         {"/overlays/example/replies.yaml", "name: store-dynamodb", "name: store-dynamo", "subscriber is no ref"},
		"broker that is not there":             {"/overlays/example/replies.yaml", "broker: default", "broker: defaults", "broker defaults is none of these manifests'"},
	}
}

// TestBrokenManifestIsCaught makes one fault at a time in what is shipped, and wants it found, and nothing else with it.
func TestBrokenManifestIsCaught(t *testing.T) {
	for by, table := range map[string]map[string]breakage{"Knative": refusedByKnative(), "us": takenByKnative()} {
		for name, b := range table {
			t.Run(by+"/"+name, func(t *testing.T) {
				files := load(t)
				text, err := files.ReadFile(b.file)
				if err != nil {
					t.Fatal(err)
				}
				broken := strings.Replace(string(text), b.from, b.to, 1)
				if broken == string(text) {
					t.Fatalf("%s has no %q to break", b.file, b.from)
				}
				if err := files.WriteFile(b.file, []byte(broken)); err != nil {
					t.Fatal(err)
				}
				found := Check(files, example)
				for _, line := range found {
					if !strings.Contains(line, b.want) {
						t.Errorf("Check() = %q, want %q alone", line, b.want)
					}
				}
				if len(found) != 1 && (b.file != brokerFile || len(found) != 3) { // a Broker's fault may be one of each function
					t.Errorf("Check() has %d lines, want one with %q", len(found), b.want)
				}
				if by == "Knative" {
					return
				}
				for _, o := range objects(t, files, example) {
					if err := Admit(o); err != nil {
						t.Errorf("Admit(%s) = %v; Knative refuses it itself now, so the row belongs to the other table", o, err)
					}
				}
			})
		}
	}
}

// TestUnresolvedImageIsCaught forgets ko resolve. Knative admits it, and then the revision cannot start.
func TestUnresolvedImageIsCaught(t *testing.T) {
	all := objects(t, load(t), example)
	for _, o := range all {
		if err := Admit(o); err != nil {
			t.Errorf("Admit(%s) = %v; Knative refuses it itself now", o, err)
		}
	}
	found := Unresolved(all)
	if len(found) != 3 || !strings.Contains(strings.Join(found, "\n"), "Service publish-sns: image ko://github.com/trustbridge/trustbridge/functions/publish-sns is for ko") {
		t.Errorf("Unresolved() = %q, want the three functions", found)
	}
}
