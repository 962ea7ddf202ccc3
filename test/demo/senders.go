package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"

	deploy "github.com/trustbridge/trustbridge/deploy/btp"
	"github.com/trustbridge/trustbridge/test/local/btp/senders"
)

// Who sends, to functions that ask for it. A throw-away password.
const user, password = "sap", "a throw-away password" //nolint:gosec // it opens nothing but the demo

// deliver lets each of SAP's senders deliver, configured from deploy/btp: Kyma to publish-sns as it is, since it sends within the
// cluster; Event Mesh, with its handshake, and Advanced Event Mesh to one that asks for a password; and Event Hub, which wants
// 200, to one behind a gateway.
func (d *demo) deliver(ctx context.Context) error {
	users, err := d.writeUsers()
	if err != nil {
		return err
	}
	addresses := map[string]string{senders.Kyma: strings.Trim(strings.TrimPrefix(d.url["publish-sns"], "http://"), "/")}
	for _, f := range []struct {
		settings []string
		senders  []string
	}{
		{[]string{"AUTH=basic", "AUTH_BASIC_USERS_PATH=" + users, "WEBHOOK_ORIGINS=eventmesh.standin.example"}, []string{senders.EventMesh, senders.CAP, senders.AdvancedEventMesh}},
		{[]string{"AUTH=none", "SUCCESS_STATUS=200"}, []string{senders.EventHub}},
	} {
		if _, _, _, err := d.startFunction(ctx, "publish-sns", f.settings...); err != nil {
			return err
		}
		for _, name := range f.senders {
			addresses[name] = d.address
		}
	}
	d.say("\nSAP's senders, configured by the files of deploy/btp", "")
	d.sent = nil
	for _, name := range []string{senders.EventMesh, senders.CAP, senders.AdvancedEventMesh, senders.EventHub, senders.Kyma} {
		if err := d.deliverBy(ctx, name, addresses[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return d.readQueue(ctx, false)
}

// writeUsers writes the file of users that may send.
func (d *demo) writeUsers() (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.folder, "users")
	return path, os.WriteFile(path, []byte(user+":"+string(hash)+"\n"), 0o600)
}

// deliverBy has one sender deliver an event to the function at address.
func (d *demo) deliverBy(ctx context.Context, name, address string) error {
	all, err := senders.Every(deploy.Files, user, password, senders.Options{Client: reaching(address)})
	if err != nil {
		return err
	}
	id := "of-" + strings.ToLower(strings.ReplaceAll(name, " ", "-"))
	report, err := all[name].Deliver(ctx, senders.Event{
		ID: id, Source: "/default/sap.s4.beh/TB1CLNT200", Type: "sap.s4.beh.salesorder.v1.SalesOrder.Changed.v1",
		Data: json.RawMessage(`{"SalesOrder":"7000412"}`),
	})
	if err != nil {
		return err
	}
	delivery := report.Deliveries[0]
	if delivery.Outcome != senders.Delivered {
		return fmt.Errorf("the event was not delivered: %v: %s", delivery.Outcome, delivery.Reason)
	}
	last := delivery.Attempts[len(delivery.Attempts)-1]
	what := map[string]string{
		senders.EventMesh: "after its handshake, with a password", senders.CAP: "after its handshake, with a password",
		senders.AdvancedEventMesh: "with a password", senders.EventHub: "binary, with SUCCESS_STATUS=200", senders.Kyma: "binary, within the cluster",
	}[name]
	d.say(fmt.Sprintf("     %-20s %s: %d", name, what, last.Status), milliseconds(last.Duration))
	d.sent = append(d.sent, id)
	return nil
}

// reaching is a client for which every host is the function at address: a gateway ends the senders' TLS before it.
func reaching(address string) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}}
}
