package manifest

import (
	"fmt"
	"strings"
	"time"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// Times are what belongs together in the life of a request.
type Times struct {
	// Request is how long the function may take, Grace what it has from SIGTERM to its end.
	Request, Grace time.Duration
	// Drain is what it waits after SIGTERM for requests that still come.
	Drain time.Duration
	// Delivery is how long the Broker waits for an answer; 0 if there is no Broker.
	Delivery time.Duration
	// Revision is how long Serving waits, and all that a pod has to end.
	Revision time.Duration
}

// TimesOf reads a function's times; what is not there, or is no time, is 0.
func TimesOf(objects []*Object, function string) Times {
	for _, o := range objects {
		if v, err := o.decode(); err == nil && o.Metadata.Name == function {
			if s, ok := v.(*servingv1.Service); ok {
				t, _ := readTimes(s, brokerTimeout(objects))
				return t
			}
		}
	}
	return Times{}
}

func readTimes(s *servingv1.Service, delivery time.Duration) (t Times, wrong []string) {
	c := &s.Spec.Template.Spec.Containers[0]
	parse := func(name string) time.Duration {
		d, err := time.ParseDuration(variable(c, name))
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want a time", name, variable(c, name)))
		}
		return d
	}
	t = Times{Request: parse("REQUEST_TIMEOUT"), Grace: parse("GRACE"), Drain: parse("DRAIN_DELAY"), Delivery: delivery}
	if seconds := s.Spec.Template.Spec.TimeoutSeconds; seconds != nil {
		t.Revision = time.Duration(*seconds) * time.Second
	} else {
		wrong = append(wrong, "timeoutSeconds is not set")
	}
	return t, wrong
}

// times holds the function's times to each other, to Serving's and to the Broker's.
func times(s *servingv1.Service, delivery time.Duration) []string {
	t, out := readTimes(s, delivery)
	if len(out) > 0 {
		return out
	}
	against := func(broken bool, format string, args ...any) {
		if broken {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	against(t.Request >= Quiet, "REQUEST_TIMEOUT %v is not below the %v of quiet before the end of a pod", t.Request, Quiet)
	against(t.Delivery > 0 && t.Request >= t.Delivery, "REQUEST_TIMEOUT %v is not below the Broker's timeout %v", t.Request, t.Delivery)
	against(t.Delivery > 0 && t.Delivery >= t.Revision, "timeoutSeconds %v is not above the Broker's timeout %v", t.Revision, t.Delivery)
	against(t.Drain != 0, "DRAIN_DELAY is %v, but no request comes after SIGTERM; want 0s", t.Drain)
	against(t.Request+endReserve > t.Grace, "GRACE %v does not fit REQUEST_TIMEOUT %v and %v to end", t.Grace, t.Request, endReserve)
	against(Quiet+t.Grace > t.Revision, "timeoutSeconds %v does not fit %v of quiet and GRACE %v", t.Revision, Quiet, t.Grace)
	return out
}

// brokerTimeout is the delivery timeout of the first Broker, 0 if there is none.
func brokerTimeout(objects []*Object) time.Duration {
	for _, o := range objects {
		if v, err := o.decode(); err == nil {
			if b, ok := v.(*eventingv1.Broker); ok && b.Spec.Delivery != nil {
				return seconds(b.Spec.Delivery.Timeout)
			}
		}
	}
	return 0
}

// seconds is an ISO 8601 duration of the form PT30S; 0 if it is none.
func seconds(text *string) time.Duration {
	if text == nil {
		return 0
	}
	d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(*text, "PT")))
	if err != nil {
		return 0
	}
	return d
}
