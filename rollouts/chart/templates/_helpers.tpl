{{/* Labels of an object: `dict "root" . "component" "gates"`. */}}
{{- define "weighbridge-rollouts.labels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: weighbridge
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weighbridge-rollouts.smokeName" -}}
weighbridge-smoke
{{- end -}}

{{/* The gates by name, the operator's own among them, as JSON. */}}
{{- define "weighbridge-rollouts.gates" -}}
{{- $gates := .Files.Get "files/gates.yaml" | fromYaml -}}
{{- range .Values.gates.custom -}}
  {{- $gates = set $gates .name (include "weighbridge-rollouts.customGate" . | fromYaml) -}}
{{- end -}}
{{- $gates | toJson -}}
{{- end -}}

{{/* A gate of the operator's own, in the shape of files/gates.yaml. */}}
{{- define "weighbridge-rollouts.customGate" -}}
{{- $level := splitList ":" .record | first -}}
{{- $suffix := ternary "_subset" "" (eq $level "pool_subset") -}}
{{- $canary := printf "%s{$canary%s}" .record $suffix -}}
{{- $stable := printf "%s{$stable%s}" .record $suffix -}}
template: {{ .name }}
says: A gate of your own.
steps: {{ .steps | default false }}
stable: {{ .againstStable | default false }}
args: {}
metrics:
  - name: {{ .name }}
    limit: {{ printf "%s-limit" .name }}
    value: {{ .limit }}
    atLeast: {{ .atLeast | default false }}
    query: {{ ternary (printf "%s / on (namespace, pool) %s" $canary $stable) $canary (.againstStable | default false) | squote }}
{{- end -}}

{{/* A query with the labels of revisions and subsets in their places. */}}
{{- define "weighbridge-rollouts.query" -}}
{{- $pool := `namespace="{{args.namespace}}",pool="{{args.pool}}"` -}}
{{- .query | trim
  | replace "$canary_subset" (printf `%s,subset="%s"` $pool .root.Values.mesh.subsets.canary)
  | replace "$stable_subset" (printf `%s,subset="%s"` $pool .root.Values.mesh.subsets.stable)
  | replace "$canary" (printf `%s,revision="{{args.canary-revision}}"` $pool)
  | replace "$stable" (printf `%s,revision="{{args.stable-revision}}"` $pool) -}}
{{- end -}}

{{/* Arguments that every gate takes, less those that have no default, as a YAML list. */}}
{{- define "weighbridge-rollouts.sharedArgs" -}}
{{- $analysis := .Values.defaults.analysis -}}
# Which pool, and its two versions (hashes of pod templates).
- name: pool
- name: namespace
- name: canary-revision
- name: stable-revision
# Where Prometheus is.
- name: prometheus
  value: {{ .Values.prometheus.address | quote }}
# Fewer first tokens in the window are no verdict; the second for the 99th percentile.
- name: min-requests
  value: {{ int64 $analysis.minRequests | quote }}
- name: tail-min-requests
  value: {{ int64 $analysis.tailMinRequests | quote }}
# Between two measurements, and before the first.
- name: interval
  value: 30s
- name: initial-delay
  value: 0s
# Measurements in all; 0: no end. Argo refuses a step whose metric has none, and looks at this value
# only, not at what a step gives.
- name: count
  value: "10000"
# Good ones in a row that end the analysis; 0: it ends with the rollout.
- name: success-limit
  value: "0"
# Bad ones, ones without verdict, and failed queries in a row that are borne.
- name: failure-limit
  value: {{ int64 $analysis.failures | quote }}
- name: inconclusive-limit
  value: {{ int64 $analysis.inconclusives | quote }}
- name: error-limit
  value: {{ int64 $analysis.errors | quote }}
{{- end -}}

{{/* How a metric asks Prometheus, less its query. */}}
{{- define "weighbridge-rollouts.prometheus" -}}
address: "{{ "{{args.prometheus}}" }}"
timeout: {{ int64 .Values.prometheus.timeoutSeconds }}
{{- if .Values.prometheus.insecure }}
insecure: true
{{- end }}
{{- with .Values.prometheus.headers }}
headers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
