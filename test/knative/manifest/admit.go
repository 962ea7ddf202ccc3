package manifest

import (
	"context"
	"strings"

	"knative.dev/eventing/pkg/apis/config"
	"knative.dev/eventing/pkg/apis/feature"
	"knative.dev/pkg/apis"
)

// brokerDefaults is what Eventing's ConfigMap config-br-defaults says as shipped: without a class no Broker is admitted.
const brokerDefaults = `{"clusterDefault": {"brokerClass": "MTChannelBasedBroker", "apiVersion": "v1", "kind": "ConfigMap",
	"name": "config-br-default-channel", "namespace": "knative-eventing"}}`

// Admit does what the API server and Knative's webhooks do when an object is made: strict decoding, defaulting, validation,
// with the features that Knative is shipped with. Objects that are not Knative's are decoded only.
func Admit(o *Object) error {
	v, err := o.decode()
	if err != nil {
		return err
	}
	k, ok := v.(interface {
		apis.Defaultable
		apis.Validatable
	})
	if !ok || !strings.Contains(o.APIVersion, "knative.dev/") {
		return nil
	}
	defaults, err := config.NewDefaultsConfigFromMap(map[string]string{config.BrokerDefaultsKey: brokerDefaults})
	if err != nil {
		return err
	}
	ctx := feature.ToContext(apis.WithinCreate(context.Background()), feature.Flags{feature.DeliveryTimeout: feature.Enabled})
	ctx = config.ToContext(ctx, &config.Config{Defaults: defaults})
	k.SetDefaults(ctx)
	if err := k.Validate(ctx).Filter(apis.ErrorLevel); err != nil { // without the filter: warnings too
		return err
	}
	return nil
}
