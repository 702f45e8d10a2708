{{/*
One rule of the HTTPRoute: `rule` is what it says beside backends and timeout, `shares` percent by
tier. `own`: the request's tier is set to the one that serves.
*/}}
{{- define "weighbridge-mesh.httpRule" -}}
{{- $root := .root -}}
{{- $header := (include "weighbridge-mesh.names" .root | fromYaml).headers.tier -}}
{{- $own := .own -}}
{{- /* An answer may stream for minutes: silence is bounded, not length. */ -}}
- {{ merge (dict) .rule (dict "timeouts" (dict "request" "0s")) | toYaml | nindent 2 | trim }}
  {{- with .shares }}
  backendRefs:
    {{- range (include "weighbridge-mesh.shares" (dict "root" $root "shares" .) | fromJson).all }}
    - name: {{ splitList "." .host | first }}
      namespace: {{ index (splitList "." .host) 1 }}
      port: {{ int64 .port }}
      weight: {{ int64 .weight }}
      {{- if $own }}
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set:
              - name: {{ $header }}
                value: {{ .tier }}
      {{- end }}
    {{- end }}
  {{- end }}
{{- end -}}
