{{/* Names, labels, and what the catalog says. A release is a pool, and its name the pool's. */}}

{{- define "weighbridge-pool.selector" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}

{{- define "weighbridge-pool.labels" -}}
{{ include "weighbridge-pool.selector" . }}
{{ include "weighbridge-pool.commonLabels" . }}
{{- end }}

{{/* All but the name, which placeholders must not share. */}}
{{- define "weighbridge-pool.commonLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: weighbridge
app.kubernetes.io/managed-by: {{ .Release.Service }}
weighbridge.dev/tier: {{ include "weighbridge-pool.tier" . }}
{{- end }}

{{- define "weighbridge-pool.metadata" -}}
name: {{ .Release.Name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "weighbridge-pool.labels" . | nindent 2 }}
{{- end }}

{{/* The catalog's entry of the model, as JSON; {} for a model that it lacks. */}}
{{- define "weighbridge-pool.entry" -}}
{{- $catalog := .Files.Get "files/catalog.yaml" | fromYaml -}}
{{- get $catalog.models .Values.model | default dict | toJson -}}
{{- end }}

{{- define "weighbridge-pool.tier" -}}
{{- .Values.tier | default (include "weighbridge-pool.entry" . | fromJson).tier -}}
{{- end }}

{{/* Whose weights are already as the precision says: they say so themselves, and vLLM reads it. */}}
{{- define "weighbridge-pool.ownRepository" -}}
{{- $checkpoints := (include "weighbridge-pool.entry" . | fromJson).checkpoints | default dict -}}
{{- .Values.repository | default (get $checkpoints .Values.precision) -}}
{{- end }}

{{- define "weighbridge-pool.repository" -}}
{{- $entry := include "weighbridge-pool.entry" . | fromJson -}}
{{- include "weighbridge-pool.ownRepository" . | default $entry.repository -}}
{{- end }}

{{/* Names that it answers to, the one in its answers first. */}}
{{- define "weighbridge-pool.servedNames" -}}
{{- $tier := printf "weighbridge/%s" (include "weighbridge-pool.tier" .) -}}
{{- prepend (prepend (prepend .Values.aliases $tier) .Release.Name) .Values.model | uniq | toJson -}}
{{- end }}

{{- define "weighbridge-pool.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default (printf "v%s" $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.priorityClass" -}}
{{- $made := ternary (printf "%s-%s" .Release.Namespace .Release.Name) "" .Values.priority.create -}}
{{- .Values.priority.className | default $made -}}
{{- end }}

{{- define "weighbridge-pool.placeholderPriorityClass" -}}
{{- $made := printf "%s-%s-placeholder" .Release.Namespace .Release.Name -}}
{{- .Values.placeholders.priorityClassName | default $made -}}
{{- end }}

{{/* What scales: a Rollout has the name of its Deployment. */}}
{{- define "weighbridge-pool.scaleTarget" -}}
{{- if .Values.rollout.enabled -}}
apiVersion: argoproj.io/v1alpha1
kind: Rollout
{{- else -}}
apiVersion: apps/v1
kind: Deployment
{{- end }}
name: {{ .Release.Name }}
{{- end }}

{{/* Requests that run in a pod when it is as full as it is to be. To a thousandth, as an HPA counts. */}}
{{- define "weighbridge-pool.runningTarget" -}}
{{- round (mulf .Values.vllm.maxNumSeqs .Values.autoscaling.maxNumSeqsUsage) 3 -}}
{{- end }}

{{/* Seconds that answers in flight get: on a node that is taken away, what the notice leaves. */}}
{{- define "weighbridge-pool.drainTimeout" -}}
{{- $asked := int .Values.drain.timeoutSeconds -}}
{{- $left := sub (include "weighbridge-pool.notice" . | int) (int .Values.drain.delaySeconds) -}}
{{- ternary (min (sub $left 2) $asked) $asked .Values.spot.enabled -}}
{{- end }}

{{/* Both parts of the drain, and ten seconds for vLLM to give its GPUs back. */}}
{{- define "weighbridge-pool.grace" -}}
{{- add (int .Values.drain.delaySeconds) (include "weighbridge-pool.drainTimeout" . | int) 10 -}}
{{- end }}

{{- define "weighbridge-pool.notice" -}}
{{- $notices := dict "gke" 15 "eks" 120 "karpenter" 120 "aks" 30 -}}
{{- .Values.spot.noticeSeconds | default (get $notices .Values.spot.cloud) -}}
{{- end }}

{{- define "weighbridge-pool.peer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace }}
  {{- with .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
