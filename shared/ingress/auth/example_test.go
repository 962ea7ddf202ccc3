package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/shared/ingress/auth"
)

// accepting is a Forwarder that accepts everything.
type accepting struct{}

func (accepting) Forward(_ context.Context, events []event.Event, _ string) []error {
	return make([]error, len(events))
}

func Example() {
	folder, err := os.MkdirTemp("", "auth")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "users") // by: htpasswd -nbB -C 5 eventmesh 'U*U'
	users := "eventmesh:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"
	if err := os.WriteFile(path, []byte(users), 0o600); err != nil {
		panic(err)
	}
	basic, err := auth.NewBasic(auth.BasicConfig{UsersPath: path})
	if err != nil {
		panic(err)
	}
	handler := ingress.New(ingress.Config{Forwarder: accepting{}, Authenticator: basic})

	for _, password := range []string{"guess", "U*U"} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", nil)
		for name, value := range map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/nordwind", "Ce-Type": "order.created.v1"} {
			r.Header.Set(name, value)
		}
		r.SetBasicAuth("eventmesh", password)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Basic realm="trustbridge", charset="UTF-8"
	// 204
}
