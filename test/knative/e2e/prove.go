package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trustbridge/trustbridge/test/knative/cluster"
	"github.com/trustbridge/trustbridge/test/knative/manifest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// endMost is what the kubelet leaves a function at least to end, when all of the pod's time has gone by.
const endMost = 2 * time.Second

// proveAll proves one thing after the other of each function, and the functions side by side.
func (s *stage) proveAll(ctx context.Context) {
	s.arrival(ctx)
	var all sync.WaitGroup
	for _, story := range [][]func(context.Context){
		{s.deadLetter, s.killedBefore, s.drained},
		{s.killedAfter, s.throttled},
		{s.hanging},
	} {
		all.Go(func() {
			for _, prove := range story {
				prove(ctx)
			}
		})
	}
	all.Wait()
	s.report.prove("no other event became a dead letter", slices.Equal(s.dead.ids(), []string{"too-large"}), s.dead.ids())
	for _, function := range local.Functions() {
		log := s.cluster.Log(ns + "." + function)
		s.report.prove(function+" knows every setting that it was given", strings.Contains(log, `"listening"`) && !strings.Contains(log, "is not a setting"))
	}
}

// messages, items and runs are how often an event arrived at each far end.
func (s *stage) messages(id string) (n int) {
	for _, m := range s.stand.AWS.Messages(s.scenario.QueueARN) {
		if m.Attributes["ce-id"].Value == id {
			n++
		}
	}
	return n
}

func (s *stage) items(id string) (n int) {
	for _, item := range s.stand.AWS.Items(s.scenario.TableARN) {
		if item["id"].Text == id {
			n++
		}
	}
	return n
}

func (s *stage) runs(id string) (n int) {
	for _, i := range s.stand.AWS.Invocations(s.scenario.FunctionARN) {
		var event struct{ ID string }
		if json.Unmarshal(i.Payload, &event) == nil && event.ID == id {
			n++
		}
	}
	return n
}

// arrival sends one event that all three functions want.
func (s *stage) arrival(ctx context.Context) {
	const id = "order-1"
	status := s.send(ctx, id, created, map[string]any{"SalesOrder": "7000412"})
	s.report.prove("an order arrives at all three far ends: SQS queue behind SNS, DynamoDB table, Lambda function; once each",
		status == http.StatusAccepted && s.messages(id) == 1 && s.items(id) == 1 && s.runs(id) == 1,
		fmt.Sprintf("broker answered %d; %d message, %d item, %d run", status, s.messages(id), s.items(id), s.runs(id)), s.way(id))
	const answer = "priced-" + id
	s.report.prove("the Lambda function's answer flows back through the Broker and into the table, and does not run the function again",
		s.items(answer) == 1 && s.runs(answer) == 0 && len(s.calls("store-dynamodb", answer)) == 1, s.way(answer))
	s.report.prove("an event that no Trigger wants goes nowhere", s.send(ctx, "other", "example.other.v1", nil) == http.StatusAccepted &&
		s.messages("other")+s.items("other")+s.runs("other")+len(s.dead.of("other")) == 0)
}

// deadLetter sends an event that SNS can never take.
func (s *stage) deadLetter(ctx context.Context) {
	const id = "too-large"
	status := s.send(ctx, id, changed, strings.Repeat("x", 270_000))
	letters, calls := s.dead.of(id), s.calls("publish-sns", id)
	if !s.report.prove("an event that can never succeed is a dead letter after one try, whole, and the sender's 202",
		len(letters) == 1 && len(calls) == 1 && calls[0].Status == http.StatusRequestEntityTooLarge && status == http.StatusAccepted,
		fmt.Sprintf("publish-sns answered %s; %d dead letter", tries(calls), len(letters))) {
		return
	}
	l := letters[0]
	var reason struct {
		Detail string
		Status int
	}
	err := json.Unmarshal([]byte(l.Reason), &reason)
	s.report.prove("it names the function, the code, and the reason", err == nil && l.Code == "413" && reason.Detail != "" && len(l.Reason) <= 768 &&
		strings.HasPrefix(l.Destination, "http://publish-sns."+ns) && l.Bytes >= 270_000, fmt.Sprintf("%s from %s: %s", l.Code, l.Destination, reason.Detail))
}

// inject breaks the calls of a service that speak of an event.
func (s *stage) inject(f aws.Fault, id string) *aws.Injection {
	f.When = func(c aws.Call) bool { return bytes.Contains(c.Body, []byte(id)) }
	i, err := s.stand.AWS.Inject(f)
	if err != nil {
		panic(err) // our own fault
	}
	return i
}

// throttled sends an event while AWS throttles.
func (s *stage) throttled(ctx context.Context) {
	const id = "throttled"
	fault := s.inject(aws.Fault{Service: "dynamodb", Phase: aws.Before, Kind: aws.Throttle, RetryAfter: time.Minute}, id)
	status := s.sendUntilAnswered(ctx, "store-dynamodb", id, business, fault)
	calls := s.calls("store-dynamodb", id)
	last := len(calls) - 1
	s.report.prove("an event that meets a throttled target is sent again by the Broker, and arrives once",
		status == http.StatusAccepted && last >= 1 && calls[0].Status == http.StatusTooManyRequests && calls[last].Status == http.StatusNoContent &&
			s.items(id) == 1 && len(s.dead.of(id)) == 0,
		fmt.Sprintf("AWS throttled %d calls; store-dynamodb answered %s; %d item", fault.Hits(), tries(calls), s.items(id)))
}

// sendUntilAnswered sends an event; the fault ends with the function's first answer.
func (s *stage) sendUntilAnswered(ctx context.Context, function, id, typ string, fault *aws.Injection) (status int) {
	var removing sync.WaitGroup
	removing.Go(func() {
		await(ctx, func() bool { c := s.calls(function, id); return len(c) > 0 && c[0].Status != 0 })
		fault.Remove()
	})
	status = s.send(ctx, id, typ, nil)
	removing.Wait()
	return status
}

// await waits until yes or the end of ctx.
func await(ctx context.Context, yes func() bool) bool {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
	return true
}

// kill sends an event, and kills the function while its call to AWS is under way and the event has arrived that many times.
func (s *stage) kill(ctx context.Context, function, id, typ string, fault *aws.Injection, arrived func(string) int, times int) (status int, killed bool) {
	var sending sync.WaitGroup
	sending.Go(func() { status = s.send(ctx, id, typ, nil) })
	killed = await(ctx, func() bool { return fault.Hits() > 0 && arrived(id) == times }) && s.cluster.Kill(function+"."+ns) == nil
	fault.Remove()
	sending.Wait()
	return status, killed
}

// killedBefore kills publish-sns before SNS has the event.
func (s *stage) killedBefore(ctx context.Context) {
	const id = "killed-before"
	fault := s.inject(aws.Fault{Service: "sns", Action: "PublishBatch", Phase: aws.Before, Kind: aws.Latency, Delay: 5 * time.Second}, id)
	status, killed := s.kill(ctx, "publish-sns", id, changed, fault, s.messages, 0)
	calls := s.calls("publish-sns", id)
	s.report.prove("a function killed in mid-flight, before AWS has the event, loses nothing",
		killed && status == http.StatusAccepted && len(calls) >= 2 && calls[0].Status >= 500 && s.messages(id) >= 1 && len(s.dead.of(id)) == 0,
		fmt.Sprintf("publish-sns answered %s; %d message", tries(calls), s.messages(id)))
}

// killedAfter kills store-dynamodb when the table has the event and the answer is on its way.
func (s *stage) killedAfter(ctx context.Context) {
	const id = "killed-after"
	fault := s.inject(aws.Fault{Service: "dynamodb", Phase: aws.After, Kind: aws.Latency, Delay: 5 * time.Second}, id)
	status, killed := s.kill(ctx, "store-dynamodb", id, business, fault, s.items, 1)
	calls := s.calls("store-dynamodb", id)
	s.report.prove("a function killed in mid-flight, after AWS has the event, stores it once all the same",
		killed && status == http.StatusAccepted && len(calls) >= 2 && calls[0].Status >= 500 && s.items(id) == 1 && len(s.dead.of(id)) == 0,
		fmt.Sprintf("store-dynamodb answered %s; %d item", tries(calls), s.items(id)))
}

// hanging has Lambda not answer: the function must, before the Broker gives up.
func (s *stage) hanging(ctx context.Context) {
	const id = "hanging"
	fault := s.inject(aws.Fault{Service: "lambda", Phase: aws.Before, Kind: aws.Latency, Delay: time.Minute}, id)
	status := s.sendUntilAnswered(ctx, "invoke-lambda", id, created, fault)
	calls := s.calls("invoke-lambda", id)
	s.report.prove(fmt.Sprintf("a target that hangs: the function answers within its %v, before the Broker's %v, and the event arrives later", s.times.Request, s.times.Delivery),
		status == http.StatusAccepted && len(calls) >= 2 && calls[0].Status == http.StatusServiceUnavailable &&
			calls[0].Took <= s.times.Request && calls[0].Took > s.times.Request-2*time.Second && s.times.Request < s.times.Delivery &&
			calls[len(calls)-1].Status < 300 && s.runs(id) >= 1 && len(s.dead.of(id)) == 0,
		fmt.Sprintf("invoke-lambda answered %s; %d run", tries(calls), s.runs(id)))
}

// drained ends publish-sns's pod as the autoscaler does, and sends an event while it ends.
func (s *stage) drained(ctx context.Context) {
	if _, err := s.cluster.Kubectl(ctx, nil, "-n", ns, "scale", "deployment", "-l", "serving.knative.dev/service=publish-sns", "--replicas=0"); err != nil {
		s.report.prove("publish-sns is scaled to zero", false, err)
		return
	}
	pause := time.NewTimer(3 * time.Second)
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	const id = "while-ending"
	status := s.send(ctx, id, changed, nil)
	sent := time.Now()
	calls := s.calls("publish-sns", id)
	s.report.prove("a pod that was told to end takes events for as long as they come",
		status == http.StatusAccepted && len(calls) == 1 && calls[0].Status == http.StatusNoContent && s.messages(id) == 1, tries(calls))
	var ends []cluster.End
	await(ctx, func() bool { ends = s.cluster.Ends(); return len(ends) > 0 })
	if len(ends) != 1 {
		s.report.prove("the pod ends", false, ends)
		return
	}
	e := ends[0]
	after := time.Since(sent) - e.Took
	s.report.prove(fmt.Sprintf("SIGTERM comes after %v of quiet, and the function ends by itself well before it would be killed", manifest.Quiet),
		after >= manifest.Quiet-time.Second && e.Took < endMost && e.Code == 0 && strings.Contains(s.cluster.Log(ns+".publish-sns"), `"stopped"`),
		fmt.Sprintf("SIGTERM %.1f s after the last event; ended %d ms later with code %d", after.Seconds(), e.Took.Milliseconds(), e.Code))
}
