{{/* Faults that a schema can't see. */}}
{{- define "weighbridge-rollouts.validate" -}}
{{- $known := .Files.Get "files/known.yaml" | fromYaml -}}
{{- $tiers := dict -}}
{{- range $pool, $_ := .Values.rollouts -}}
  {{- $rollout := include "weighbridge-rollouts.rollout" (dict "root" $ "pool" $pool) | fromJson -}}
  {{- $where := printf "rollouts.%s" $pool -}}
  {{- include "weighbridge-rollouts.validateRoute" (dict "rollout" $rollout "where" $where "tiers" $tiers) -}}
  {{- include "weighbridge-rollouts.validateSteps" (dict "rollout" $rollout "where" $where) -}}
  {{- include "weighbridge-rollouts.validateEdges" (dict "root" $ "gates" $rollout.gates "edges" $known.edges "where" (printf "%s.gates" $where)) -}}
  {{- $_ := set $tiers $rollout.tier $pool -}}
  {{- if $.Values.checkCluster }}{{ include "weighbridge-rollouts.validateCluster" (dict "root" $ "rollout" $rollout "where" $where) }}{{ end -}}
{{- end -}}
{{- include "weighbridge-rollouts.validateEdges" (dict "root" . "gates" .Values.gates "edges" $known.edges "where" "gates") -}}
{{- include "weighbridge-rollouts.validateCustom" (dict "root" . "known" $known) -}}
{{- end -}}

{{/* Who writes which route: two rollouts on one would undo each other's weights. */}}
{{- define "weighbridge-rollouts.validateRoute" -}}
{{- $rollout := .rollout -}}
{{- with index .tiers $rollout.tier -}}
  {{- fail (printf "%s.tier: tier %q is that of rollouts.%s already: expected one rollout a tier, as each writes the weights of its tier's route" $.where $rollout.tier .) -}}
{{- end -}}
{{- if not $rollout.routes -}}
  {{- fail (printf "%s.routes: expected the names of the VirtualService's routes that it moves, came none; leave it out for tier-%s" .where $rollout.tier) -}}
{{- end -}}
{{- range list "stable" "canary" -}}
  {{- if not (index $rollout (printf "%sService" .)) -}}
    {{- fail (printf "%s.services.%s: a rollout without a Service for its %s; expected its name, or leave it out for %s-%s" $.where . . $rollout.pool .) -}}
  {{- end -}}
{{- end -}}
{{- if eq $rollout.stableService $rollout.canaryService -}}
  {{- fail (printf "%s.services: expected two Services, came %s for both" .where $rollout.stableService) -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-rollouts.validateSteps" -}}
{{- $rollout := .rollout -}}
{{- $before := 0 -}}
{{- range $rollout.weights -}}
  {{- if le (int .) $before -}}
    {{- fail (printf "%s.weights: expected weights that rise, came %v" $.where $rollout.weights) -}}
  {{- end -}}
  {{- $before = int . -}}
{{- end -}}
{{- if not (has (len $rollout.pauses) (list 1 (len $rollout.weights))) -}}
  {{- fail (printf "%s.pauses: expected one for all weights or one for each of the %d, came %d" .where (len $rollout.weights) (len $rollout.pauses)) -}}
{{- end -}}
{{- $approval := int $rollout.approvalBefore -}}
{{- $listed := list -}}
{{- range $rollout.weights }}{{ $listed = append $listed (int .) }}{{ end -}}
{{- if and $approval (not (has $approval $listed)) -}}
  {{- fail (printf "%s.approvalBefore: expected 0 or one of the weights %v, came %d" .where $rollout.weights $approval) -}}
{{- end -}}
{{- if and $rollout.dynamicStableScale (not (kindIs "invalid" $rollout.scaleDownDelaySeconds)) -}}
  {{- fail (printf "%s.dynamicStableScale: Argo Rollouts refuses it beside scaleDownDelaySeconds; set scaleDownDelaySeconds to null, or leave stable fully scaled" .where) -}}
{{- end -}}
{{- if and $rollout.dynamicStableScale (ge $before 100) -}}
  {{- fail (printf "%s.dynamicStableScale: a weight of 100 takes stable's last pod away while gateways still send to it (503); end weights below 100, or leave stable fully scaled" .where) -}}
{{- end -}}
{{- if and $rollout.smoke.enabled (not $rollout.testers.enabled) -}}
  {{- fail (printf "%s.smoke: it reaches the canary by the testers' header; expected testers.enabled beside it, or smoke.enabled: false" .where) -}}
{{- end -}}
{{- end -}}

{{/* On an edge p95 <= limit says exactly that 95 % came within it; between two it is guessed. */}}
{{- define "weighbridge-rollouts.validateEdges" -}}
{{- range $name, $gate := include "weighbridge-rollouts.gates" .root | fromJson -}}
  {{- range $field, $histogram := $gate.edges -}}
    {{- $edges := index $.edges $histogram -}}
    {{- $limit := index $.gates $name $field -}}
    {{- if not (has (float64 $limit) $edges) -}}
      {{- fail (printf "%s.%s.%s: expected an edge of vLLM's %s buckets, as between two of them a quantile is a guess: one of %s; came %v" $.where $name $field $histogram (join ", " $edges) $limit) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-rollouts.validateCustom" -}}
{{- $records := concat .known.records .root.Values.rules.own -}}
{{- $builtin := .root.Files.Get "files/gates.yaml" | fromYaml -}}
{{- $templates := list (include "weighbridge-rollouts.smokeName" . | trimPrefix "weighbridge-") -}}
{{- range $builtin }}{{ $templates = append $templates .template }}{{ end -}}
{{- range .root.Values.gates.custom -}}
  {{- if has .name $templates -}}
    {{- fail (printf "gates.custom: name %q is taken: expected another than %s" .name (join ", " ($templates | sortAlpha))) -}}
  {{- end -}}
  {{- $templates = append $templates .name -}}
  {{- if not (has .record $records) -}}
    {{- fail (printf "gates.custom: gate %q reads %q, which no rule records, so that it would never have data; expected one of %s, or its rule loaded and its name in rules.own" .name .record (join ", " $records)) -}}
  {{- end -}}
  {{- if and .againstStable .steps -}}
    {{- fail (printf "gates.custom: gate %q: againstStable says nothing at a weight of 100, where stable has no requests; leave out steps" .name) -}}
  {{- end -}}
  {{- $edges := list -}}
  {{- if hasPrefix "pool_revision:ttft_seconds:p" .record }}{{ $edges = $.known.edges.ttft }}{{ end -}}
  {{- if hasPrefix "pool_revision:itl_seconds:p" .record }}{{ $edges = $.known.edges.itl }}{{ end -}}
  {{- if and $edges (not .againstStable) (not (has (float64 .limit) $edges)) -}}
    {{- fail (printf "gates.custom: gate %q: expected a limit on an edge of the histogram's buckets: one of %s; came %v" .name (join ", " $edges) .limit) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What must be there already, where Helm reaches a cluster (not so in `helm template`). */}}
{{- define "weighbridge-rollouts.validateCluster" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $rollout := .rollout -}}
{{- if lookup "v1" "Namespace" "" $namespace -}}
  {{- if not (lookup "apps/v1" "Deployment" $namespace $rollout.pool) -}}
    {{- fail (printf "%s: namespace %s has no Deployment %s; install models/chart as release %s first" .where $namespace $rollout.pool $rollout.pool) -}}
  {{- end -}}
  {{- range list $rollout.stableService $rollout.canaryService -}}
    {{- if not (lookup "v1" "Service" $namespace .) -}}
      {{- fail (printf "%s: namespace %s has no Service %s; set rollout.enabled in the values of the pool %s" $.where $namespace . $rollout.pool) -}}
    {{- end -}}
  {{- end -}}
  {{- include "weighbridge-rollouts.validateMesh" . -}}
{{- end -}}
{{- end -}}

{{- define "weighbridge-rollouts.validateMesh" -}}
{{- $rollout := .rollout -}}
{{- $mesh := .root.Values.mesh -}}
{{- $service := lookup "networking.istio.io/v1" "VirtualService" $mesh.namespace $mesh.virtualService -}}
{{- $subsets := dict -}}
{{- range dig "spec" "http" list $service -}}
  {{- if has (.name | default "") $rollout.routes -}}
    {{- range .route }}{{ $subsets = set $subsets (.destination.subset | default "") true }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- if not (and (hasKey $subsets $mesh.subsets.stable) (hasKey $subsets $mesh.subsets.canary)) -}}
  {{- fail (printf "%s: the VirtualService %s in namespace %s has no route %s with the subsets %s and %s; set tiers.%s.subsets.enabled in the mesh's values" .where $mesh.virtualService $mesh.namespace (join ", " $rollout.routes) $mesh.subsets.stable $mesh.subsets.canary $rollout.tier) -}}
{{- end -}}
{{- end -}}
