package deploy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// head is what every resource begins with.
type head struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

// ServiceInstance is one of SAP's service operator, without what we do not use.
// Source: https://github.com/SAP/sap-btp-service-operator, config/crd/bases.
type ServiceInstance struct {
	head `json:",inline"`
	Spec struct {
		ServiceOfferingName string `json:"serviceOfferingName"`
		ServicePlanName     string `json:"servicePlanName"`
	} `json:"spec"`
}

// ServiceBinding is one of SAP's service operator.
// Source: https://github.com/SAP/sap-btp-service-operator, config/crd/bases.
type ServiceBinding struct {
	head `json:",inline"`
	Spec struct {
		ServiceInstanceName string `json:"serviceInstanceName"`
		SecretName          string `json:"secretName"`
		SecretKey           string `json:"secretKey"`
		SecretRootKey       string `json:"secretRootKey"`
		SecretTemplate      string `json:"secretTemplate"`
		// Parameters are free in the schema; these are the ones of spec/sap-btp.md 6.
		Parameters                bindingParameters `json:"parameters"`
		CredentialsRotationPolicy rotation          `json:"credentialsRotationPolicy"`
	} `json:"spec"`
}

// bindingParameters are what an offering is asked for, on Kyma and on Cloud Foundry.
type bindingParameters struct {
	XSUAA struct {
		CredentialType string `json:"credential-type" yaml:"credential-type"`
		X509           struct {
			KeyLength    int    `json:"key-length" yaml:"key-length"`
			Validity     int    `json:"validity" yaml:"validity"`
			ValidityType string `json:"validity-type" yaml:"validity-type"`
		} `json:"x509" yaml:"x509"`
	} `json:"xsuaa" yaml:"xsuaa"`
}

// rotation has no more fields; the operator parses both times with time.ParseDuration.
type rotation struct {
	Enabled           bool   `json:"enabled"`
	RotationFrequency string `json:"rotationFrequency"`
	RotatedBindingTTL string `json:"rotatedBindingTTL"`
}

// Subscription is one of Kyma's eventing.
// Source: https://github.com/kyma-project/eventing-manager, config/crd/bases/eventing.kyma-project.io_subscriptions.yaml.
type Subscription struct {
	head `json:",inline"`
	Spec struct {
		ID           string            `json:"id"`
		TypeMatching string            `json:"typeMatching"`
		Source       string            `json:"source"`
		Types        []string          `json:"types"`
		Sink         string            `json:"sink"`
		Config       map[string]string `json:"config"`
	} `json:"spec"`
}

// APIRule is one of Kyma's API gateway, version v2.
// Source: https://github.com/kyma-project/api-gateway, config/crd/bases/gateway.kyma-project.io_apirules.yaml.
type APIRule struct {
	head `json:",inline"`
	Spec struct {
		Hosts           []string       `json:"hosts"`
		Service         *ruleService   `json:"service"`
		Gateway         string         `json:"gateway"`
		ExternalGateway string         `json:"externalGateway"`
		CORSPolicy      map[string]any `json:"corsPolicy"`
		Rules           []rule         `json:"rules"`
		Timeout         int            `json:"timeout"`
	} `json:"spec"`
}

type ruleService struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Port      int32  `json:"port"`
}

type rule struct {
	Path    string       `json:"path"`
	Service *ruleService `json:"service"`
	Methods []string     `json:"methods"`
	NoAuth  bool         `json:"noAuth"`
	JWT     *struct {
		Authentications []struct {
			Issuer      string              `json:"issuer"`
			JWKSURI     string              `json:"jwksUri"`
			FromHeaders []map[string]string `json:"fromHeaders"`
			FromParams  []string            `json:"fromParams"`
		} `json:"authentications"`
		Authorizations []struct {
			RequiredScopes []string `json:"requiredScopes"`
			Audiences      []string `json:"audiences"`
		} `json:"authorizations"`
	} `json:"jwt"`
	ExtAuth map[string]any `json:"extAuth"`
	Timeout int            `json:"timeout"`
	Request map[string]any `json:"request"`
}
