package ingress

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// The words of a script that look at the answer. Each says what it got if that is not what the script wants.

func (s *scene) cmdCode(_ bool, args []string) error {
	if got := strconv.Itoa(s.answer.status); got != args[0] {
		return fmt.Errorf("code %s, want %s: %s", got, args[0], s.answer.body)
	}
	return nil
}

func (s *scene) cmdHeader(neg bool, args []string) error {
	got := s.answer.header.Values(args[0])
	switch {
	case neg && len(got) > 0:
		return fmt.Errorf("header %s is %q, want none", args[0], got)
	case !neg && (len(args) != 2 || len(got) != 1 || got[0] != args[1]):
		return fmt.Errorf("header %s is %q, want %q", args[0], got, args[1:])
	}
	return nil
}

func (s *scene) cmdBody(_ bool, args []string) error {
	if got, want := strings.TrimSuffix(s.answer.body, "\n"), strings.Join(args, ""); got != want {
		return fmt.Errorf("body\n%s\nwant\n%s", got, want)
	}
	return nil
}

func (s *scene) cmdAnswered(neg bool, args []string) error {
	if strings.Contains(s.answer.body, args[0]) == neg {
		return fmt.Errorf("body %s", s.answer.body)
	}
	return nil
}

func (s *scene) cmdClosed(neg bool, _ []string) error {
	if s.answer.closed == neg {
		return fmt.Errorf("the connection is closed: %v", s.answer.closed)
	}
	return nil
}

func (s *scene) cmdBodySize(_ bool, args []string) error {
	most, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if len(s.answer.body) == 0 || len(s.answer.body) > most {
		return fmt.Errorf("body of %d bytes, want 1 to %d", len(s.answer.body), most)
	}
	return nil
}

func (s *scene) cmdForwarded(_ bool, args []string) error {
	s.forwarder.mu.Lock()
	defer s.forwarder.mu.Unlock()
	if diff := cmp.Diff(append([]string{}, args...), append([]string{}, s.forwarder.got...)); diff != "" {
		return fmt.Errorf("events forwarded (-want +got): %s", diff)
	}
	return nil
}

func (s *scene) cmdTrace(_ bool, args []string) error {
	s.forwarder.mu.Lock()
	defer s.forwarder.mu.Unlock()
	if s.forwarder.trace != args[0] {
		return fmt.Errorf("trace %q, want %q", s.forwarder.trace, args[0])
	}
	return nil
}

func (s *scene) cmdLogged(neg bool, args []string) error {
	if strings.Contains(s.harness.log.String(), args[0]) == neg {
		return fmt.Errorf("the log is\n%s", s.harness.log.String())
	}
	return nil
}

func (s *scene) cmdCounted(_ bool, args []string) error {
	if got := strconv.FormatInt(s.harness.counters.Value(args[0]), 10); got != args[1] {
		return fmt.Errorf("%s counted %s, want %s", args[0], got, args[1])
	}
	return nil
}
