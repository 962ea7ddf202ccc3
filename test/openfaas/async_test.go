package openfaas

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/mux"
	bootstrap "github.com/openfaas/faas-provider"

	"github.com/trustbridge/trustbridge/test/local/aws"
)

// sentence is what README and stack.yml say to those who have Community Edition.
const sentence = "On Community Edition /async-function/ must not be used"

// holds wants a file to have that text, wherever its lines break.
func holds(t *testing.T, path, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(strings.NewReplacer("\n#", "\n", "`/async-function/`", "/async-function/").Replace(string(content))), " ")
	if !strings.Contains(flat, text) {
		t.Errorf("%s does not say %q", path, text)
	}
}

// queue is Community Edition's: it takes a request at once, and calls the function once, whatever it answers.
//
// Source: https://docs.openfaas.com/reference/async/, https://docs.openfaas.com/openfaas-pro/retries/ (retries are Pro's),
// https://github.com/openfaas/nats-queue-worker/blob/master/main.go (one call a message).
type queue struct {
	stage   *stage
	calls   sync.WaitGroup
	mu      sync.Mutex // guards answers
	answers []reply
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	header := map[string]string{}
	for name := range r.Header {
		header[name] = r.Header.Get(name)
	}
	ctx := context.WithoutCancel(r.Context())
	q.calls.Go(func() {
		answer, err := q.stage.try(ctx, http.MethodPost, "/function/"+mux.Vars(r)["name"], header, string(body))
		q.mu.Lock()
		defer q.mu.Unlock()
		if err == nil {
			q.answers = append(q.answers, answer)
		}
	})
	w.WriteHeader(http.StatusAccepted)
}

// async shows why the sentence is there: an event that the target could not take for a moment is lost, though its sender was
// told 202, where the sender of a synchronous one is told 503 and sends it again.
func (s *stage) async(t *testing.T) {
	for _, path := range []string{"stack.yml", "deploy/openfaas/README.md", "README.md"} {
		holds(t, path, sentence)
	}
	q := &queue{stage: s}
	bootstrap.Router().Handle("/async-function/{name}", q)
	outage, err := s.stand.AWS.Inject(aws.Fault{Service: "sns", Phase: aws.Before, Kind: aws.Drop})
	if err != nil {
		t.Fatal(err)
	}
	lost, kept := forms("async")[0], forms("sync")[0]
	if r := s.send(t, "/async-function/publish-sns", lost.header, lost.body); r.status != http.StatusAccepted {
		t.Errorf("answer of the queue = %v, want 202", r)
	}
	r := s.send(t, "/function/publish-sns", kept.header, kept.body)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("answer during the outage = %v, want 503 with Retry-After", r)
	}
	q.calls.Wait()
	outage.Remove()
	if len(q.answers) != 1 || q.answers[0].status != http.StatusServiceUnavailable {
		t.Errorf("the queue was answered %v, want 503 once", q.answers)
	}
	if r := s.send(t, "/function/publish-sns", kept.header, kept.body); r.status != http.StatusNoContent {
		t.Errorf("answer after the outage = %v, want 204", r)
	}
	arrived := s.waitFor(t, "publish-sns", kept.ids...)
	if !arrived[kept.ids[0]] || arrived[lost.ids[0]] {
		t.Errorf("%s arrived: %t, %s arrived: %t; want the first alone", kept.ids[0], arrived[kept.ids[0]], lost.ids[0], arrived[lost.ids[0]])
	}
	say(t, "outage: /function/ answered 503, sent again, arrived; /async-function/ answered 202, and its event is lost")
}
