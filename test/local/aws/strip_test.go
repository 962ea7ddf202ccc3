package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/trustbridge/trustbridge/test/local/aws/internal/template"
	"github.com/trustbridge/trustbridge/test/local/aws/internal/testpki"
)

// stripped is a template without one element of one of its policies.
type stripped struct {
	template.Template
	resource, kind, name string // kind is Action, Resource or Condition
}

// strip takes the nth action, resource or condition of all policies away; ok is false if there are not so many.
func strip(t *testing.T, whole template.Template, n int) (out stripped, ok bool) {
	t.Helper()
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out.Template); err != nil {
		t.Fatal(err)
	}
	for i := range out.Resources {
		r := &out.Resources[i]
		out.resource = r.ID
		for _, statement := range statementsOf(r.Properties) {
			for _, kind := range []string{"Action", "Resource"} {
				for j, name := range textsOf(statement[kind]) {
					if n--; n >= 0 {
						continue
					}
					out.kind, out.name = kind, name
					list := slices.Delete(textsOf(statement[kind]), j, j+1)
					if len(list) == 0 { // a statement has one at least: one that nothing matches
						list = []string{map[string]string{"Action": "nothing:Nothing", "Resource": "arn:aws:nothing:::nothing"}[kind]}
					}
					statement[kind] = list
					return out, true
				}
			}
			condition, _ := statement["Condition"].(map[string]any)
			for _, operator := range keysIn(condition) {
				tests := condition[operator].(map[string]any)
				for _, key := range keysIn(tests) {
					if n--; n >= 0 {
						continue
					}
					out.kind, out.name = "Condition", key
					if delete(tests, key); len(tests) == 0 {
						delete(condition, operator)
					}
					return out, true
				}
			}
			for element := range statement {
				if !slices.Contains([]string{"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}, element) || statement["Effect"] != "Allow" {
					t.Errorf("%s: element %s, or an Effect other than Allow, is not taken away by this test", r.ID, element)
				}
			}
		}
	}
	return out, false
}

// kept is who comes in without a condition: whom it alone keeps out.
func (s stripped) kept() (out []string) {
	switch s.resource {
	case "QueuePolicy":
		return []string{"another topic to the queue"}
	case "DeadLetterQueuePolicy":
		return []string{"another topic to the dead letters"}
	}
	i := slices.IndexFunc(functionsDeployed(), func(f deployedFunction) bool { return f.role == s.resource })
	for _, who := range map[string][]string{
		"aws:SourceArn": {"by another anchor"}, "aws:PrincipalTag/x509Subject/L": {"from another subaccount", "from no subaccount"},
		"aws:PrincipalTag/x509Subject/CN": {"with another name"}, "aws:PrincipalTag/x509Issuer/CN": {"from another issuer"},
	}[s.name] {
		out = append(out, functionsDeployed()[i].name+": "+who)
	}
	return out
}

// statementsOf are the statements of all policies in a tree.
func statementsOf(v any) (out []map[string]any) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			out = append(out, statementsOf(element)...)
		}
	case map[string]any:
		for _, key := range keysIn(v) {
			if key != "Statement" {
				out = append(out, statementsOf(v[key])...)
				continue
			}
			for _, s := range v[key].([]any) {
				out = append(out, s.(map[string]any))
			}
		}
	}
	return out
}

func textsOf(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, element := range v {
			out = append(out, element.(string))
		}
	}
	return out
}

func keysIn(o map[string]any) []string {
	var keys []string
	for key := range o {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// outcome is what worked of what must, and of what must not.
type outcome struct{ works, leaks map[string]bool }

// which are those of a map that are so, sorted.
func which(m map[string]bool, is bool) (out []string) {
	for name, value := range m {
		if value == is {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// try tries everything with a template on a stand of its own.
func try(t *testing.T, l *lab, d Deployment) outcome {
	t.Helper()
	o := outcome{works: map[string]bool{}, leaks: map[string]bool{}}
	topic, queue, dead, failed := stackARN("sns", stack), stackARN("sqs", stack), stackARN("sqs", stack+"-dead-letters"), stackARN("sqs", stack+"-failed-invocations")
	other := must(l.CreateTrustAnchor("other", l.root.Cert))(t)
	for _, f := range functionsDeployed() {
		leaf, issuing := l.subject(locality, f.cn, issuerCN)
		came := l.send(t, l.signIn(d.Outputs, f.output, leaf, issuing)).status == 201
		for action, do := range f.calls {
			o.works[f.name+": "+action] = came && do(t, l, l.signIn(d.Outputs, f.output, leaf, issuing)) == nil
		}
		comes := func(change func(*ask), place, cn, issuer string) bool {
			leaf, issuing := l.subject(place, cn, issuer)
			a := l.signIn(d.Outputs, f.output, leaf, issuing)
			change(&a)
			return l.send(t, a).status == 201
		}
		asItIs := func(*ask) {}
		o.leaks[f.name+": by another anchor"] = comes(func(a *ask) { a.members["trustAnchorArn"] = other }, locality, f.cn, issuerCN)
		o.leaks[f.name+": from another subaccount"] = comes(asItIs, otherPlace, f.cn, issuerCN)
		o.leaks[f.name+": from no subaccount"] = comes(asItIs, "", f.cn, issuerCN)
		o.leaks[f.name+": with another name"] = comes(asItIs, locality, f.cn+"2", issuerCN)
		o.leaks[f.name+": from another issuer"] = comes(asItIs, locality, f.cn, "Another Client CA")
	}
	o.works["a failed invocation is kept"] = l.arrivesAt(t, failed, func() error {
		_, err := l.lambda(l.Seed()).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new(worker + ":live"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`"fail"`)})
		return err
	})
	publish := func(topic string) func() error {
		return func() error {
			_, err := l.sns(l.Seed()).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: new("x")})
			return err
		}
	}
	// A neighbour's topic, whose owner subscribes our queues: SNS lets anybody do that.
	neighbour := must(l.CreateTopic("neighbour"))(t)
	if _, r := l.addSubscription(neighbour, queue, &subscriptionSettings{redrive: dead}); r != nil {
		t.Fatal(r.text)
	}
	before := l.MessageCount(dead)
	o.leaks["another topic to the queue"] = l.arrivesAt(t, queue, publish(neighbour))
	o.leaks["another topic to the dead letters"] = l.MessageCount(dead) > before
	l.DeleteQueue(queue)
	o.works["what cannot be delivered is kept"] = l.arrivesAt(t, dead, publish(topic))
	return o
}

// arrivesAt tells whether something arrives in a queue within ten minutes.
func (l *lab) arrivesAt(t *testing.T, queue string, do func() error) bool {
	t.Helper()
	before := l.MessageCount(queue)
	if err := do(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	_, err := l.WaitMessages(ctx, queue, before+1)
	return err == nil
}

// TestTemplateHasNothingForShow takes every action, resource and condition of every policy of the template away in turn: those of
// the trust policies, the roles, the user's function and the queues. Without an action or a resource something that must work
// fails; one that nothing needs is granted for nothing. Without a condition somebody comes in whom it alone kept out.
func TestTemplateHasNothingForShow(t *testing.T) {
	root := testpki.Root("root", testpki.Valid(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)))
	whole, err := New(Config{}).readTemplate(strings.NewReader(deployed(t)), parameters(root.Cert))
	if err != nil {
		t.Fatal(err)
	}
	with := func(t *testing.T, tm template.Template, check func(outcome, error)) {
		bubble(t, Config{}, func(t *testing.T, l *lab) {
			l.root = root
			l.works(t)
			d, err := l.deploy(tm, tm.Resources)
			if err != nil {
				check(outcome{}, err)
				return
			}
			check(try(t, l, d), nil)
		})
	}
	with(t, whole, func(o outcome, err error) {
		if err != nil || len(which(o.works, false)) > 0 || len(which(o.leaks, true)) > 0 {
			t.Errorf("whole template: %v, these fail: %q, these come in: %q", err, which(o.works, false), which(o.leaks, true))
		}
	})
	counts := map[string]int{}
	for n := 0; ; n++ {
		s, more := strip(t, whole, n)
		if !more {
			break
		}
		counts[s.kind]++
		t.Run(fmt.Sprintf("%s %s %s", s.resource, s.kind, s.name), func(t *testing.T) {
			with(t, s.Template, func(o outcome, err error) {
				fails, leaks := which(o.works, false), which(o.leaks, true)
				switch {
				case err != nil:
					if !strings.Contains(err.Error(), "does not have permissions to call SendMessage") {
						t.Errorf("load = %v", err)
					}
				case s.kind == "Condition" && (!slices.Equal(leaks, s.kept()) || len(fails) > 0):
					t.Errorf("without it these come in: %q, want %q; and these fail: %q, want none", leaks, s.kept(), fails)
				case s.kind != "Condition" && (len(fails) == 0 || len(leaks) > 0):
					t.Errorf("without it these fail: %q, want something; and these come in: %q, want nobody", fails, leaks)
				}
				t.Logf("fails: %q, comes in: %q, %v", fails, leaks, err)
			})
		})
	}
	if counts["Action"] < 3*3+4+3 || counts["Resource"] < 3+3 || counts["Condition"] < 3*4+2 {
		t.Errorf("taken away: %v, want all that the template had when this test was written, or more", counts)
	}
	t.Logf("taken away one by one: %v", counts)
}
