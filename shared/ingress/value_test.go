package ingress

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	utc := func(year int, month time.Month, day, hour, minute, second, nano int) time.Time {
		return time.Date(year, month, day, hour, minute, second, nano, time.UTC)
	}
	for _, row := range []struct {
		text    string
		want    time.Time
		ok      bool
		assumed bool
	}{
		{"2026-10-05T08:31:00Z", utc(2026, 10, 5, 8, 31, 0, 0), true, false},
		{"2026-10-05t08:31:00z", utc(2026, 10, 5, 8, 31, 0, 0), true, false},
		{"2026-10-05T10:31:00.5+02:00", utc(2026, 10, 5, 8, 31, 0, 500_000_000), true, false},
		{"2026-10-05T08:31:00.1234567891Z", utc(2026, 10, 5, 8, 31, 0, 123_456_789), true, false},
		{"2026-10-05T08:31:00-00:00", utc(2026, 10, 5, 8, 31, 0, 0), true, false},
		{"0001-01-01T00:00:00Z", utc(1, 1, 1, 0, 0, 0, 0), true, false},
		{"2026-10-05T08:31:00", utc(2026, 10, 5, 8, 31, 0, 0), true, true},
		{"2026-10-05 08:31:00.25", utc(2026, 10, 5, 8, 31, 0, 250_000_000), true, true},
		{"2026-10-05t08:31:00", utc(2026, 10, 5, 8, 31, 0, 0), true, true},
		{text: "2026-10-05 08:31:00Z"}, {text: "2026-10-05T8:31:00Z"}, {text: "2026-10-05T08:31:00,5Z"}, {text: "2026-10-05T08:31Z"}, {text: "2026-10-05"},
		{text: "2026-02-30T00:00:00Z"}, {text: "2026-10-05T24:00:00Z"}, {text: "2026-10-05T23:59:60Z"}, {text: "2026-10-05T08:31:00+24:00"},
		{text: "2026-10-05T08:31:00+00:60"}, {text: "9999-12-31T23:59:59-01:00"}, {text: "0000-01-01T00:00:00+01:00"}, {text: "20261005T083100Z"},
		{text: "2026-10-05T08:31:00+0200"}, {text: "2026-10-05T08:31:00 Z"}, {text: "2026-10-05T08:31:00."}, {text: "2026-10-05_08:31:00"}, {text: "x"}, {text: ""},
	} {
		got, assumed, ok := parseTime(row.text, false)
		if ok != row.ok || assumed != row.assumed || ok && !got.Equal(row.want) {
			t.Errorf("parseTime(%q) = %v, %v, %v, want %v, %v, %v", row.text, got, assumed, ok, row.want, row.assumed, row.ok)
		}
		if got, assumed, ok := parseTime(row.text, true); ok != (row.ok && !row.assumed) || assumed {
			t.Errorf("parseTime(%q), strict = %v, %v, %v", row.text, got, assumed, ok)
		}
	}
}

// FuzzParseTime: exactly the grammar of RFC 3339 is accepted, as far as package time knows the days of months.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-10-05T08:31:00Z", "2026-10-05t08:31:00.5-23:59", "2026-10-05T8:31:00Z", "2026-10-05T08:31:00+24:00", "2026-02-30T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, _, ok := parseTime(s, true)
		if ok && !exactPattern().MatchString(s) {
			t.Errorf("parseTime(%q) = %v, which RFC 3339 does not allow", s, got)
		}
		if ok && (got.Location() != time.UTC || got.Year() > 9999) {
			t.Errorf("parseTime(%q) = %v, want UTC of four digits", s, got)
		}
	})
}

func TestHeaderValue(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a b": "a b", "a%20b": "a b", "%e2%82%AC": "€", "100%": "100%", "%2": "%2", "%zz%41": "%zzA", "%2541": "%41",
		`"q"`: "q", `"a\"b"`: `a"b`, `"`: `"`, `""`: "", `"a"b"`: `"a"b"`, `"a\"`: `"a\"`, `"%41\%42"`: "AB", `x"y"`: `x"y"`,
	} {
		if got := headerValue(in); got != want {
			t.Errorf("headerValue(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-01"
	for in, want := range map[string]bool{
		good: true, good[:53] + "ff": true, "01" + good[2:]: true, "01" + good[2:] + "-more": true,
		"": false, good[:54]: false, good + "0": false, good + "-x": false, "ff" + good[2:]: false, "0A" + good[2:]: false, "01" + good[2:] + "more": false,
		"00-7C1F0A9BE2D34455A6B7C8D9E0F1A2B3-1a2b3c4d5e6f7081-01": false, "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-0000000000000000-01": false,
		"00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3_1a2b3c4d5e6f7081-01": false, "00-7c1f0a9be2d34455a6b7c8d9e0f1a2b3-1a2b3c4d5e6f7081-0g": false,
	} {
		got := traceparent(map[string][]string{"Traceparent": {in}})
		if (got == in && in != "") != want || !want && got != "" {
			t.Errorf("traceparent(%q) = %q, want it kept: %v", in, got, want)
		}
	}
}
