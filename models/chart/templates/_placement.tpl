{{/* Which nodes: of the pool's pods, and of the placeholders that keep room for them. */}}

{{- define "weighbridge-pool.nodes" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "weighbridge-pool.tolerations" . }}
tolerations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "weighbridge-pool.tolerations" -}}
{{- if .Values.gpu.count -}}
- key: {{ .Values.gpu.resource }}
  operator: Exists
{{ end -}}
{{- if .Values.spot.enabled -}}
{{- with get (include "weighbridge-pool.spotTaints" . | fromYaml) .Values.spot.cloud -}}
{{ toYaml . }}
{{ end -}}
{{- end -}}
{{- with .Values.tolerations -}}
{{ toYaml . }}
{{- end -}}
{{- end }}

{{/* AKS taints its spot nodes, GKE those it makes by itself; EKS and Karpenter leave it to you. */}}
{{- define "weighbridge-pool.spotTaints" -}}
gke:
  - {key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}
aks:
  - {key: kubernetes.azure.com/scalesetpriority, operator: Equal, value: spot, effect: NoSchedule}
{{- end }}

{{- define "weighbridge-pool.spotLabels" -}}
gke: {key: cloud.google.com/gke-spot, operator: In, values: ["true"]}
aks: {key: kubernetes.azure.com/scalesetpriority, operator: In, values: [spot]}
eks: {key: eks.amazonaws.com/capacityType, operator: In, values: [SPOT]}
karpenter: {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
{{- end }}

{{- define "weighbridge-pool.nodeAffinity" -}}
{{- $spot := list (get (include "weighbridge-pool.spotLabels" . | fromYaml) .Values.spot.cloud) -}}
{{- $asked := ternary $spot list (and .Values.spot.enabled .Values.spot.required) -}}
{{- $terms := include "weighbridge-pool.gpuTerms" (dict "root" . "asked" $asked) | fromYamlArray -}}
{{- if $terms }}
requiredDuringSchedulingIgnoredDuringExecution:
  # A node that meets one of them.
  nodeSelectorTerms:
    {{- toYaml $terms | nindent 4 }}
{{- end }}
{{- if and .Values.spot.enabled (not .Values.spot.required) }}
preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    preference:
      matchExpressions:
        {{- toYaml $spot | nindent 8 }}
{{- end }}
{{- end }}

{{/* A term for each label by which nodes of the GPU's type are known. */}}
{{- define "weighbridge-pool.gpuTerms" -}}
{{- $gpus := (.root.Files.Get "files/catalog.yaml" | fromYaml).gpus -}}
{{- $known := (get $gpus .root.Values.gpu.type | default dict).nodeLabels -}}
{{- $labels := ternary (.root.Values.gpu.nodeLabels | default $known) dict (gt (int .root.Values.gpu.count) 0) -}}
{{- $terms := list -}}
{{- range $label, $values := $labels -}}
{{- $is := dict "key" $label "operator" "In" "values" $values -}}
{{- $terms = append $terms (dict "matchExpressions" (prepend $.asked $is)) -}}
{{- end -}}
{{- if and .asked (not $terms) -}}
{{- $terms = list (dict "matchExpressions" .asked) -}}
{{- end -}}
{{ toYaml $terms }}
{{- end }}

{{- define "weighbridge-pool.affinity" -}}
{{- $nodes := include "weighbridge-pool.nodeAffinity" .root | trim -}}
{{- if or $nodes .apart -}}
affinity:
  {{- with $nodes }}
  nodeAffinity:
    {{- . | nindent 4 }}
  {{- end }}
  {{- if .apart }}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "weighbridge-pool.selector" .root | nindent 12 }}
  {{- end }}
{{- end -}}
{{- end }}

{{/* By revision: the new one's pods are spread among themselves. A Rollout labels pods its own way. */}}
{{- define "weighbridge-pool.spread" -}}
{{- $keys := dict "nodes" "kubernetes.io/hostname" "zones" "topology.kubernetes.io/zone" -}}
{{- range $what := list "nodes" "zones" -}}
{{- $mode := get $.Values.spread $what -}}
{{- if ne $mode "Ignore" }}
- maxSkew: 1
  topologyKey: {{ get $keys $what }}
  whenUnsatisfiable: {{ $mode }}
  labelSelector:
    matchLabels:
      {{- include "weighbridge-pool.selector" $ | nindent 6 }}
  matchLabelKeys: [{{ ternary "rollouts-pod-template-hash" "pod-template-hash" $.Values.rollout.enabled }}]
{{- end }}
{{- end }}
{{- end }}
