{{/*
One of routes.before: `tier` and `tiers` are written out, and the tier that serves is told as the
request's tier, so that pool, log and client don't read the one that was overridden.
*/}}
{{- define "weighbridge-mesh.before" -}}
{{- $root := .root -}}
{{- $route := .route -}}
{{- $header := (include "weighbridge-mesh.names" .root | fromYaml).headers.tier -}}
{{- if or $route.tier $route.tiers -}}
{{- $wanted := include "weighbridge-mesh.wanted" $route | fromJson -}}
{{- $fallback := "" -}}
{{- range $name, $_ := $wanted -}}
  {{- $fallback = (include "weighbridge-mesh.tier" (dict "root" $root "tier" $name) | fromJson).fallback | default $fallback -}}
{{- end -}}
- name: {{ $route.name }}
  {{- with $route.match }}
  match:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  route:
    {{- range (include "weighbridge-mesh.shares" (dict "root" $root "shares" $wanted) | fromJson).all }}
    - destination:
        host: {{ .host }}
        port:
          number: {{ int64 .port }}
        {{- with .subset }}
        subset: {{ . }}
        {{- end }}
      weight: {{ int64 .weight }}
      headers:
        request:
          set:
            {{ $header }}: {{ .tier }}
    {{- end }}
  {{- include "weighbridge-mesh.patience" (dict "root" $root "fallback" $fallback) | nindent 2 }}
  {{- with omit $route "name" "match" "tier" "tiers" }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- else -}}
{{- list $route | toYaml -}}
{{- end -}}
{{- end -}}
