package senders_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"

	deploy "github.com/trustbridge/trustbridge/deploy/btp"
	"github.com/trustbridge/trustbridge/test/local/btp/senders"
)

func Example() {
	function := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
	}))
	defer function.Close()
	files, err := fs.Sub(deploy.Files, "event-mesh")
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := senders.LoadEventMesh(files, "subscription.json", senders.Values{
		"your namespace": "nordwind/orders/1", "your topic filter": "+/+/+/ce/*", "your endpoint": function.URL,
		"your user": "sap", "your password": "secret",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sender, err := senders.NewEventMesh(config, senders.Options{Client: function.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := sender.Deliver(context.Background(), senders.Event{ID: "1", Source: "/nordwind/orders/1", Type: "Order.Submitted.v1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Subscription, report.Count(senders.Delivered), "delivered")
	// Output: trustbridge-orders 1 delivered
}
