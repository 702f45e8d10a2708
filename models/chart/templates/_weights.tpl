{{/* Where the weights are: volumes, their mounts, and the init container that fills them. */}}

{{/* The model's folder, as vLLM sees it. */}}
{{- define "weighbridge-pool.folder" -}}
/models/{{ .Values.weights.path | default (include "weighbridge-pool.repository" .) }}
{{- end }}

{{/* Non-empty: an init container fetches them. */}}
{{- define "weighbridge-pool.downloads" -}}
{{- if has .Values.weights.source (list "download" "longhorn") }}yes{{ end -}}
{{- end }}

{{/* Non-empty: a volume is made here, and needs a size. */}}
{{- define "weighbridge-pool.madeVolume" -}}
{{- if or (eq .Values.weights.source "longhorn") (include "weighbridge-pool.emptyDir" .) }}yes{{ end -}}
{{- end }}

{{- define "weighbridge-pool.emptyDir" -}}
{{- if and (eq .Values.weights.source "download") (not .Values.weights.download.claimName) }}yes{{ end -}}
{{- end }}

{{/* GiB of the volume that is made: the weights as published, and a quarter more. */}}
{{- define "weighbridge-pool.sizeGiB" -}}
{{- $entry := include "weighbridge-pool.entry" . | fromJson -}}
{{- $own := include "weighbridge-pool.ownRepository" . -}}
{{- $published := ternary .Values.precision "bf16" (or (ne $own "") (eq .Values.precision "fp16")) -}}
{{- $bytes := get ($entry.weights | default dict) $published | default 0 | int64 -}}
{{- $gib := mul 1024 1024 1024 -}}
{{- $computed := ternary 0 (div (add (div (mul $bytes 5) 4) $gib -1) $gib) (eq $bytes 0) -}}
{{- int64 .Values.weights.sizeGiB | default $computed -}}
{{- end }}

{{- define "weighbridge-pool.claim" -}}
{{- $weights := .Values.weights -}}
{{- get (dict "pvc" $weights.pvc.claimName "download" $weights.download.claimName "longhorn" (printf "%s-weights" .Release.Name)) $weights.source -}}
{{- end }}

{{- define "weighbridge-pool.weightsVolume" -}}
name: weights
{{- if eq .Values.weights.source "hostPath" }}
hostPath:
  path: {{ .Values.weights.hostPath.path }}
  type: Directory
{{- else if eq .Values.weights.source "image" }}
image:
  reference: {{ .Values.weights.image.reference }}
  pullPolicy: {{ .Values.weights.image.pullPolicy }}
{{- else if include "weighbridge-pool.emptyDir" . }}
emptyDir:
  sizeLimit: {{ include "weighbridge-pool.sizeGiB" . }}Gi
{{- else }}
persistentVolumeClaim:
  claimName: {{ include "weighbridge-pool.claim" . }}
  {{- if eq .Values.weights.source "pvc" }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{- define "weighbridge-pool.download" -}}
name: download
image: {{ include "weighbridge-pool.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [python3, /etc/weighbridge/download.py]
args:
  - {{ include "weighbridge-pool.repository" . | quote }}
  - {{ .Values.revision | quote }}
  - {{ include "weighbridge-pool.folder" . | quote }}
  {{- range .Values.weights.download.ignore }}
  - {{ . | quote }}
  {{- end }}
env:
  {{- include "weighbridge-pool.cacheEnv" . | trim | nindent 2 }}
  # An image may be offline of itself, as that of docker/vllm.Dockerfile.
  - name: HF_HUB_OFFLINE
    value: "0"
  - name: HF_HUB_DISABLE_TELEMETRY
    value: "1"
  {{- with .Values.huggingFace.endpoint }}
  - name: HF_ENDPOINT
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.huggingFace }}
  {{- if .existingSecret }}
  - name: HF_TOKEN
    valueFrom:
      secretKeyRef:
        name: {{ .existingSecret }}
        key: {{ .key }}
  {{- end }}
  {{- end }}
resources:
  {{- include "weighbridge-pool.withStorage" (dict "root" . "resources" .Values.weights.download.resources) | nindent 2 }}
securityContext:
  {{- include "weighbridge-pool.confined" . | nindent 2 }}
volumeMounts:
  {{- include "weighbridge-pool.ownMounts" . | nindent 2 }}
  - name: weights
    mountPath: /models
{{- end }}
