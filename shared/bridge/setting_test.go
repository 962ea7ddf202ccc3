package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample has a setting of every kind.
type sample struct {
	A struct {
		Text string        `env:"TEXT" required:"true" doc:"a text" example:"x"`
		One  string        `env:"ONE" default:"a" values:"a,b" doc:"one of two" example:"b"`
		N    int           `env:"N" default:"3" min:"1" max:"9" doc:"a number" example:"4"`
		Size Size          `env:"SIZE" default:"1 KiB" min:"1 KiB" max:"1 MiB" doc:"a size" example:"2KiB"`
		Wait time.Duration `env:"WAIT" default:"1s" min:"1s" max:"1m" doc:"a time" example:"5s"`
		Flag bool          `env:"FLAG" default:"false" doc:"a flag" example:"true"`
	} `group:"all"`
	made string // by Check, say: no setting
}

func TestLoad(t *testing.T) {
	for name, tc := range map[string]struct {
		environment map[string]string
		want        sample
		problems    []string
	}{
		"defaults": {environment: map[string]string{"TEXT": "t"}, want: func() (s sample) {
			s.A.Text, s.A.One, s.A.N, s.A.Size, s.A.Wait = "t", "a", 3, 1024, time.Second
			return s
		}()},
		"all set": {
			environment: map[string]string{"TEXT": "t", "ONE": "b", "N": "9", "SIZE": "1 MiB", "WAIT": "1m", "FLAG": "TRUE"},
			want: func() (s sample) {
				s.A.Text, s.A.One, s.A.N, s.A.Size, s.A.Wait, s.A.Flag = "t", "b", 9, 1<<20, time.Minute, true
				return s
			}(),
		},
		"nothing set": {environment: map[string]string{}, problems: []string{"TEXT is not set"}, want: func() (s sample) {
			s.A.One, s.A.N, s.A.Size, s.A.Wait = "a", 3, 1024, time.Second
			return s
		}()},
		"everything wrong": {
			environment: map[string]string{"ONE": "c", "N": "10", "SIZE": "1KB", "WAIT": "-5s", "FLAG": "yes"},
			problems: []string{
				"TEXT is not set", `ONE is "c"; possible: a, b`, `N is "10"; at most 9 is possible`,
				`SIZE is "1KB"; a number of bytes like 4096, 512KiB or 1MiB is needed`,
				`WAIT is "-5s"; a duration like 500ms, 25s or 5m is needed`, `FLAG is "yes"; true or false is needed`,
			},
		},
		"out of range": {
			environment: map[string]string{"TEXT": "t", "N": "0", "SIZE": "1023", "WAIT": "1m1s", "ONE": "a"},
			problems:    []string{`N is "0"; at least 1 is needed`, `SIZE is "1023"; at least 1 KiB is needed`, `WAIT is "1m1s"; at most 1m is possible`},
			want:        func() (s sample) { s.A.Text, s.A.One = "t", "a"; return s }(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got sample
			var problems []string
			for _, p := range load(settingsOf(&got), tc.environment) {
				problems = append(problems, p.Error())
				if p.Purpose == "" || p.Example == "" {
					t.Errorf("%v has no purpose or no example", p)
				}
			}
			if diff := cmp.Diff(tc.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want.A, got.A); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyTaggedFieldsAreSettings(t *testing.T) {
	s := sample{made: "x"}
	if n := len(settingsOf(&s)); n != 6 || s.made != "x" {
		t.Errorf("%d settings, want the 6 that have a name", n)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "4096": 4096, "512KiB": 512 << 10, "1 MiB": 1 << 20, "2GiB": 2 << 30} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("parseSize(%q) = %d, %t, want %d", text, got, ok, want)
		}
		if again, ok := parseSize(want.String()); !ok || again != want {
			t.Errorf("parseSize(%q) = %d, %t, want what it was printed from", want, again, ok)
		}
	}
	for _, text := range []string{"", "-1", "1.5MiB", "MiB", "1mib", "99999999999GiB", "1 MiB "} {
		if got, ok := parseSize(text); ok {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

func TestValuesInMessagesAreShortened(t *testing.T) {
	var s sample
	problems := load(settingsOf(&s), map[string]string{"TEXT": "t", "N": strings.Repeat("9x", 500)})
	if len(problems) != 1 || len(problems[0].Error()) > 150 {
		t.Errorf("problems = %v, want one short text", problems)
	}
}

// TestEverySettingIsDescribed holds the struct to what docs/configuration.md is made of.
func TestEverySettingIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settingsOf(&Config{}) {
		if s.name == "" || s.doc == "" || s.example == "" || s.group == "" {
			t.Errorf("the setting %+v lacks a name, a description, an example or a group", s)
		}
		if seen[s.name] {
			t.Errorf("%s stands twice in the configuration", s.name)
		}
		seen[s.name] = true
		for _, text := range []string{s.fallback, s.example} {
			if text == "" || s.name == "VCAP_SERVICES" {
				continue
			}
			if reason := s.set(text); reason != "" {
				t.Errorf("%s: its own default or example %s", s.name, reason)
			}
		}
		for _, limit := range []string{s.min, s.max} {
			if _, reason := parse(s.field.Type(), limit); limit != "" && reason != "" {
				t.Errorf("%s: the limit %q cannot be read", s.name, limit)
			}
		}
	}
	for _, name := range unbuilt {
		if seen[name] {
			t.Errorf("%s is a setting and called unbuilt", name)
		}
	}
}

func TestSettingOfNoKindIsAText(t *testing.T) {
	if got, reason := parse(settingsOf(&sample{})[0].field.Type(), "x"); got != "x" || reason != "" {
		t.Errorf("parse() of a text = %v, %q", got, reason)
	}
}

func Example() {
	var s sample
	for _, p := range load(settingsOf(&s), map[string]string{"N": "twelve"}) {
		fmt.Println(p.Error())
	}
	// Output:
	// TEXT is not set
	// N is "twelve"; a whole number is needed
}
