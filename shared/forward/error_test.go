package forward

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestKindOf(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Kind
	}{
		"typed":       {&Error{Kind: Denied, Err: errors.New("x")}, Denied},
		"wrapped":     {fmt.Errorf("more: %w", &Error{Kind: Throttled, Err: errors.New("x")}), Throttled},
		"untyped":     {errors.New("x"), Unavailable},
		"zero kind":   {&Error{Err: errors.New("x")}, Unavailable},
		"nil":         {(*Error)(nil), Unavailable},
		"below them":  {&Error{Kind: -1, Err: errors.New("x")}, Unavailable},
		"beyond them": {&Error{Kind: BatchRefused + 1, Err: errors.New("x")}, Unavailable},
	} {
		if got := KindOf(tc.err); got != tc.want {
			t.Errorf("%s: KindOf(%v) = %v, want %v", name, tc.err, got, tc.want)
		}
	}
}

func TestDetailIsTheOutermostSentenceElseTheKinds(t *testing.T) {
	secret := errors.New("arn:aws:sns:eu-central-1:111122223333:orders is gone")
	if got := Detail(&Error{Op: "publish", Kind: Denied, Err: WithDetail(secret, "the topic does not exist")}); got != "the topic does not exist" {
		t.Errorf("Detail() = %q, want the sentence that was given", got)
	}
	for kind, says := range map[Kind]string{Invalid: "never succeed", Denied: "operator", Throttled: "fewer events", Unavailable: "send it again", BatchRefused: "send it again"} {
		if got := Detail(&Error{Op: "publish", Kind: kind, Err: secret}); !strings.Contains(got, says) {
			t.Errorf("Detail() of %v = %q, want it to say %q", kind, got, says)
		}
		if got := Detail(&Error{Op: "publish", Kind: kind, Err: secret}); got == "" || strings.Contains(got, "arn") {
			t.Errorf("Detail() of %v = %q, want a sentence without the cause's text", kind, got)
		}
	}
	if got := Detail(&Error{Kind: Invalid, Err: fmt.Errorf("%w: x", ErrTooLarge)}); !strings.Contains(got, "size limit") {
		t.Errorf("Detail() of what is too large = %q, want the limit named", got)
	}
	if WithDetail(nil, "x") != nil {
		t.Error("WithDetail(nil) is an error")
	}
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[Kind]string{Invalid: "invalid", Denied: "denied", Throttled: "throttled", Unavailable: "unavailable", BatchRefused: "batch refused", 0: "forward.Kind(0)"} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d).String() = %q, want %q", int(kind), got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, err := range map[string]*Error{
		"publish: denied": {Op: "publish", Kind: Denied},
		"publish: cause":  {Op: "publish", Kind: Denied, Err: errors.New("cause")},
		"cause":           {Kind: Denied, Err: errors.New("cause")},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}
