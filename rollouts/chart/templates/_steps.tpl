{{/*
Steps of a rollout as JSON: {"steps": […], "first": number of the first that sets a weight}. Some come
as text, since their arguments are YAML.
*/}}
{{- define "weighbridge-rollouts.steps" -}}
{{- $rollout := .rollout -}}
{{- $steps := list (dict "setCanaryScale" (dict "replicas" (int64 $rollout.canaryReplicas))) -}}
{{- if $rollout.testers.enabled -}}
  {{- $match := dict "headerName" "x-weighbridge-canary" "headerValue" (dict "exact" ($rollout.testers.value | default $rollout.tier)) -}}
  {{- $steps = append $steps (dict "setHeaderRoute" (dict "name" (printf "canary-%s" $rollout.tier) "match" (list $match))) -}}
  {{- $steps = append $steps (dict "pause" (dict "duration" $rollout.settle)) -}}
{{- end -}}
{{- if $rollout.smoke.enabled -}}
  {{- $steps = append $steps (dict "analysis" (include "weighbridge-rollouts.smokeStep" . | fromYaml)) -}}
{{- end -}}
{{- with $rollout.testersPause -}}
  {{- $steps = append $steps (dict "pause" (dict "duration" .)) -}}
{{- end -}}
{{- if $rollout.mirror.percentage -}}
  {{- $name := printf "mirror-%s" $rollout.tier -}}
  {{- $match := dict "headers" (dict "x-weighbridge-tier" (dict "exact" $rollout.tier)) -}}
  {{- $steps = append $steps (dict "setMirrorRoute" (dict "name" $name "percentage" (int64 $rollout.mirror.percentage) "match" (list $match))) -}}
  {{- $steps = append $steps (dict "pause" (dict "duration" $rollout.mirror.pause)) -}}
  {{- $steps = concat $steps (include "weighbridge-rollouts.analysisSteps" (merge (dict "last" false) .) | fromJsonArray) -}}
  {{- $steps = append $steps (dict "setMirrorRoute" (dict "name" $name)) -}}
{{- end -}}
{{- if $rollout.experiment.enabled -}}
  {{- $steps = append $steps (dict "experiment" (include "weighbridge-rollouts.experimentStep" . | fromYaml)) -}}
{{- end -}}
{{/* Not matchTrafficWeight yet: at weight 0 it would end the pods that were tried. */}}
{{- $steps = append $steps (dict "setCanaryScale" (dict "weight" (first $rollout.weights | int64))) -}}
{{- $first := -1 -}}
{{- range $index, $weight := $rollout.weights -}}
  {{- if eq (int $weight) (int $rollout.approvalBefore) -}}
    {{- $steps = append $steps (dict "pause" dict) -}}
  {{- end -}}
  {{- if not $index }}{{ $first = len $steps }}{{ end -}}
  {{- $steps = append $steps (dict "setWeight" (int64 $weight)) -}}
  {{- if not $index }}{{ $steps = append $steps (dict "setCanaryScale" (dict "matchTrafficWeight" true)) }}{{ end -}}
  {{- $pause := index $rollout.pauses (ternary 0 $index (eq (len $rollout.pauses) 1)) -}}
  {{- $steps = append $steps (dict "pause" (dict "duration" $pause)) -}}
  {{- $steps = concat $steps (include "weighbridge-rollouts.analysisSteps" (merge (dict "last" (eq (int $weight) 100)) $) | fromJsonArray) -}}
{{- end -}}
{{- dict "steps" $steps "first" $first | toJson -}}
{{- end -}}

{{/* The step that judges, in a list; an empty one where every gate is off or a dry run. */}}
{{- define "weighbridge-rollouts.analysisSteps" -}}
{{- $steps := list -}}
{{- $of := merge (dict "stepping" true) . -}}
{{- if include "weighbridge-rollouts.judged" $of | fromJson -}}
  {{- $steps = append $steps (dict "analysis" (include "weighbridge-rollouts.analysis" $of | fromYaml)) -}}
{{- end -}}
{{- $steps | toJson -}}
{{- end -}}

{{- define "weighbridge-rollouts.smokeStep" -}}
{{- $rollout := .rollout -}}
templates:
  - templateName: {{ include "weighbridge-rollouts.smokeName" . }}
    {{- if .root.Values.clusterScoped }}
    clusterScope: true
    {{- end }}
args:
  {{- include "weighbridge-rollouts.identity" . | nindent 2 }}
  - {name: canary-header, value: {{ $rollout.testers.value | default $rollout.tier | quote }}}
  - {name: model, value: {{ $rollout.smoke.model | quote }}}
  - {name: iterations, value: {{ int64 $rollout.smoke.iterations | quote }}}
  - {name: fewest-answers, value: {{ div (int64 $rollout.smoke.iterations) 2 | quote }}}
  - {name: answer-seconds, value: {{ $rollout.smoke.answerSeconds | toString | quote }}}
  - {name: error-limit, value: {{ int64 $rollout.analysis.errors | quote }}}
  - {name: inconclusive-limit, value: {{ int64 $rollout.analysis.inconclusives | quote }}}
{{- end -}}

{{/*
Fresh pods of both versions, each with a weight, compared by the gates that need no subset. It ends by
its gates: a duration would take its pods away while they still have their weights (docs/adr/0020).
*/}}
{{- define "weighbridge-rollouts.experimentStep" -}}
{{- $rollout := .rollout -}}
{{- $analysis := $rollout.analysis -}}
# Until gateways know that they have no weight any more.
scaleDownDelaySeconds: {{ include "weighbridge-rollouts.seconds" $rollout.settle }}
templates:
{{- range $side, $version := dict "baseline" "stable" "candidate" "canary" }}
  - name: {{ $side }}
    specRef: {{ $version }}
    replicas: {{ int64 $rollout.experiment.replicas }}
    weight: {{ int64 $rollout.experiment.weight }}
    service: {name: {{ $rollout.pool }}-{{ $side }}}
    # Another label is another hash: else they would count, and be reached, as the rollout's own pods.
    metadata:
      labels: {weighbridge.dev/experiment: {{ $side }}}
{{- end }}
analyses:
{{- range $name, $gate := include "weighbridge-rollouts.judged" (merge (dict "stepping" true "last" false) .) | fromJson }}
{{- if ne $name "errors" }}
  - name: {{ $gate.template }}
    templateName: weighbridge-{{ $gate.template }}
    {{- if $.root.Values.clusterScoped }}
    clusterScope: true
    {{- end }}
    requiredForCompletion: true
    args:
      - {name: pool, value: {{ $rollout.pool }}}
      - {name: namespace, value: {{ $.root.Release.Namespace }}}
      - {name: canary-revision, value: {{ "{{templates.candidate.podTemplateHash}}" | quote }}}
      - {name: stable-revision, value: {{ "{{templates.baseline.podTemplateHash}}" | quote }}}
      - {name: min-requests, value: {{ int64 $analysis.minRequests | quote }}}
      - {name: interval, value: {{ $rollout.interval }}}
      - {name: initial-delay, value: {{ $analysis.initialDelay }}}
      - {name: success-limit, value: {{ int64 $rollout.successes | quote }}}
      - {name: failure-limit, value: {{ int64 $analysis.failures | quote }}}
      - {name: inconclusive-limit, value: {{ int64 $analysis.inconclusives | quote }}}
      - {name: error-limit, value: {{ int64 $analysis.errors | quote }}}
      {{- $values := index $rollout.gates $name }}
      {{- range $arg, $field := $gate.args }}
      - {name: {{ $arg }}, value: {{ index $values $field | toString | quote }}}
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A duration such as 90s or 2m in seconds. */}}
{{- define "weighbridge-rollouts.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int) (index (dict "s" 1 "m" 60 "h" 3600) (regexFind "[smh]$" .)) -}}
{{- end -}}
