// Package cluster runs Kubernetes' API server and Knative's Eventing and Serving as processes of this machine, without
// containers.
//
// [Start] starts all of it and returns when it is ready; [Cluster.Kubectl] deploys; [Cluster.Client] reaches Services by their
// names; [Cluster.Calls] tells where an event was sent and what was answered. End it with [Cluster.Stop].
//
// What is real: etcd, kube-apiserver, kubectl; of Knative its definitions, configuration, controllers, webhooks, broker ingress
// and filter, in-memory channel, and queue-proxy. What is ours: the part of Deployment controller and kubelet (a pod is two
// processes), of the autoscaler (one replica, or none if a Deployment is scaled to 0), of the gateway and of cluster DNS (an
// HTTP proxy). So scale from zero, traffic splitting, gateways and resource limits are not seen here.
//
// Some ports of Knative's programs are constants. Each pod's queue-proxy, and Knative as a whole, therefore has a network
// namespace of its own, joined to the machine's loopback; no port of the machine is fixed. That needs root, or a user
// namespace: see [Namespaced].
package cluster
