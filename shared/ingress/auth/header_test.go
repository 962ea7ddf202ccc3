package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func basicValue(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestParseAuthorization(t *testing.T) {
	for name, tc := range map[string]struct {
		values []string
		want   credentials
		cause  string
	}{
		// The examples of RFC 7617, sections 2 and 2.1.
		"example":            {[]string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{"Aladdin", "open sesame"}, ""},
		"pound sign":         {[]string{"Basic dGVzdDoxMjPCow=="}, credentials{"test", "123£"}, ""},
		"any case":           {[]string{"bASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{"Aladdin", "open sesame"}, ""},
		"several blanks":     {[]string{"Basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{"Aladdin", "open sesame"}, ""},
		"colon in password":  {[]string{basicValue("a", "b:c:")}, credentials{"a", "b:c:"}, ""},
		"no password":        {[]string{basicValue("a", "")}, credentials{"a", ""}, ""},
		"no name":            {[]string{basicValue("", "b")}, credentials{"", "b"}, ""},
		"none":               {nil, credentials{}, causeMissing},
		"two":                {[]string{basicValue("a", "b"), basicValue("a", "b")}, credentials{}, causeSeveral},
		"empty":              {[]string{""}, credentials{}, causeScheme},
		"bearer":             {[]string{"Bearer abc"}, credentials{}, causeScheme},
		"five letters":       {[]string{"Oauth QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{}, causeScheme},
		"long s":             {[]string{"Ba\u017fic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{}, causeScheme},
		"scheme alone":       {[]string{"Basic"}, credentials{}, causeMalformed},
		"no colon":           {[]string{"Basic " + base64.StdEncoding.EncodeToString([]byte("abc"))}, credentials{}, causeMalformed},
		"no padding":         {[]string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"}, credentials{}, causeMalformed},
		"URL alphabet":       {[]string{"Basic " + base64.URLEncoding.EncodeToString([]byte("a:\xff\xfe\xfd"))}, credentials{}, causeMalformed},
		"loose last letter":  {[]string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZR=="}, credentials{}, causeMalformed},
		"line feed":          {[]string{"Basic QWxhZGRpbjpv\ncGVuIHNlc2FtZQ=="}, credentials{}, causeMalformed},
		"blank after":        {[]string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== "}, credentials{}, causeMalformed},
		"NUL in password":    {[]string{basicValue("a", "b\x00c")}, credentials{}, causeMalformed},
		"DEL in name":        {[]string{basicValue("a\x7f", "b")}, credentials{}, causeMalformed},
		"separator no blank": {[]string{"Basic\tQWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, credentials{}, causeScheme},
	} {
		got, cause := parseAuthorization(tc.values)
		if got != tc.want || cause != tc.cause {
			t.Errorf("%s: parseAuthorization(%q) = %q, %q; want %q, %q", name, tc.values, got, cause, tc.want, tc.cause)
		}
	}
}

// FuzzParseAuthorization: what is taken is the one writing of its credentials, and what net/http reads too.
func FuzzParseAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Basic", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "basic  dGVzdDoxMjPCow==", "Basic dGVzdDoxMjPCow", "Bearer x", "Basic OjA=", "Basic \nOjA=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, cause := parseAuthorization([]string{value})
		r := http.Request{Header: http.Header{"Authorization": {value}}}
		if cause != "" {
			if c != (credentials{}) {
				t.Errorf("parseAuthorization(%q) = %q beside %q, want none", value, c, cause)
			}
			return
		}
		scheme, token, _ := strings.Cut(value, " ")
		if own := basicValue(c.name, c.password); !strings.EqualFold(scheme, "Basic") || own != "Basic "+strings.TrimLeft(token, " ") {
			t.Errorf("parseAuthorization(%q) = %q, which is written %q", value, c, own)
		}
		if strings.TrimLeft(token, " ") != token {
			return // several blanks, of which net/http takes one
		}
		if name, password, ok := r.BasicAuth(); !ok || name != c.name || password != c.password {
			t.Errorf("parseAuthorization(%q) = %q, and net/http reads %q, %q, %t", value, c, name, password, ok)
		}
	})
}
