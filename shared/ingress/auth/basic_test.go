package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trustbridge/trustbridge/shared/ingress"
	"github.com/trustbridge/trustbridge/test/virtual"
)

func TestBasic(t *testing.T) {
	h := newHarness(t, line(t, "em", "Sesam, öffne dich: 1")+line(t, "kyma", "")+"uu:"+hashUU+"\nuub:"+hashUUb+"\nuuy:"+hashUUy)
	long := strings.Repeat("x", 72)
	write(t, h.path, line(t, "em", "Sesam, öffne dich: 1")+line(t, "kyma", "")+"uu:"+hashUU+"\nuub:"+hashUUb+"\nuuy:"+hashUUy+"\n"+line(t, "long", long))
	for name, tc := range map[string]struct {
		values []string
		reason string // "" means that it comes in
	}{
		"right":              {[]string{basicValue("em", "Sesam, öffne dich: 1")}, ""},
		"empty password":     {[]string{basicValue("kyma", "")}, ""},
		"$2a":                {[]string{basicValue("uu", "U*U")}, ""},
		"$2b":                {[]string{basicValue("uub", "U*U")}, ""},
		"$2y":                {[]string{basicValue("uuy", "U*U")}, ""},
		"72 bytes":           {[]string{basicValue("long", long)}, ""},
		"71 bytes":           {[]string{basicValue("long", long[1:])}, "wrong-credentials"},
		"wrong":              {[]string{basicValue("em", "sesam, öffne dich: 1")}, "wrong-credentials"},
		"empty":              {[]string{basicValue("em", "")}, "wrong-credentials"},
		"of another user":    {[]string{basicValue("kyma", "Sesam, öffne dich: 1")}, "wrong-credentials"},
		"unknown":            {[]string{basicValue("eve", "Sesam, öffne dich: 1")}, "wrong-credentials"},
		"unknown, no name":   {[]string{basicValue("", "")}, "wrong-credentials"},
		"other case":         {[]string{basicValue("EM", "Sesam, öffne dich: 1")}, "wrong-credentials"},
		"hash as password":   {[]string{basicValue("uu", hashUU)}, "wrong-credentials"},
		"none":               {nil, "no-credentials"},
		"two":                {[]string{basicValue("kyma", ""), basicValue("kyma", "")}, "bad-credentials"},
		"bearer":             {[]string{"Bearer abc"}, "bad-credentials"},
		"no base64 of a:b":   {[]string{"Basic !"}, "bad-credentials"},
		"control characters": {[]string{basicValue("kyma", "\x00")}, "bad-credentials"},
	} {
		err := h.Authenticate(requestOf(t, tc.values...))
		if tc.reason == "" {
			if err != nil {
				t.Errorf("%s: %v, want nil", name, err)
			}
			continue
		}
		e, ok := errors.AsType[*ingress.AuthError](err)
		if !ok || e.Status != http.StatusUnauthorized || e.Reason != tc.reason || e.Challenge != `Basic realm="trustbridge", charset="UTF-8"` {
			t.Errorf("%s: %+v, want 401 %s with the challenge", name, err, tc.reason)
		}
	}
}

func TestRefusalsAreLoggedOnceAndWithoutSecrets(t *testing.T) {
	h := newHarness(t, line(t, "em", "right")+line(t, "kyma", "right"))
	refuse := func() {
		for range 3 {
			for _, value := range []string{
				basicValue("em", "hunter2"), basicValue("em", "hunter3"), basicValue("kyma", "hunter2"), basicValue("hunter4", "x"), basicValue("hunter5", "x"), "Basic hunter6",
			} {
				if status := h.as(t, value); status != http.StatusUnauthorized {
					t.Fatalf("%s: status %d, want 401", value, status)
				}
			}
			h.as(t)
		}
	}
	refuse()
	for part, want := range map[string]int{
		"a sender was not let in": 5, `cause="the password is wrong"`: 2, "user=em": 1, "user=kyma": 1,
		`cause="the user is not in the users file"`: 1, causeMissing: 1, causeMalformed: 1, "level=WARN": 5, "hunter": 0, "address=192.0.2.1:1234": 5,
	} {
		if n := h.log.Count(part); n != want {
			t.Errorf("%q stands %d times in the log, want %d:\n%s", part, n, want, h.log)
		}
	}
	write(t, h.path, line(t, "em", "newer")+line(t, "kyma", "right")+"\n")
	refuse()
	if n := h.log.Count("a sender was not let in"); n != 10 {
		t.Errorf("%d refusals are logged after the file changed, want 5 more than 5:\n%s", n, h.log)
	}
}

func TestAVerifiedPairIsRememberedForTenMinutes(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right"))
		c := h.watch(func() {})
		start := time.Now()
		for _, tc := range []struct {
			at       time.Duration
			password string
			status   int
			checks   int
		}{
			{0, "right", 204, 1},
			{0, "right", 204, 1},
			{0, "wrong", 401, 2},
			{0, "wrong", 401, 3}, // what was wrong is never remembered
			{0, "right", 204, 3},
			{10*time.Minute - 1, "right", 204, 3},
			{10 * time.Minute, "right", 204, 4}, // being used does not prolong it
			{20*time.Minute - 1, "right", 204, 4},
			{20 * time.Minute, "right", 204, 5},
		} {
			time.Sleep(time.Until(start.Add(tc.at)))
			if status := h.as(t, basicValue("em", tc.password)); status != tc.status || c.count() != tc.checks {
				t.Errorf("%v, %s: status %d after %d checks, want %d after %d", tc.at, tc.password, status, c.count(), tc.status, tc.checks)
			}
		}
		if n := h.counters.Value(countChecked); n != 5 {
			t.Errorf("%s = %d, want 5", countChecked, n)
		}
	})
}

func TestAChangedFileCountsAtOnceForPasswordsAndWithinASecondForSenders(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "old")+line(t, "kyma", "same"))
		kyma := basicValue("kyma", "same")
		if a, b := h.as(t, basicValue("em", "old")), h.as(t, kyma); a != 204 || b != 204 {
			t.Fatalf("status %d and %d, want 204", a, b)
		}
		time.Sleep(time.Minute)
		h.as(t, kyma) // looks at the file
		write(t, h.path, line(t, "em", "a new one")+line(t, "new", "new")+"\n")
		time.Sleep(lookEvery - 1)
		if status := h.as(t, kyma); status != 204 {
			t.Errorf("remembered, less than a second after the change: %d, want 204: no look is due", status)
		}
		if status := h.as(t, basicValue("em", "a new one")); status != 204 {
			t.Errorf("the new password at once: %d, want 204", status)
		}
		for name, value := range map[string]string{"the old password": basicValue("em", "old"), "a user taken out": kyma} {
			if status := h.as(t, value); status != 401 {
				t.Errorf("%s after the look: %d, want 401", name, status)
			}
		}
		if status := h.as(t, basicValue("new", "new")); status != 204 {
			t.Errorf("a new user: %d, want 204", status)
		}

		write(t, h.path, line(t, "em", "a new one")+"\n\n\n")
		time.Sleep(lookEvery)
		if status := h.as(t, basicValue("new", "new")); status != 401 {
			t.Errorf("taken out again, a second later: %d, want 401", status)
		}
		if n := h.counters.Value(countUsersRead); n != 2 {
			t.Errorf("%s = %d, want 2", countUsersRead, n)
		}
	})
}

// TestALookThatHangsEndsWithTheRequest: a file on a network that went away keeps nobody longer than the request lives.
func TestALookThatHangsEndsWithTheRequest(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		h := newHarness(t, line(t, "em", "right"))
		if status := h.as(t, basicValue("em", "right")); status != 204 {
			t.Fatalf("status %d, want 204", status)
		}
		time.Sleep(time.Minute)
		h.file.turn <- struct{}{} // somebody looks, and does not come back
		if status := h.as(t, basicValue("em", "right")); status != 204 {
			t.Errorf("remembered: %d, want 204", status)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Second)
		defer cancel()
		start := time.Now()
		err := h.Authenticate(requestOf(t, basicValue("em", "other")).WithContext(ctx))
		if status := statusOf(t, err); status != 503 || time.Since(start) != 24*time.Second {
			t.Errorf("status %d after %v, want 503 after 24s", status, time.Since(start))
		}
	})
}
