package destination

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

// TestAnswersThatHoldASecretAreNotQuoted: whatever stands in the way of the service may repeat the request, or answer with a
// token or a key under another status than 200.
func TestAnswersThatHoldASecretAreNotQuoted(t *testing.T) {
	form := url.Values{"client_id": {clientID}, "client_secret": {clientSecret}, "grant_type": {"client_credentials"}}.Encode()
	const token = "tOKEN-1" // the fake's first
	for name, r := range map[string]struct {
		find     bool // the answer is to a find, not to a token request
		reaction reaction
		says     string
	}{
		"request as text":             {false, reaction{status: 400, body: "cannot handle POST /oauth/token with body " + form}, "400"},
		"request as text, cut off":    {false, reaction{status: 400, body: "cannot handle " + form[:len(form)-50]}, "400"},
		"request without its begin":   {false, reaction{status: 400, body: "cannot handle " + form[len(form)-35:]}, "400"},
		"request as JSON":             {false, reaction{status: 400, body: `{"error":{"code":"x"},"form":"` + form + `"}`}, `of type "application/json"`},
		"request in an array":         {false, reaction{status: 400, body: `["` + form + `"]`}, `of type "application/json"`},
		"JSON that is cut off":        {false, reaction{status: 502, body: `{"error":"x","form":"` + form}, `of type "application/json"`},
		"after a byte order mark":     {false, reaction{status: 400, body: "\ufeff" + `{"form":"what nobody knows"}`}, `of type "application/json"`},
		"secret in a member":          {false, reaction{status: 401, body: `{"error":"x","error_description":"bad: ` + clientSecret + `"}`}, "401"},
		"secret in a member, escaped": {false, reaction{status: 401, body: `{"ErrorMessage":"bad: ` + url.QueryEscape(clientSecret) + `"}`}, "401"},
		"secret in a text, cut off":   {false, reaction{status: 400, body: "bad: " + clientSecret[:hiddenBegin]}, "400"},
		"token of status 203":         {false, reaction{status: 203, body: `{"error":"x","access_token":"` + token + `"}`}, "203"},
		"token in another text":       {false, reaction{status: 400, body: `x "access_token":"` + token + `"`}, "400"},
		"token in an address":         {false, reaction{status: 400, body: "cannot handle /x?access_token=tOKEN-0"}, "400"},
		"token in a text":             {true, reaction{status: 400, body: "Authorization: Bearer " + token}, "400"},
		"token in a member":           {true, reaction{status: 503, body: `{"ErrorMessage":"` + token + ` has no scope"}`}, "503"},
		"key store of status 206":     {true, reaction{status: 206, body: `{"ErrorMessage":"x","certificates":[{"Content":"` + token + `"}]}`}, "206"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, nil)
				r.reaction.header = map[string]string{"Content-Type": "application/json"}
				s.btp.change(func(b *btp) {
					hook := func(int) reaction { return r.reaction }
					if r.find {
						b.onFind = hook
					} else {
						b.onToken = hook
					}
				})
				_, err := s.Identity(t.Context())
				e, _ := errors.AsType[*Error](err)
				if e == nil || e.Text != "" || !strings.Contains(err.Error(), r.says) {
					t.Fatalf("Identity = %v, want an error that says %s and has no text", err, r.says)
				}
				for _, hidden := range []string{clientSecret[:hiddenBegin], url.QueryEscape(clientSecret), token, "client_secret"} {
					if strings.Contains(err.Error()+s.log.String(), hidden) {
						t.Errorf("%v shows %q", err, hidden)
					}
				}
			})
		})
	}
}

func TestWordsOfTheServiceAreQuoted(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"unauthorized","error_description":"Bad credentials"}`:    "unauthorized Bad credentials",
		`{"ErrorMessage":"destination\n is  broken"}`:                       "destination is broken",
		`{"error":{"code":"x"},"errormessage":"not this way","status":400}`: "not this way",
		" Duplicate key\n": "Duplicate key",
		"client_secret is missing, and so is access_token": "client_secret is missing, and so is access_token",
		`{"error":400}`:   "",
		`[{"error":"x"}]`: "",
		"<html>x</html>":  "",
	} {
		r := &reply{status: 400, body: []byte(body), hidden: []string{clientSecret, "tOKEN-1"}}
		if e := r.fail(&Error{Kind: Refused}); e.Text != want {
			t.Errorf("of %q the error has %q, want %q", body, e.Text, want)
		}
	}
}

func TestNothingMayFollowTheJSON(t *testing.T) {
	for body, kind := range map[string]Kind{
		`{"a":1}`: 0, "\n{\"a\":1} \r\n": 0,
		`{"a":1}}x`: NotTheService, `{"a":1}]`: NotTheService, `{"a":1}x`: NotTheService, `{"a":1} {}`: NotTheService, `{"a":1},`: NotTheService, `{"a":1}"`: NotTheService,
	} {
		var v map[string]any
		e := (&reply{status: 200, body: []byte(body)}).decode(&v, false)
		if e == nil && kind != 0 || e != nil && e.Kind != kind {
			t.Errorf("decode(%s) = %v, want %v", body, e, kind)
		}
	}
}
