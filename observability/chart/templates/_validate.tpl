{{/* Faults that a schema can't see. */}}
{{- define "weighbridge-observability.validate" -}}
{{- $known := list -}}
{{- range $name, $_ := .Values.rules -}}
  {{- range $group := (include "weighbridge-observability.filled" (dict "root" $ "name" $name) | fromYaml).groups -}}
    {{- range $rule := $group.rules -}}
      {{- with $rule.alert }}{{ $known = append $known . }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range .Values.alerts.disabled -}}
  {{- if not (has . $known) -}}
    {{- fail (printf "alerts.disabled: there is no alert %s; there are %s" . ($known | sortAlpha | join ", ")) -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.rules.slo (not (and .Values.rules.router .Values.rules.gateway .Values.rules.pools)) -}}
  {{- fail "rules.slo is made of what rules.router, rules.gateway and rules.pools record: all three must be true, or slo false" -}}
{{- end -}}
{{- if and .Values.rules.gateway (not .Values.rules.pools) -}}
  {{- fail "rules.gateway takes each pool's tier from what rules.pools records: it must be true, or gateway false" -}}
{{- end -}}
{{- end -}}
