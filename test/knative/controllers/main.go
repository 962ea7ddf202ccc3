// Command controllers runs Knative's own controllers in one process a part: "controllers eventing" or "controllers serving".
// Knative ships them as six programs that elect leaders and each serve health probes on port 8080, so that one machine cannot run
// them side by side; these are the same constructors without that. Eventing's admission webhook is here too.
package main

import (
	"context"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"knative.dev/eventing/pkg/apis/config"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/apis/feature"
	channelconfig "knative.dev/eventing/pkg/apis/messaging/config"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
	"knative.dev/eventing/pkg/auth"
	"knative.dev/eventing/pkg/eventingtls"
	"knative.dev/eventing/pkg/reconciler/broker"
	trigger "knative.dev/eventing/pkg/reconciler/broker/trigger" // named otherwise inside
	"knative.dev/eventing/pkg/reconciler/channel"
	memory "knative.dev/eventing/pkg/reconciler/inmemorychannel/controller"
	"knative.dev/eventing/pkg/reconciler/inmemorychannel/dispatcher"
	"knative.dev/eventing/pkg/reconciler/subscription"
	filtered "knative.dev/pkg/client/injection/kube/informers/factory/filtered" // named otherwise inside
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/signals"
	"knative.dev/pkg/webhook"
	"knative.dev/pkg/webhook/certificates"
	"knative.dev/pkg/webhook/resourcesemantics"
	"knative.dev/pkg/webhook/resourcesemantics/defaulting"
	"knative.dev/pkg/webhook/resourcesemantics/validation"
	"knative.dev/serving/pkg/reconciler/configuration"
	"knative.dev/serving/pkg/reconciler/gc"
	"knative.dev/serving/pkg/reconciler/labeler"
	"knative.dev/serving/pkg/reconciler/revision"
	"knative.dev/serving/pkg/reconciler/route"
	"knative.dev/serving/pkg/reconciler/serverlessservice"
	"knative.dev/serving/pkg/reconciler/service"
)

func main() {
	part := ""
	if len(os.Args) == 2 {
		part = os.Args[1]
	}
	// Both parts watch what either needs, so the definitions of both must be there.
	ctx := filtered.WithSelectors(signals.NewContext(), auth.OIDCLabelSelector, eventingtls.TrustBundleLabelSelector)
	ctx = sharedmain.WithHealthProbesDisabled(sharedmain.WithHADisabled(ctx))
	switch part {
	case "eventing":
		ctx = webhook.WithOptions(ctx, webhook.Options{
			ServiceName: webhook.NameFromEnv(), Port: webhook.PortFromEnv(8443), SecretName: "eventing-webhook-certs",
		})
		sharedmain.MainWithContext(ctx, "controller",
			certificates.NewController, admitDefaults, admitValid,
			broker.NewController, trigger.NewController, channel.NewController, subscription.NewController, memory.NewController, dispatcher.NewController)
	case "serving":
		sharedmain.MainWithContext(ctx, "controller",
			configuration.NewController, labeler.NewController, revision.NewController, route.NewController,
			serverlessservice.NewController, service.NewController, gc.NewController)
	default:
		fmt.Fprintln(os.Stderr, "usage: controllers eventing|serving")
		os.Exit(2)
	}
}

// admitted are the kinds that Eventing's webhook admits here.
func admitted() map[schema.GroupVersionKind]resourcesemantics.GenericCRD {
	return map[schema.GroupVersionKind]resourcesemantics.GenericCRD{
		eventingv1.SchemeGroupVersion.WithKind("Broker"):           &eventingv1.Broker{},
		eventingv1.SchemeGroupVersion.WithKind("Trigger"):          &eventingv1.Trigger{},
		messagingv1.SchemeGroupVersion.WithKind("Channel"):         &messagingv1.Channel{},
		messagingv1.SchemeGroupVersion.WithKind("Subscription"):    &messagingv1.Subscription{},
		messagingv1.SchemeGroupVersion.WithKind("InMemoryChannel"): &messagingv1.InMemoryChannel{},
	}
}

func admitDefaults(ctx context.Context, w configmap.Watcher) *controller.Impl {
	return defaulting.NewAdmissionController(ctx, "webhook.eventing.knative.dev", "/defaulting", admitted(), configured(ctx, w), true)
}

func admitValid(ctx context.Context, w configmap.Watcher) *controller.Impl {
	return validation.NewAdmissionController(ctx, "validation.webhook.eventing.knative.dev", "/resource-validation", admitted(), configured(ctx, w), true)
}

// configured puts Eventing's ConfigMaps into the context that objects are admitted with.
func configured(ctx context.Context, w configmap.Watcher) func(context.Context) context.Context {
	log := logging.FromContext(ctx)
	defaults, channels, features := config.NewStore(log), channelconfig.NewStore(log), feature.NewStore(log)
	defaults.WatchConfigs(w)
	channels.WatchConfigs(w)
	features.WatchConfigs(w)
	return func(ctx context.Context) context.Context {
		return features.ToContext(channels.ToContext(defaults.ToContext(ctx)))
	}
}
