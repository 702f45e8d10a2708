{{/* A pool's values: its own over the defaults, over those of its preset; as JSON. `dict "root" . "pool" "a"`. */}}
{{- define "weighbridge-rollouts.rollout" -}}
{{- $own := index .root.Values.rollouts .pool -}}
{{- $defaults := .root.Values.defaults -}}
{{- $presets := .root.Files.Get "files/presets.yaml" | fromYaml -}}
{{- $preset := $own.preset | default $defaults.preset -}}
{{- if not (hasKey $presets $preset) -}}
  {{- fail (printf "rollouts.%s.preset: expected one of %s, came %q" .pool (keys $presets | sortAlpha | join ", ") $preset) -}}
{{- end -}}
{{- $all := mergeOverwrite (deepCopy (index $presets $preset)) (deepCopy $defaults) (dict "gates" (omit .root.Values.gates "custom" | deepCopy)) (deepCopy $own) -}}
{{- $_ := set $all "pool" .pool -}}
{{- $_ := set $all "routes" ($all.routes | default (list (printf "tier-%s" $all.tier))) -}}
{{- $_ := set $all "stableService" ($all.services.stable | default (printf "%s-stable" .pool)) -}}
{{- $_ := set $all "canaryService" ($all.services.canary | default (printf "%s-canary" .pool)) -}}
{{- if hasKey ($own.services | default dict) "canary" -}}{{- $_ := set $all "canaryService" $own.services.canary -}}{{- end -}}
{{- if hasKey ($own.services | default dict) "stable" -}}{{- $_ := set $all "stableService" $own.services.stable -}}{{- end -}}
{{- if hasKey $own "routes" -}}{{- $_ := set $all "routes" $own.routes -}}{{- end -}}
{{- range $name := list "replicas" "scaleDownDelaySeconds" -}}
  {{- if and (hasKey $own $name) (kindIs "invalid" (index $own $name)) }}{{ $_ := set $all $name nil }}{{ end -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/*
Which gates are judged, as JSON: `stepping` those of a step, `last` whether stable has no requests then.
A dry run stands in the background alone: a step would wait for its verdict.
*/}}
{{- define "weighbridge-rollouts.judged" -}}
{{- $rollout := .rollout -}}
{{- $judged := dict -}}
{{- range $name, $gate := include "weighbridge-rollouts.gates" .root | fromJson -}}
  {{- $values := include "weighbridge-rollouts.gateValues" (dict "root" $.root "rollout" $rollout "name" $name) | fromJson -}}
  {{- $wanted := and $values.enabled (or (not $.stepping) (and $gate.steps (not $values.dryRun))) (not (and $.last $gate.stable)) -}}
  {{- if $wanted }}{{ $judged = set $judged $name $gate }}{{ end -}}
{{- end -}}
{{- $judged | toJson -}}
{{- end -}}

{{/* A gate's values in a rollout; one of the operator's own has the same in all. */}}
{{- define "weighbridge-rollouts.gateValues" -}}
{{- $values := index .rollout.gates .name | default dict -}}
{{- range .root.Values.gates.custom }}{{ if eq .name $.name }}{{ $values = merge (dict "enabled" true) . }}{{ end }}{{ end -}}
{{- $values | toJson -}}
{{- end -}}

{{/* Templates, arguments and dry runs of an analysis. */}}
{{- define "weighbridge-rollouts.analysis" -}}
{{- $rollout := .rollout -}}
{{- $analysis := $rollout.analysis -}}
{{- $judged := include "weighbridge-rollouts.judged" . | fromJson -}}
{{- $dry := list -}}
templates:
{{- range $name, $gate := $judged }}
  - templateName: weighbridge-{{ $gate.template }}
    {{- if $.root.Values.clusterScoped }}
    clusterScope: true
    {{- end }}
    {{- if (include "weighbridge-rollouts.gateValues" (dict "root" $.root "rollout" $rollout "name" $name) | fromJson).dryRun }}
    {{- range $gate.metrics }}{{ $dry = append $dry .name }}{{ end }}
    {{- end }}
{{- end }}
args:
  {{- include "weighbridge-rollouts.identity" . | nindent 2 }}
  - {name: min-requests, value: {{ int64 $analysis.minRequests | quote }}}
  - {name: tail-min-requests, value: {{ int64 $analysis.tailMinRequests | quote }}}
  - {name: interval, value: {{ $rollout.interval }}}
  - {name: failure-limit, value: {{ int64 $analysis.failures | quote }}}
  - {name: error-limit, value: {{ int64 $analysis.errors | quote }}}
  {{- if .stepping }}
  - {name: success-limit, value: {{ int64 $rollout.successes | quote }}}
  - {name: inconclusive-limit, value: {{ int64 $analysis.inconclusives | quote }}}
  {{- else }}
  - {name: count, value: "0"}
  - {name: initial-delay, value: {{ $analysis.initialDelay }}}
  - {name: inconclusive-limit, value: {{ int64 $analysis.backgroundInconclusives | quote }}}
  {{- end }}
  {{- range $name, $gate := $judged }}
  {{- $values := index $rollout.gates $name }}
  {{- range $arg, $field := $gate.args }}
  - {name: {{ $arg }}, value: {{ index $values $field | toString | quote }}}
  {{- end }}
  {{- end }}
{{- with $dry }}
dryRun:
  {{- range . }}
  - metricName: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Which pool and which versions, as Argo fills them in. */}}
{{- define "weighbridge-rollouts.identity" -}}
- {name: pool, value: {{ .rollout.pool }}}
- {name: namespace, value: {{ .root.Release.Namespace }}}
- name: canary-revision
  valueFrom: {podTemplateHashValue: Latest}
- name: stable-revision
  valueFrom: {podTemplateHashValue: Stable}
{{- end -}}
