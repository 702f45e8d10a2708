module weighbridge.lab/manifests

go 1.26.0

// Only files of it are read, none is built, so nothing imports it: no `go mod tidy` here.
require (
	github.com/argoproj/argo-cd/v3 v3.4.13
	github.com/kedacore/keda/v2 v2.20.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.27.0
)
