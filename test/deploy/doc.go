// Package deploy tests what we ship for Kyma and Cloud Foundry: deploy/kyma and deploy/cloudfoundry.
//
// ReadKyma builds a folder with kustomize's own code and reads it strictly: Kubernetes' and Istio's resources into their own Go types,
// those of Kyma and SAP's service operator into types of ours, for theirs are not on the module proxy. ReadCloudFoundry reads
// manifest.yml. Their Problems hold every value against the others and against [Facts]: what the built functions say of themselves.
// Pods are judged by Kubernetes' own code for its restricted standard.
//
// The tests besides start the functions as the manifests say, and send events as Kyma does. No cluster and no Cloud Foundry takes
// part: what the operators, Istio, the gateway and cf make of the manifests was read in their code and documentation, not tried.
package deploy
