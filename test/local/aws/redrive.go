package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// protocolEmail is that of subscriptions that send mail to who has confirmed them. Nobody does here, so none is sent.
const protocolEmail = "email"

var addressPattern = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

// readRedrive reads the RedrivePolicy of a subscription: the queue that gets what cannot be delivered. "" is none.
// Source: https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
func readRedrive(text string) (queueARN string, err error) {
	if text == "" {
		return "", nil
	}
	var p struct {
		DeadLetterTargetARN string `json:"deadLetterTargetArn"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return "", fmt.Errorf("it must be JSON with deadLetterTargetArn")
	}
	if parts := strings.Split(p.DeadLetterTargetARN, ":"); len(parts) != 6 || parts[2] != serviceSQS {
		return "", fmt.Errorf("deadLetterTargetArn must be the ARN of a queue")
	}
	return p.DeadLetterTargetARN, nil
}

// addEmail subscribes an address; that it is subscribed already is no error.
func (s *Server) addEmail(t *topic, address string, attributes map[string]string) *refusal {
	switch {
	case !addressPattern.MatchString(address):
		return invalidParameter("Email address")
	case len(attributes) > 0:
		return standInParameter("attributes of an email subscription are not here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(t.emails, address) {
		t.emails = append(slices.Clone(t.emails), address)
	}
	return nil
}
