{{/*
What the router's own pod has and the gateway's does not get: annotations and placement.
*/}}
{{- define "weighbridge-router.pod-annotations" -}}
weighbridge.dev/restart-checksum: {{ include "weighbridge-router.restart-checksum" . }}
{{- if .Values.metrics.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ include "weighbridge-router.metrics-port" . | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- if .Values.istio.inject }}
# Scraped past the proxy, by a Prometheus outside the mesh; the NetworkPolicy says by whom.
traffic.sidecar.istio.io/excludeInboundPorts: {{ include "weighbridge-router.metrics-port" . | quote }}
prometheus.istio.io/merge-metrics: "false"
# The proxy drains for as long as the router does.
proxy.istio.io/config: |
  terminationDrainDuration: {{ include "weighbridge-router.grace" . }}s
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "weighbridge-router.placement" -}}
{{- $spread := dict "kubernetes.io/hostname" .Values.topologySpread.nodes "topology.kubernetes.io/zone" .Values.topologySpread.zones -}}
{{- if ne (values $spread | uniq | join "") "Ignore" }}
topologySpreadConstraints:
  {{- range $key, $action := $spread }}
  {{- if ne $action "Ignore" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $action }}
    labelSelector:
      matchLabels:
        {{- include "weighbridge-router.selector" $ | nindent 8 }}
    # Each revision by itself: during a rollout the old pods would skew the new ones.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
