package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// arrived lists the ids of the events that a function's far end holds.
func (s *system) arrived(t *testing.T, function string) []string {
	t.Helper()
	var ids []string
	switch function {
	case "publish-sns":
		for _, m := range s.stand.AWS.Messages(s.QueueARN) {
			ids = append(ids, m.Attributes["ce-id"].Value)
		}
	case "store-dynamodb":
		for _, item := range s.stand.AWS.Items(s.TableARN) {
			ids = append(ids, item["id"].Text)
		}
	case "invoke-lambda":
		for _, run := range s.stand.AWS.Invocations(s.FunctionARN) {
			var event struct{ ID string }
			if err := json.NewDecoder(bytes.NewReader(run.Payload)).Decode(&event); err != nil {
				t.Errorf("the Lambda function got %s: %v", run.Payload, err)
			}
			ids = append(ids, event.ID)
		}
	}
	return ids
}

// targetFaults are what can be wrong with a function's target and its permission there.
func targetFaults(function string) map[string]fault {
	permission := map[string]string{"publish-sns": "SNS:Publish", "store-dynamodb": "dynamodb:BatchWriteItem", "invoke-lambda": "lambda:InvokeFunction"}[function]
	out := map[string]fault{
		"policy lacking the action": {
			spoil:  func(s *system) error { return s.Forbid(function) },
			cure:   func(s *system) error { return s.Permit(function) },
			detail: []string{"not permitted", "policy"},
			log:    func(*system) []string { return []string{permission, "no identity-based policy allows"} },
		},
	}
	switch function {
	case "publish-sns":
		out["unknown topic"] = fault{
			spoil: func(s *system) error { s.stand.AWS.DeleteTopic(s.TopicARN); return nil },
			cure: func(s *system) error {
				if _, err := s.stand.AWS.CreateTopic("orders"); err != nil {
					return err
				}
				_, err := s.stand.AWS.Subscribe(s.TopicARN, s.QueueARN, true)
				return err
			},
			detail: []string{"topic", "SNS_TOPIC_ARN"},
			log:    func(s *system) []string { return []string{s.TopicARN, "Topic does not exist"} },
		}
	case "store-dynamodb":
		table := func(keys ...aws.Key) func(s *system) error {
			return func(s *system) error {
				_, err := s.stand.AWS.CreateTable("orders", keys...)
				return err
			}
		}
		gone := func(s *system) error { return s.stand.AWS.DeleteTable(s.TableARN) }
		right := aws.Key{Name: "pk", Type: "S"}
		out["unknown table"] = fault{
			spoil: gone, cure: table(right), detail: []string{"table", "DYNAMODB_TABLE"},
			log: func(s *system) []string { return []string{s.TableARN, "ResourceNotFoundException"} },
		}
		out["table and mapping disagree"] = fault{
			spoil: func(s *system) error {
				if err := gone(s); err != nil {
					return err
				}
				return table(aws.Key{Name: "other", Type: "S"})(s)
			},
			cure: func(s *system) error {
				if err := gone(s); err != nil {
					return err
				}
				return table(right)(s)
			},
			detail: []string{"key", "DYNAMODB_KEY"},
			log:    func(s *system) []string { return []string{s.TableARN, "ValidationException"} },
		}
	case "invoke-lambda":
		out["unknown function"] = fault{
			spoil: func(s *system) error { s.stand.AWS.DeleteFunction(s.FunctionARN); return nil },
			cure: func(s *system) error {
				if _, err := s.stand.AWS.CreateFunction("orders", echo()); err != nil {
					return err
				}
				_, err := s.stand.AWS.CreateAlias(s.FunctionARN, "live", "$LATEST")
				return err
			},
			detail: []string{"Lambda function", "LAMBDA_FUNCTION"},
			log:    func(s *system) []string { return []string{s.FunctionARN, "Function not found"} },
		}
	}
	return out
}

func TestSettingsOfAnotherFunctionAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	environment, err := s.Environment("store-dynamodb", s.folder)
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "store-dynamodb", append(environment, "SNS_TOPIC_ARN="+s.TopicARN))
	if code := p.wait(cureMost); code != 2 || !strings.Contains(p.log(), "SNS_TOPIC_ARN is a setting of publish-sns") {
		t.Errorf("exit code %d, want 2 and the setting named:\n%s", code, p.log())
	}
}
