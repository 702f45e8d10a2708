module weighbridge.lab/manifests

go 1.24.0

// Only files of it are read, none is built, so nothing imports it: no `go mod tidy` here.
require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.27.0
)
