{{/* Receipts for the meter and spans for the collector. */}}

{{/* Who a request is billed to, in the words of Envoy's access logs; empty: not told. */}}
{{- define "weighbridge-mesh.team" -}}
{{- include "weighbridge-mesh.payer" .Values.metering.team -}}
{{- end -}}

{{- define "weighbridge-mesh.user" -}}
{{- include "weighbridge-mesh.payer" .Values.metering.user -}}
{{- end -}}

{{- define "weighbridge-mesh.payer" -}}
{{- if eq .by "header" -}}
{{- printf "%%REQ(%s)%%" .key -}}
{{- else if eq .by "jwt-claim" -}}
{{- printf "%%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:%s)%%" .key -}}
{{- end -}}
{{- end -}}

{{/* The access logger that sends receipts, without what is not to be told. */}}
{{- define "weighbridge-mesh.receiptLog" -}}
{{- $log := include "weighbridge-mesh.shared" (dict "root" . "file" "receipt_log") | fromYaml -}}
{{- $told := list -}}
{{- range $log.typed_config.attributes.values -}}
{{- if .value.string_value }}{{ $told = append $told . }}{{ end -}}
{{- end -}}
{{- $_ := set $log.typed_config.attributes "values" $told -}}
{{- toYaml $log -}}
{{- end -}}

{{/* Millionths of all requests whose spans are recorded. */}}
{{- define "weighbridge-mesh.traceParts" -}}
{{- round (mulf .Values.tracing.sample 1000000) 0 | int64 -}}
{{- end -}}
