{{/* A tier's values over those of all, as an object: `dict "root" . "tier" "small"`. */}}
{{- define "weighbridge-mesh.tier" -}}
{{- $tier := index .root.Values.tiers .tier | required (printf "tiers: expected a tier %q, came %s" .tier (keys .root.Values.tiers | sortAlpha | join ", ")) -}}
{{- mergeOverwrite (deepCopy .root.Values.tierDefaults) (deepCopy $tier) | toJson -}}
{{- end -}}

{{- define "weighbridge-mesh.tierHost" -}}
{{- $tier := include "weighbridge-mesh.tier" . | fromJson -}}
{{- include "weighbridge-mesh.host" (dict "name" $tier.host "namespace" $tier.namespace "root" .root) -}}
{{- end -}}

{{/* Labels of a tier's pods. */}}
{{- define "weighbridge-mesh.tierSelector" -}}
{{- $tier := include "weighbridge-mesh.tier" . | fromJson -}}
{{- $named := dict "app.kubernetes.io/name" (splitList "." $tier.host | first) -}}
{{- $tier.selector | default $named | toYaml -}}
{{- end -}}

{{/*
Percent for a tier's canary. Where a rollout has written its own, that stays: an upgrade of the chart
in the middle of a rollout moves nothing. (Without a cluster, as in `helm template`, it is the value.)
*/}}
{{- define "weighbridge-mesh.canaryWeight" -}}
{{- $subsets := (include "weighbridge-mesh.tier" . | fromJson).subsets -}}
{{- $weight := int $subsets.canaryWeight -}}
{{- $live := lookup "networking.istio.io/v1" "VirtualService" .root.Release.Namespace (include "weighbridge-mesh.fullname" .root) -}}
{{- range dig "spec" "http" list $live -}}
  {{- if eq (.name | default "") (printf "tier-%s" $.tier) -}}
    {{- range .route -}}
      {{- if eq (.destination.subset | default "") $subsets.canary }}{{ $weight = int (.weight | default 0) }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $weight -}}
{{- end -}}

{{/* Labels of a tier's subset: `subset` and `labels` beside root and tier. What a rollout wrote stays. */}}
{{- define "weighbridge-mesh.subsetLabels" -}}
{{- $labels := .labels | default dict -}}
{{- $namespace := (include "weighbridge-mesh.tier" . | fromJson).namespace -}}
{{- $live := lookup "networking.istio.io/v1" "DestinationRule" $namespace (printf "%s-%s" (include "weighbridge-mesh.fullname" .root) .tier) -}}
{{- range dig "spec" "subsets" list $live -}}
  {{- if eq .name $.subset }}{{ $labels = .labels | default dict }}{{ end -}}
{{- end -}}
{{- $labels | toYaml -}}
{{- end -}}

{{/*
Destinations of a tier with their weights, as {"all": [{host, port, subset, weight}]}. `fixed`: what
no rollout moves, for routes that it does not know.
*/}}
{{- define "weighbridge-mesh.destinations" -}}
{{- $tier := include "weighbridge-mesh.tier" . | fromJson -}}
{{- $host := include "weighbridge-mesh.tierHost" . -}}
{{- $all := list -}}
{{- if $tier.split -}}
  {{- range $tier.split -}}
    {{- $name := include "weighbridge-mesh.host" (dict "name" .host "namespace" $tier.namespace "root" $.root) -}}
    {{- $all = append $all (dict "host" $name "port" (.port | default $tier.port) "weight" .weight) -}}
  {{- end -}}
{{- else if not $tier.subsets.enabled -}}
  {{- $all = append $all (dict "host" $host "port" $tier.port "weight" 100) -}}
{{- else if .fixed -}}
  {{- $all = append $all (dict "host" $host "port" $tier.port "subset" $tier.subsets.stable "weight" 100) -}}
{{- else -}}
  {{- $canary := include "weighbridge-mesh.canaryWeight" . | int -}}
  {{- $all = append $all (dict "host" $host "port" $tier.port "subset" $tier.subsets.stable "weight" (sub 100 $canary)) -}}
  {{- $all = append $all (dict "host" $host "port" $tier.port "subset" $tier.subsets.canary "weight" $canary) -}}
{{- end -}}
{{- dict "all" $all | toJson -}}
{{- end -}}

{{/* Destinations of several tiers by percent, for routes that no rollout knows: `shares` is {tier: percent}. */}}
{{- define "weighbridge-mesh.shares" -}}
{{- $split := false -}}
{{- range $name, $_ := .shares -}}
  {{- $tier := include "weighbridge-mesh.tier" (dict "root" $.root "tier" $name) | fromJson -}}
  {{- $split = or $split (not (empty $tier.split)) -}}
{{- end -}}
{{- $all := list -}}
{{- range $name, $share := .shares -}}
  {{- $of := dict "root" $.root "tier" $name "fixed" true -}}
  {{- range (include "weighbridge-mesh.destinations" $of | fromJson).all -}}
    {{- $all = append $all (merge (dict "tier" $name "weight" (ternary (mul $share .weight) (int $share) $split)) .) -}}
  {{- end -}}
{{- end -}}
{{- dict "all" $all | toJson -}}
{{- end -}}

{{/* Percent by tier of one of routes.before. */}}
{{- define "weighbridge-mesh.wanted" -}}
{{- .tiers | default (dict (.tier | default "") 100) | toJson -}}
{{- end -}}

{{/* The same as a VirtualService writes it. */}}
{{- define "weighbridge-mesh.route" -}}
{{- $all := (include "weighbridge-mesh.destinations" . | fromJson).all -}}
{{- range $all }}
- destination:
    host: {{ .host }}
    port:
      number: {{ int64 .port }}
    {{- with .subset }}
    subset: {{ . }}
    {{- end }}
  {{- if gt (len $all) 1 }}
  weight: {{ int64 .weight }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* What all routes to pools have; `fallback`: whether others may take the last attempt. */}}
{{- define "weighbridge-mesh.patience" -}}
{{- $names := include "weighbridge-mesh.names" .root | fromYaml -}}
# No `timeout`: an answer may stream for minutes. Silence is bounded, not length.
retries:
  attempts: {{ int64 .root.Values.retries.attempts }}
  {{- if .root.Values.retries.attempts }}
  retryOn: {{ $names.safeRetries }}{{ if .root.Values.retries.begun }},reset{{ end }}
  {{- if .fallback }}
  # The last attempt leaves the pool for those that take over.
  retryRemoteLocalities: true
  {{- end }}
  {{- end }}
{{- end -}}

{{/* Not empty if any tier has a fallback. */}}
{{- define "weighbridge-mesh.anyFallback" -}}
{{- range $name, $_ := .Values.tiers -}}
  {{- (include "weighbridge-mesh.tier" (dict "root" $ "tier" $name) | fromJson).fallback -}}
{{- end -}}
{{- end -}}

{{/* Each host of a tier once, as {"all": [{host, port, subsets}]}. */}}
{{- define "weighbridge-mesh.hosts" -}}
{{- $tier := include "weighbridge-mesh.tier" . | fromJson -}}
{{- $all := list -}}
{{- if $tier.split -}}
  {{- range (include "weighbridge-mesh.destinations" . | fromJson).all -}}
    {{- $all = append $all (dict "host" .host "port" .port "subsets" (list "")) -}}
  {{- end -}}
{{- else if $tier.subsets.enabled -}}
  {{- $all = append $all (dict "host" (include "weighbridge-mesh.tierHost" .) "port" $tier.port "subsets" (list $tier.subsets.stable $tier.subsets.canary)) -}}
{{- else -}}
  {{- $all = append $all (dict "host" (include "weighbridge-mesh.tierHost" .) "port" $tier.port "subsets" (list "")) -}}
{{- end -}}
{{- dict "all" $all | toJson -}}
{{- end -}}

{{/* What GET /v1/models answers. */}}
{{- define "weighbridge-mesh.modelList" -}}
{{- $names := list -}}
{{- range $tier := .Values.tiers -}}
  {{- $names = concat $names ($tier.models | default list) -}}
{{- end -}}
{{- $data := list -}}
{{- range concat $names .Values.modelList.extra | uniq | sortAlpha -}}
  {{- $data = append $data (dict "id" . "object" "model" "created" 0 "owned_by" "weighbridge") -}}
{{- end -}}
{{- dict "object" "list" "data" $data | toJson -}}
{{- end -}}

{{/* Faults that a schema can't see. */}}
{{- define "weighbridge-mesh.validate" -}}
{{- $tiers := .Values.tiers -}}
{{- $known := keys $tiers | sortAlpha | join ", " -}}
{{- if not (hasKey $tiers .Values.fallbackTier) -}}
  {{- fail (printf "fallbackTier: expected one of %s, came %q" $known .Values.fallbackTier) -}}
{{- end -}}
{{- range $name, $_ := $tiers -}}
  {{- $tier := include "weighbridge-mesh.tier" (dict "root" $ "tier" $name) | fromJson -}}
  {{- if and $tier.fallback (or (not (hasKey $tiers $tier.fallback)) (eq $tier.fallback $name)) -}}
    {{- fail (printf "tiers.%s.fallback: expected another of %s, came %q" $name $known $tier.fallback) -}}
  {{- end -}}
  {{- if and $tier.split $tier.subsets.enabled -}}
    {{- fail (printf "tiers.%s: split and subsets can't be used together: a rollout moves the weights of two subsets of one host" $name) -}}
  {{- end -}}
  {{- $sum := 0 -}}
  {{- range $tier.split }}{{ $sum = add $sum .weight }}{{ end -}}
  {{- if and $tier.split (ne (int $sum) 100) -}}
    {{- fail (printf "tiers.%s.split: expected weights of 100 in all, came %d" $name $sum) -}}
  {{- end -}}
  {{- if and $tier.subsets.enabled (eq $.Values.api "gateway-api") -}}
    {{- fail (printf "tiers.%s.subsets: an HTTPRoute knows no subsets; use api: istio, or split over two Services" $name) -}}
  {{- end -}}
{{- end -}}
{{- $rules := add (len .Values.routes.before) (len $tiers) 1 -}}
{{- if and (eq .Values.api "gateway-api") (gt $rules 16) -}}
  {{- fail (printf "routes.before: an HTTPRoute holds 16 rules; with those of the tiers and of failing open these are %d; use api: istio" $rules) -}}
{{- end -}}
{{- range .Values.routes.before -}}
  {{- $route := .name -}}
  {{- $chosen := .tiers | default dict -}}
  {{- range $name := concat (compact (list (.tier | default ""))) (keys $chosen) -}}
    {{- if not (hasKey $tiers $name) -}}
      {{- fail (printf "routes.before: route %q: expected one of %s, came %q" $route $known $name) -}}
    {{- end -}}
  {{- end -}}
  {{- $sum := 0 -}}
  {{- range $chosen }}{{ $sum = add $sum . }}{{ end -}}
  {{- if and $chosen (ne (int $sum) 100) -}}
    {{- fail (printf "routes.before: route %q: expected percentages of 100 in all, came %d" $route $sum) -}}
  {{- end -}}
{{- end -}}
{{- $named := list -}}
{{- range .Values.routes.before }}{{ $named = append $named .name }}{{ end -}}
{{- range .Values.routes.optOut -}}
  {{- if not (has . $named) -}}
    {{- fail (printf "routes.optOut: expected names of routes.before (%s), came %q" (join ", " $named | default "none") .) -}}
  {{- end -}}
{{- end -}}
{{- if and (eq .Values.gateway.http.mode "redirect") (not .Values.gateway.https.enabled) -}}
  {{- fail "gateway.http.mode: redirect needs gateway.https.enabled; expected serve or off" -}}
{{- end -}}
{{- if and (eq .Values.gateway.http.mode "off") (not .Values.gateway.https.enabled) -}}
  {{- fail "gateway: expected https.enabled or http.mode: serve, came neither" -}}
{{- end -}}
{{- with .Values.gateway.https -}}
{{- if and .enabled (eq $.Values.api "gateway-api") (ne .minProtocolVersion "TLSV1_2") -}}
  {{- fail (printf "gateway.https.minProtocolVersion: a Gateway of Gateway API has no lowest version of TLS, and Istio's is TLSV1_2; came %s; use api: istio" .minProtocolVersion) -}}
{{- end -}}
{{- end -}}
{{- if .Values.metering.enabled -}}
{{- range $who := list "team" "user" -}}
{{- $payer := get $.Values.metering $who -}}
{{- if and (eq $payer.by "jwt-claim") (not $.Values.jwt.enabled) -}}
  {{- fail (printf "metering.%s.by: jwt-claim needs jwt.enabled" $who) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.rateLimit.by "jwt-claim") .Values.rateLimit.enabled (not .Values.jwt.enabled) -}}
  {{- fail "rateLimit.by: jwt-claim needs jwt.enabled" -}}
{{- end -}}
{{- end -}}
