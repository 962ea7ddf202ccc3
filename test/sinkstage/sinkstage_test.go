package sinkstage

import (
	"context"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/trustbridge/trustbridge/shared/forward/sinktest"
	"github.com/trustbridge/trustbridge/test/local"
	"github.com/trustbridge/trustbridge/test/virtual"
)

func TestEachFunctionHasItsOwnRole(t *testing.T) {
	for _, function := range local.Functions() {
		t.Run(function, func(t *testing.T) {
			virtual.Run(t, func(t *testing.T) {
				s := New(t, function, local.Lambda{})
				out, err := sts.NewFromConfig(s.Target.AWS).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
				if err != nil {
					t.Fatal(err)
				}
				role := s.Set.Role(function)
				if name := role[strings.LastIndexByte(role, '/')+1:]; !strings.Contains(sdkaws.ToString(out.Arn), "/"+name+"/") {
					t.Errorf("the session is %s, want one of the role %s", sdkaws.ToString(out.Arn), role)
				}
			})
		})
	}
}

func TestBreakAndHeal(t *testing.T) {
	virtual.Run(t, func(t *testing.T) {
		s := New(t, "publish-sns", local.Lambda{})
		publish := func(ctx context.Context) error {
			client := sns.NewFromConfig(s.Target.AWS, func(o *sns.Options) { o.Retryer = sdkaws.NopRetryer{} })
			_, err := client.Publish(ctx, &sns.PublishInput{TopicArn: &s.Set.TopicARN, Message: sdkaws.String("x")})
			return err
		}
		for _, f := range []sinktest.Fault{sinktest.ConnectionBefore, sinktest.ServerAfter, sinktest.Throttled, sinktest.Session, sinktest.Truncated} {
			if !s.Break(f, "sns", "Publish", 0) {
				t.Fatalf("Break(%s) = false", f)
			}
			if err := publish(t.Context()); err == nil {
				t.Errorf("%s: a call went through", f)
			}
			start := time.Now()
			s.Heal()
			if err := publish(t.Context()); err != nil || time.Since(start) < 10*time.Second {
				t.Errorf("%s: after Heal, %v later: %v, want it to go through", f, time.Since(start), err)
			}
		}
		for _, f := range []sinktest.Fault{sinktest.NoTarget, sinktest.Permission} {
			if s.Break(f, "sns", "Publish", 0) {
				t.Errorf("Break(%s) = true, want it left to the sink's own test", f)
			}
		}
		s.Take(s.Set.Forbid("publish-sns"), func() error { return s.Set.Permit("publish-sns") })
		if err := publish(t.Context()); err == nil {
			t.Error("a call went through without its permission")
		}
		s.Heal()
		if err := publish(t.Context()); err != nil {
			t.Errorf("after Heal: %v", err)
		}
	})
}
