{{/* Names and labels. */}}

{{- define "weighbridge-router.name" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weighbridge-router.labels" -}}
{{ include "weighbridge-router.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: weighbridge
app.kubernetes.io/component: router
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Of the pods in mode service; the gateway's pods in mode sidecar bear this one label instead. */}}
{{- define "weighbridge-router.pod-selector" -}}
{{- if eq .Values.mode "sidecar" -}}
weighbridge.dev/router: {{ include "weighbridge-router.name" . }}
{{- else -}}
{{ include "weighbridge-router.selector" . }}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.service-account" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "weighbridge-router.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}
