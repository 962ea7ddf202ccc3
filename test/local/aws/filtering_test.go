package aws

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"
)

// TestFilterPolicies shows which of four messages reach a subscriber under a policy.
func TestFilterPolicies(t *testing.T) {
	for _, tt := range []struct {
		name, policy, scope string
		arrived             []string
	}{
		{"by type", `{"ce-type":["order.created"]}`, "", []string{"order.created"}},
		{"by prefix", `{"ce-type":[{"prefix":"order."}]}`, "MessageAttributes", []string{"order.created", "order.changed"}},
		{"by absence", `{"ce-type":[{"exists":false}]}`, "", []string{""}},
		{"by the body", `{"data":{"type":["partner.created"]}}`, "MessageBody", []string{"partner.created"}},
		{"everything", `{}`, "", []string{"order.created", "order.changed", "partner.created", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *lab) {
				queueARN := must(l.CreateQueue("filtered"))(t)
				sub := must(l.SubscribeFiltered(l.topic, queueARN, SubscriptionOptions{Raw: true, FilterPolicy: tt.policy, FilterPolicyScope: tt.scope}))(t)
				for _, ceType := range []string{"order.created", "order.changed", "partner.created", ""} {
					in := &sns.PublishInput{TopicArn: &l.topic, Message: new(`{"data":{"type":"` + ceType + `"}}`)}
					if ceType != "" {
						in.MessageAttributes = attributes("ce-type", ceType)
					}
					if _, err := l.sns(l.Seed()).Publish(t.Context(), in); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				var got []string
				for _, m := range l.Messages(queueARN) {
					got = append(got, m.Attributes["ce-type"].Value)
				}
				if diff := cmp.Diff(tt.arrived, got); diff != "" {
					t.Errorf("arrived (-want +got):\n%s", diff)
				}
				if n := l.Filtered(sub); n != 4-len(tt.arrived) {
					t.Errorf("Filtered = %d, want %d", n, 4-len(tt.arrived))
				}
				if n := l.Discarded(sub); n != 0 || l.Filtered(l.subscription) != 0 || l.MessageCount(l.queueARN) != 4 {
					t.Errorf("Discarded = %d, want none, and all four in the queue without a policy", n)
				}
			})
		})
	}
}

func TestFilterPolicyAttributes(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		client, ctx := l.sns(l.Seed()), t.Context()
		set := func(name, value string) error {
			_, err := client.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &l.subscription, AttributeName: &name, AttributeValue: &value})
			return err
		}
		get := func() [2]string {
			out, err := client.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &l.subscription})
			if err != nil {
				t.Fatal(err)
			}
			return [2]string{out.Attributes["FilterPolicy"], out.Attributes["FilterPolicyScope"]}
		}
		for _, tt := range []struct {
			name, value string
			want        [2]string
		}{
			{"FilterPolicy", `{"a":["x"]}`, [2]string{`{"a":["x"]}`, "MessageAttributes"}},
			{"FilterPolicyScope", "MessageBody", [2]string{`{"a":["x"]}`, "MessageBody"}},
			{"FilterPolicy", `{"a":{"b":["x"]}}`, [2]string{`{"a":{"b":["x"]}}`, "MessageBody"}},
			{"FilterPolicy", `{}`, [2]string{}},
		} {
			if err := set(tt.name, tt.value); err != nil {
				t.Errorf("set %s to %s = %v", tt.name, tt.value, err)
			}
			if got := get(); got != tt.want {
				t.Errorf("after %s %s: policy and scope = %v, want %v", tt.name, tt.value, got, tt.want)
			}
		}
		refused(t, set("FilterPolicy", `{"a":[]}`), "InvalidParameter", "Invalid parameter: FilterPolicy: Empty arrays are not allowed")
		refused(t, set("FilterPolicy", `{"a":[`), "InvalidParameter", "stand-in: FilterPolicy: it must be a JSON object")
		refused(t, set("FilterPolicyScope", "Body"), "InvalidParameter", "Invalid parameter: FilterPolicyScope: Invalid value [Body]. Please use either MessageBody or MessageAttributes")
		if err := set("FilterPolicy", `{"a":{"b":["x"]}}`); err != nil {
			t.Fatal(err)
		}
		refused(t, set("FilterPolicyScope", "MessageAttributes"), "InvalidParameter", "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy")
	})
}

// TestFilterPolicyRefusals: a policy that is refused subscribes nobody. Each rule of policies is tested beside them.
func TestFilterPolicyRefusals(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, l *lab) {
		queueARN := must(l.CreateQueue("filtered"))(t)
		for policy, text := range map[string]string{
			`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`: "Invalid parameter: Attributes Reason: FilterPolicy: Filter policy can not have more than 5 keys",
			`{"a":[{"cidr":"10.0.0.0/8"}]}`:                     "Invalid parameter: Attributes Reason: FilterPolicy: Unrecognized match type cidr",
			`{"a":{"b":["x"]}}`:                                 "Invalid parameter: Attributes Reason: Filter policy scope MessageAttributes does not support nested filter policy",
			`{"a":[2e9]}`:                                       "stand-in: FilterPolicy: a number must be from -1000000000 to 1000000000",
		} {
			_, err := l.sns(l.Seed()).Subscribe(t.Context(), &sns.SubscribeInput{
				TopicArn: &l.topic, Protocol: new("sqs"), Endpoint: &queueARN, Attributes: map[string]string{"FilterPolicy": policy},
			})
			refused(t, err, "InvalidParameter", text)
			if _, err := l.SubscribeFiltered(l.topic, queueARN, SubscriptionOptions{FilterPolicy: policy}); err == nil {
				t.Errorf("SubscribeFiltered(%s) = nil, want an error", policy)
			}
		}
		list, err := l.sns(l.Seed()).ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &l.topic})
		if err != nil || len(list.Subscriptions) != 1 {
			t.Errorf("ListSubscriptionsByTopic = %d, %v, want the one without a policy", len(list.Subscriptions), err)
		}
	})
}
