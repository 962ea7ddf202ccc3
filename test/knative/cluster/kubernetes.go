package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfig is a kubeconfig file for an API server at an address and a token.
const kubeconfig = `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
"clusters": [{"name": "c", "cluster": {"server": "https://%s", "insecure-skip-tls-verify": true}}],
"users": [{"name": "u", "user": {"token": %q}}],
"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}]}`

// users are who may ask the API server, by the file of their kubeconfig: the administrator, and Knative's controllers under the
// names by which Knative's webhooks know them.
func users() map[string]string {
	return map[string]string{
		"kubeconfig":          "admin",
		"kubeconfig-eventing": "system:serviceaccount:knative-eventing:eventing-controller",
		"kubeconfig-serving":  "system:serviceaccount:knative-serving:controller",
	}
}

// startKubernetes starts etcd and the API server and returns the latter's address.
func (c *Cluster) startKubernetes(ctx context.Context) (string, error) {
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return "", err
	}
	api := "127.0.0.1:" + ports[0]
	if err := c.writeCredentials(api); err != nil {
		return "", err
	}
	client, peer := "http://127.0.0.1:"+ports[1], "http://127.0.0.1:"+ports[2]
	etcd, err := c.spawn(c.host, "etcd", exec.Command(filepath.Join(c.config.Programs, "server"), //nolint:gosec,noctx // ends by Stop
		"--data-dir", c.file("etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer))
	if err != nil {
		return "", err
	}
	server, err := c.spawn(c.host, "kube-apiserver", exec.Command(filepath.Join(c.config.Programs, "kube-apiserver"), //nolint:gosec,noctx // ends by Stop
		"--etcd-servers", client, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", ports[0], "--cert-dir", c.file("certs"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--endpoint-reconciler-type", "none",
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", c.file("accounts.key"), "--service-account-signing-key-file", c.file("accounts.key"),
		"--token-auth-file", c.file("tokens"), "--authorization-mode", "RBAC",
		"--disable-admission-plugins", "ServiceAccount")) // it asks for default accounts, which nobody makes here
	if err != nil {
		return "", err
	}
	config, err := c.clientConfig()
	if err != nil {
		return "", err
	}
	h, err := rest.HTTPClientFor(config)
	if err != nil {
		return "", err
	}
	return api, wait(ctx, "the API server", time.Minute, func() bool {
		status, err := get(ctx, h, "https://"+api+"/readyz")
		return err == nil && status == http.StatusOK
	}, etcd, server)
}

// writeCredentials writes the users' tokens, their kubeconfig files, and the key that signs tokens of service accounts.
func (c *Cluster) writeCredentials(api string) error {
	var tokens strings.Builder
	for file, user := range users() {
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,system:masters\n", token, user, file)
		if err := os.WriteFile(c.file(file), fmt.Appendf(nil, kubeconfig, api, token), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.file("tokens"), []byte(tokens.String()), 0o600); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return os.WriteFile(c.file("accounts.key"), block, 0o600)
}

// clientConfig is how our own clients reach the API server: as the administrator, as fast as they like.
func (c *Cluster) clientConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.file("kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}
