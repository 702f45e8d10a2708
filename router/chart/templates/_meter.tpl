{{/* The meter: names, labels and arguments. Its own name keeps it out of the router's selectors. */}}

{{- define "weighbridge-router.meter-name" -}}
{{ include "weighbridge-router.name" . | trunc 57 | trimSuffix "-" }}-meter
{{- end }}

{{- define "weighbridge-router.meter-selector" -}}
app.kubernetes.io/name: weighbridge-meter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weighbridge-router.meter-labels" -}}
{{ include "weighbridge-router.meter-selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: weighbridge
app.kubernetes.io/component: meter
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "weighbridge-router.meter-port" -}}9003{{- end }}
{{- define "weighbridge-router.meter-metrics-port" -}}9091{{- end }}
{{- define "weighbridge-router.meter-prices-folder" -}}/etc/weighbridge-catalog{{- end }}

{{- define "weighbridge-router.meter-args" -}}
- meter
- --listen=0.0.0.0:{{ include "weighbridge-router.meter-port" . }}
- --metrics=0.0.0.0:{{ include "weighbridge-router.meter-metrics-port" . }}
{{- with .Values.meter }}
{{- range $tier, $model := .models }}
- --model={{ $tier }}={{ $model }}
{{- end }}
- --reference={{ .referenceTier }}
- --teams={{ .teams }}
{{- range .knownTeams }}
- {{ printf "--team=%s" . | quote }}
{{- end }}
- --users={{ .users }}
{{- if .pricesConfigMap }}
- --catalog={{ include "weighbridge-router.meter-prices-folder" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "weighbridge-router.meter-check" -}}
{{- with .Values.meter -}}
{{- if and .enabled (not (hasKey .models .referenceTier)) -}}
{{- fail (printf "meter.referenceTier: expected one of meter.models (%s), came %q" (keys .models | sortAlpha | join ", ") .referenceTier) -}}
{{- end -}}
{{- end -}}
{{- end }}
