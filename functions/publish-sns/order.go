package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"
	cetypes "github.com/cloudevents/sdk-go/v2/types"

	"github.com/trustbridge/trustbridge/shared/cloudevent"
	"github.com/trustbridge/trustbridge/shared/forward"
)

// order gives the message its group, and on a FIFO topic the id by which a repetition is known. The ids are of the event
// and not of its delivery, so that a sender's repetition is one too.
func (s *sink) order(m *message, e *event.Event) error {
	switch {
	case s.settings.group != nil:
		text, err := s.settings.group.Eval(e)
		if err == nil && text == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return &forward.Error{Op: "map", Kind: forward.Denied, Err: forward.WithDetail(
				fmt.Errorf("SNS_GROUP_ID: the group cannot be made: %w", err),
				"the event lacks a value that the setting SNS_GROUP_ID asks for; an operator must change the setting or the sender")}
		}
		m.group = legalID(text)
	case s.settings.fifo:
		m.group = legalID(ownGroup(e))
	}
	if s.settings.fifo {
		m.once = cloudevent.Short(e)
	}
	return nil
}

// ownGroup is the group that an event names itself: its partitionkey, else its subject, else its source.
func ownGroup(e *event.Event) string {
	if key, ok := extensions(e)["partitionkey"]; ok {
		if text, err := cetypes.Format(key); err == nil && text != "" {
			return text
		}
	}
	if subject := e.Subject(); subject != "" {
		return subject
	}
	return e.Source()
}

// idMax is the longest group id. Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const idMax = 128

// legalID is the text as a group id: itself, if SNS takes it (letters, digits and punctuation of ASCII), else its SHA-256.
func legalID(text string) string {
	legal := text != "" && len(text) <= idMax
	for i := range len(text) {
		legal = legal && text[i] > ' ' && text[i] <= '~'
	}
	if legal {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
