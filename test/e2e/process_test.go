package e2e

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

func TestNothingConfiguredNamesEverythingAndExits2(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "publish-sns", nil)
	if code := p.wait(10 * time.Second); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	log := p.log()
	if readme, err := os.ReadFile("../../README.md"); err != nil || !strings.Contains(string(readme), "$ bin/publish-sns\n"+log+"\n```") {
		t.Errorf("README.md does not show what publish-sns says with nothing set (%v):\n%s", err, log)
	}
	for _, name := range []string{
		"AUTH", "DESTINATION_NAME", "ROLES_ANYWHERE_TRUST_ANCHOR_ARN", "ROLES_ANYWHERE_PROFILE_ARN", "ROLES_ANYWHERE_ROLE_ARN", "SNS_TOPIC_ARN",
	} {
		if !strings.Contains(log, "  "+name+" is not set\n      what it is for: ") || !strings.Contains(log, "for example:    "+name+"=") {
			t.Errorf("the output does not name %s with what it is for and an example:\n%s", name, log)
		}
	}
}

func TestSeveralProblemsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	environment, err := s.Environment("publish-sns", s.folder)
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "publish-sns", append(environment, "PORT=80a", "GRACE=3s", "DRAIN_DELAY=10s", "DEAD_LETTER_URL=http://x", "AUTH=jwt", "SNS_TOPIC_ARN=orders"))
	if code := p.wait(10 * time.Second); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, text := range []string{
		`PORT is "80a"`, "GRACE and DRAIN_DELAY contradict", "DEAD_LETTER_URL is set, but this version does not have it", `AUTH is "jwt"`, `SNS_TOPIC_ARN is "orders"`,
	} {
		if !strings.Contains(p.log(), text) {
			t.Errorf("the output does not say %q:\n%s", text, p.log())
		}
	}
}

func TestNoBindingExits2(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	environment, err := s.Environment("publish-sns", s.folder)
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "publish-sns", append(environment, "DESTINATION_SERVICE_KEY_PATH="))
	if code := p.wait(10 * time.Second); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	if !strings.Contains(p.log(), "VCAP_SERVICES") {
		t.Errorf("the output does not say where a binding may be:\n%s", p.log())
	}
}

func TestBindingFromVCAPServices(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.start("DESTINATION_SERVICE_KEY_PATH=", "VCAP_SERVICES="+string(s.stand.BTP.VCAPServices(s.stand.BTPURL())))
	if answer := s.send("vcap"); answer.status != 204 {
		t.Errorf("answer = %d %s, want 204", answer.status, answer.body)
	}
}

func TestForeignCredentialsAreIgnoredAndNamedOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.start("AWS_ACCESS_KEY_ID=AKIAFOREIGN", "AWS_SECRET_ACCESS_KEY=foreign-and-secret", "AWS_PROFILE=nowhere")
	if answer := s.send("mine"); answer.status != 204 {
		t.Errorf("answer = %d %s, want 204 with the certificate's session", answer.status, answer.body)
	}
	if lines := s.fn.find("AWS_ACCESS_KEY_ID", "AWS_PROFILE"); len(lines) != 1 {
		t.Errorf("the log names the foreign credentials in %q, want one line", lines)
	}
	if strings.Contains(s.fn.log(), "foreign-and-secret") {
		t.Error("the log shows a secret")
	}
}

// TestSIGTERMAnswersWhatIsInFlight sends while the function is told to end: everything that got an answer of 204 arrived.
func TestSIGTERMAnswersWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	if _, err := s.stand.AWS.Inject(aws.Fault{Service: "sns", Action: "PublishBatch", Phase: aws.Before, Kind: aws.Latency, Delay: 700 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	s.start("DRAIN_DELAY=500ms")
	if answer := s.send("first"); answer.status != 204 {
		t.Fatalf("answer = %d %s, want 204", answer.status, answer.body)
	}
	var wg sync.WaitGroup
	answers := make([]reply, 20)
	for i := range answers {
		wg.Go(func() { answers[i] = s.send("term-" + string(rune('a'+i))) })
	}
	pause(t, 200*time.Millisecond)
	if code := s.fn.stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	wg.Wait()
	arrived := map[string]bool{}
	for _, m := range s.stand.AWS.Messages(s.QueueARN) {
		arrived[m.Attributes["ce-id"].Value] = true
	}
	for i, a := range answers {
		if id := "term-" + string(rune('a'+i)); a.status != 204 || !arrived[id] {
			t.Errorf("%s: answer %d %s, arrived %t; want what was in flight answered 204 and arrived", id, a.status, a.body, arrived[id])
		}
	}
	if lines := s.fn.find("stopped", "counters"); len(lines) != 1 {
		t.Errorf("the log's last word is %q, want one line with the counters", lines)
	}
}

// TestOutageOfTheTargetLosesNothing takes AWS away for a while and brings it back.
func TestOutageOfTheTargetLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	s.start()
	if answer := s.send("before"); answer.status != 204 {
		t.Fatalf("answer = %d %s, want 204", answer.status, answer.body)
	}
	outage, err := s.stand.AWS.Inject(aws.Fault{Phase: aws.Before, Kind: aws.Drop})
	if err != nil {
		t.Fatal(err)
	}
	answer := s.send("during")
	if answer.status != 503 || answer.header.Get("Retry-After") != "10" || !strings.Contains(answer.detail, "send it again") {
		t.Errorf("answer during the outage = %d after %q: %s; want 503 after 10", answer.status, answer.header.Get("Retry-After"), answer.body)
	}
	outage.Remove()
	if answer := s.send("during"); answer.status != 204 {
		t.Errorf("answer to the repetition = %d %s, want 204", answer.status, answer.body)
	}
	if n := s.stand.AWS.MessageCount(s.QueueARN); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}
