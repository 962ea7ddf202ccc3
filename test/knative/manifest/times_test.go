package manifest

import (
	"testing"
	"time"
)

func TestTimesOfTheExample(t *testing.T) {
	want := Times{Request: 25 * time.Second, Grace: 30 * time.Second, Delivery: 30 * time.Second, Revision: 90 * time.Second}
	all := objects(t, load(t), example)
	for _, function := range []string{"publish-sns", "store-dynamodb", "invoke-lambda"} {
		if got := TimesOf(all, function); got != want {
			t.Errorf("TimesOf(%s) = %+v, want %+v", function, got, want)
		}
	}
	if got := TimesOf(all, "nobody"); got != (Times{}) {
		t.Errorf("TimesOf(nobody) = %+v, want none", got)
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{"PT30S": 30 * time.Second, "PT0.5S": 500 * time.Millisecond, "PT2M": 2 * time.Minute, "30": 0, "P1D": 0, "": 0} {
		if got := seconds(&text); got != want {
			t.Errorf("seconds(%s) = %v, want %v", text, got, want)
		}
	}
	if got := seconds(nil); got != 0 {
		t.Errorf("seconds(nil) = %v, want 0", got)
	}
}
