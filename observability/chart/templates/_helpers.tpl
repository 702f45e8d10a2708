{{/* Labels of an object: `dict "root" . "component" "rules"`. */}}
{{- define "weighbridge-observability.labels" -}}
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

{{/* A value as it stands in an expression: a list's elements are alternatives. */}}
{{- define "weighbridge-observability.written" -}}
{{- if kindIs "slice" . }}{{ join "|" . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{/* A file of rules with the values in their places: `dict "root" . "name" "slo"`. */}}
{{- define "weighbridge-observability.filled" -}}
{{- $text := .root.Files.Get (printf "files/%s.rules.yaml" .name) -}}
{{- range $mark := regexFindAll "@[a-zA-Z.]+@" $text -1 | uniq -}}
  {{- $value := $.root.Values -}}
  {{- range $key := trimAll "@" $mark | splitList "." -}}
    {{- $value = index $value $key -}}
  {{- end -}}
  {{- $text = replace $mark (include "weighbridge-observability.written" $value) $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* Groups of rules less the alerts that nobody wants, with the operator's labels and addresses. */}}
{{- define "weighbridge-observability.groups" -}}
{{- $alerts := .root.Values.alerts -}}
{{- $groups := list -}}
{{- range $group := (include "weighbridge-observability.filled" . | fromYaml).groups -}}
  {{- $rules := list -}}
  {{- range $rule := $group.rules -}}
    {{- if $rule.alert -}}
      {{- $_ := set $rule "labels" (merge (dict) $rule.labels $alerts.labels) -}}
      {{- $_ := set $rule.annotations "runbook_url" (printf "%s%s" $alerts.runbookBase $rule.annotations.runbook_url) -}}
    {{- end -}}
    {{- if not (has ($rule.alert | default "") $alerts.disabled) -}}
      {{- $rules = append $rules $rule -}}
    {{- end -}}
  {{- end -}}
  {{- if $rules -}}
    {{- $groups = append $groups (set $group "rules" $rules) -}}
  {{- end -}}
{{- end -}}
{{- dict "groups" $groups | toYaml -}}
{{- end -}}
