package e2e

import (
	"testing"

	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/local/aws"
)

// TestSubscriberFiltersByType: a subscription's filter policy sees the event's attributes as message attributes.
func TestSubscriberFiltersByType(t *testing.T) {
	t.Parallel()
	s := newStand(t, local.Config{})
	queue, err := s.stand.AWS.CreateQueue("changed-only")
	if err != nil {
		t.Fatal(err)
	}
	subscription, err := s.stand.AWS.SubscribeFiltered(s.TopicARN, queue, aws.SubscriptionOptions{
		Raw: true, FilterPolicy: `{"ce-type":[{"suffix":".Changed.v1"}],"ce-source":[{"prefix":"/default/sap.s4.beh/"}]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, kind := range []string{"Created", "Changed", "Deleted"} {
		header := map[string]string{
			"content-type": "application/json", "ce-specversion": "1.0", "ce-id": kind, "ce-source": "/default/sap.s4.beh/731904412",
			"ce-type": "sap.s4.beh.salesorder.v1.SalesOrder." + kind + ".v1",
		}
		if answer := s.post(header, []byte(`{"SalesOrder":"7000412"}`)); answer.status != 204 {
			t.Fatalf("answer = %d %s, want 204", answer.status, answer.body)
		}
	}
	if _, err := s.stand.AWS.WaitMessages(t.Context(), s.QueueARN, 3); err != nil {
		t.Error(err)
	}
	messages, err := s.stand.AWS.WaitMessages(t.Context(), queue, 1)
	if err != nil || len(messages) != 1 || messages[0].Attributes["ce-id"].Value != "Changed" {
		t.Errorf("the filtered queue holds %v (%v), want the one event of the type", messages, err)
	}
	if n := s.stand.AWS.Filtered(subscription); n != 2 {
		t.Errorf("%d messages were filtered out, want 2", n)
	}
}
