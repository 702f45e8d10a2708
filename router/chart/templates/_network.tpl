{{/* Who may talk to whom, in the words of a NetworkPolicy. */}}

{{- define "weighbridge-router.peer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace }}
  {{- with .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}

{{- define "weighbridge-router.istiod-egress" -}}
# The injected proxy gets its configuration and certificate from istiod, whose name it looks up.
- to:
    {{- include "weighbridge-router.peer" (dict "namespace" .Values.networkPolicy.istiodNamespace) | nindent 4 }}
  ports:
    - protocol: TCP
      port: 15012
{{ include "weighbridge-router.dns-egress" . }}
{{- end }}

{{- define "weighbridge-router.dns-egress" -}}
- to:
    {{- include "weighbridge-router.peer" (dict "namespace" "kube-system") | nindent 4 }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

{{/* The collector's port, where spans are sent at all. */}}
{{- define "weighbridge-router.collector-port" -}}
{{- if dig "tracing" "enabled" false .Values.settings -}}
{{- $endpoint := dig "tracing" "endpoint" "" .Values.settings -}}
{{- $port := regexFind ":[0-9]+" (regexReplaceAll "^https?://[^:/]*" $endpoint "") -}}
{{- $port | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https" $endpoint)) -}}
{{- end -}}
{{- end }}
