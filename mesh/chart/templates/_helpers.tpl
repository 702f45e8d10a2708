{{- define "weighbridge-mesh.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels and annotations of an object. */}}
{{- define "weighbridge-mesh.metadata" -}}
{{- include "weighbridge-mesh.validate" . -}}
labels:
  app.kubernetes.io/name: {{ .Chart.Name }}
  app.kubernetes.io/instance: {{ .Release.Name }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/part-of: weighbridge
  app.kubernetes.io/component: mesh
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
  {{- with .Values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Strings that code and charts share, as an object. */}}
{{- define "weighbridge-mesh.names" -}}
{{- .Files.Get "files/names.yaml" -}}
{{- end -}}

{{/* A file that a stand-alone Envoy shares, with values in their places. */}}
{{- define "weighbridge-mesh.shared" -}}
{{- $text := .root.Files.Get (printf "files/%s.yaml" .file) -}}
{{- tpl (regexReplaceAll "^#.*\n" $text "") .root | trim -}}
{{- end -}}

{{/* Whether Istio makes the gateway's pods, and labels them with the Gateway's name: not so where an address names the Service of others. */}}
{{- define "weighbridge-mesh.makesGateway" -}}
{{- $named := false -}}
{{- range .Values.gateway.addresses }}{{ $named = or $named (eq (.type | default "IPAddress") "Hostname") }}{{ end -}}
{{- if and (eq .Values.api "gateway-api") (not $named) }}yes{{ end -}}
{{- end -}}

{{/* Which pods of the gateway a policy or filter is for. */}}
{{- define "weighbridge-mesh.gatewayPods" -}}
{{- if include "weighbridge-mesh.makesGateway" . -}}
targetRefs:
  - group: gateway.networking.k8s.io
    kind: Gateway
    name: {{ include "weighbridge-mesh.fullname" . }}
{{- else -}}
selector:
  matchLabels:
    {{- toYaml .Values.gateway.selector | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "weighbridge-mesh.gatewayServiceAccount" -}}
{{- if .Values.gateway.serviceAccount -}}
{{- .Values.gateway.serviceAccount -}}
{{- else if include "weighbridge-mesh.makesGateway" . -}}
{{- printf "%s-%s" (include "weighbridge-mesh.fullname" .) .Values.gateway.className -}}
{{- else -}}
istio-ingress
{{- end -}}
{{- end -}}

{{/* What Envoy calls one of the operator's routes: an HTTPRoute's rules have numbers for names. */}}
{{- define "weighbridge-mesh.routeName" -}}
{{- $found := .route -}}
{{- if eq .root.Values.api "gateway-api" -}}
{{- range $index, $each := .root.Values.routes.before -}}
{{- if eq $each.name $.route -}}
{{- $found = printf "%s.%s.%d" $.root.Release.Namespace (include "weighbridge-mesh.fullname" $.root) $index -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found -}}
{{- end -}}

{{- define "weighbridge-mesh.gatewayPrincipal" -}}
{{- printf "%s/ns/%s/sa/%s" .Values.mesh.trustDomain .Release.Namespace (include "weighbridge-mesh.gatewayServiceAccount" .) -}}
{{- end -}}

{{/* A whole host name out of a Service's name and namespace. */}}
{{- define "weighbridge-mesh.host" -}}
{{- if contains "." .name -}}
{{- .name -}}
{{- else -}}
{{- printf "%s.%s.svc.%s" .name .namespace .root.Values.mesh.clusterDomain -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-mesh.routerAuthority" -}}
{{- $service := .Values.router.service -}}
{{- if eq .Values.router.mode "sidecar" -}}
weighbridge-router
{{- else -}}
{{- include "weighbridge-mesh.host" (dict "name" $service.name "namespace" $service.namespace "root" .) -}}
{{- end -}}
{{- end -}}

{{/* Envoy's name for the router's cluster. */}}
{{- define "weighbridge-mesh.routerCluster" -}}
{{- $authority := include "weighbridge-mesh.routerAuthority" . -}}
{{- if eq .Values.router.mode "sidecar" -}}
{{- $authority -}}
{{- else -}}
{{- printf "outbound|%d||%s" (int .Values.router.service.port) $authority -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-mesh.meterHost" -}}
{{- with .Values.metering.service -}}
{{- include "weighbridge-mesh.host" (dict "name" .name "namespace" .namespace "root" $) -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-mesh.meterCluster" -}}
{{- printf "outbound|%d||%s" (int .Values.metering.service.port) (include "weighbridge-mesh.meterHost" .) -}}
{{- end -}}

{{- define "weighbridge-mesh.collectorHost" -}}
{{- with .Values.tracing.collector -}}
{{- include "weighbridge-mesh.host" (dict "name" .name "namespace" .namespace "root" $) -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-mesh.collectorCluster" -}}
{{- printf "outbound|%d||%s" (int .Values.tracing.collector.port) (include "weighbridge-mesh.collectorHost" .) -}}
{{- end -}}

{{/* The limit of bodies as a client reads it in a 413. */}}
{{- define "weighbridge-mesh.bodyLimit" -}}
{{- $bytes := int64 .Values.router.bodyBytes -}}
{{- if eq (mod $bytes 1048576) 0 -}}
{{- printf "%d MiB (%d bytes)" (div $bytes 1048576) $bytes -}}
{{- else -}}
{{- printf "%d bytes" $bytes -}}
{{- end -}}
{{- end -}}

{{/* Namespaces of the pools, and those of router and meter where they are Services, each once. */}}
{{- define "weighbridge-mesh.namespaces" -}}
{{- $all := list -}}
{{- range $tier := .Values.tiers }}{{ $all = append $all $tier.namespace }}{{ end -}}
{{- if eq .Values.router.mode "service" }}{{ $all = append $all .Values.router.service.namespace }}{{ end -}}
{{- if .Values.metering.enabled }}{{ $all = append $all .Values.metering.service.namespace }}{{ end -}}
{{- uniq $all | sortAlpha | join " " -}}
{{- end -}}

{{- define "weighbridge-mesh.tierNamespaces" -}}
{{- $all := list -}}
{{- range $tier := .Values.tiers }}{{ $all = append $all $tier.namespace }}{{ end -}}
{{- uniq $all | sortAlpha | join " " -}}
{{- end -}}
