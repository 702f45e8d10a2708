{{/* What a pod of the pool is made of. */}}

{{- define "weighbridge-pool.container" -}}
name: vllm
image: {{ include "weighbridge-pool.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.image.command }}
command: {{ toJson . }}
{{- end }}
args:
  {{- include "weighbridge-pool.arguments" . | nindent 2 }}
env:
  {{- include "weighbridge-pool.cacheEnv" . | trim | nindent 2 }}
  # The weights are on a volume: nothing is fetched, and nothing reported.
  - name: HF_HUB_OFFLINE
    value: "1"
  - name: VLLM_NO_USAGE_STATS
    value: "1"
  - name: DO_NOT_TRACK
    value: "1"
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: http
    containerPort: 8000
{{ include "weighbridge-pool.probes" . }}
lifecycle:
  # Until every gateway has heard that the pod leaves, requests still come. vLLM takes none after
  # SIGTERM.
  preStop:
    sleep:
      seconds: {{ .Values.drain.delaySeconds }}
resources:
  {{- $gpu := ternary (dict .Values.gpu.resource (toString .Values.gpu.count)) dict (gt (int .Values.gpu.count) 0) }}
  {{- include "weighbridge-pool.withStorage" (dict "root" . "resources" .Values.resources "gpu" $gpu) | nindent 2 }}
securityContext:
  {{- include "weighbridge-pool.confined" . | nindent 2 }}
volumeMounts:
  {{- include "weighbridge-pool.ownMounts" . | nindent 2 }}
  - name: weights
    mountPath: /models
    readOnly: true
  - name: shared-memory
    mountPath: /dev/shm
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "weighbridge-pool.probes" -}}
{{- $probes := .Values.probes -}}
{{- $period := int $probes.startupPeriodSeconds -}}
startupProbe:
  {{- if .Values.warmUp.enabled }}
  # No other probe runs before this one has succeeded: not ready before the warm-up was answered.
  exec:
    command:
      - python3
      - /etc/weighbridge/warm_up.py
      - http://127.0.0.1:8000
      - {{ .Values.warmUp.timeoutSeconds | quote }}
      - {{ dict "model" .Values.model "prompt" .Values.warmUp.prompt "max_tokens" (int .Values.warmUp.maxTokens) "temperature" 0 | toJson | squote }}
  # Python's own start included.
  timeoutSeconds: {{ add (int .Values.warmUp.timeoutSeconds) 10 }}
  {{- else }}
  httpGet:
    path: /health
    port: http
  timeoutSeconds: 5
  {{- end }}
  periodSeconds: {{ $period }}
  failureThreshold: {{ div (add (int $probes.startupSeconds) $period -1) $period }}
readinessProbe:
  httpGet:
    path: /health
    port: http
  periodSeconds: {{ $probes.readinessPeriodSeconds }}
  timeoutSeconds: 5
  failureThreshold: {{ $probes.readinessFailures }}
livenessProbe:
  httpGet:
    path: /health
    port: http
  periodSeconds: {{ $probes.livenessPeriodSeconds }}
  timeoutSeconds: 10
  failureThreshold: {{ $probes.livenessFailures }}
{{- end }}

{{/* The root file system is read-only, and the user has no home: whatever is cached, is cached here. */}}
{{- define "weighbridge-pool.cacheEnv" -}}
{{- range $name, $place := dict "HOME" "" "HF_HOME" "/huggingface" "VLLM_CACHE_ROOT" "/vllm" "VLLM_CONFIG_ROOT" "/vllm" "XDG_CACHE_HOME" "/cache" "XDG_CONFIG_HOME" "/config" "TORCHINDUCTOR_CACHE_DIR" "/inductor" "TRITON_CACHE_DIR" "/triton" "CUDA_CACHE_PATH" "/cuda" "NUMBA_CACHE_DIR" "/numba" "FLASHINFER_WORKSPACE_BASE" "" }}
- name: {{ $name }}
  value: /var/cache/weighbridge{{ $place }}
{{- end }}
# Asked for by PyTorch, and the user's number has no name in the image.
- name: USER
  value: vllm
{{- end }}

{{- define "weighbridge-pool.ownMounts" -}}
- name: scripts
  mountPath: /etc/weighbridge
  readOnly: true
- name: cache
  mountPath: /var/cache/weighbridge
- name: temporary
  mountPath: /tmp
{{- end }}

{{- define "weighbridge-pool.volumes" -}}
- {{ include "weighbridge-pool.weightsVolume" . | nindent 2 | trim }}
- name: scripts
  configMap:
    name: {{ include "weighbridge-pool.configMap" . }}
- name: cache
  emptyDir:
    sizeLimit: {{ .Values.cacheGiB }}Gi
- name: temporary
  emptyDir:
    sizeLimit: 2Gi
- name: shared-memory
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.sharedMemory }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Resources with disk for caches, logs, and weights where an emptyDir holds them; and GPUs. */}}
{{- define "weighbridge-pool.withStorage" -}}
{{- $weights := ternary (include "weighbridge-pool.sizeGiB" .root | int) 0 (ne (include "weighbridge-pool.emptyDir" .root) "") -}}
{{- $asked := dict "ephemeral-storage" (printf "%dGi" (add 2 $weights)) -}}
{{- $most := dict "ephemeral-storage" (printf "%dGi" (add 4 (int .root.Values.cacheGiB) $weights)) -}}
{{- $gpu := .gpu | default dict -}}
requests:
  {{- merge dict (.resources.requests | default dict) $asked $gpu | toYaml | nindent 2 }}
limits:
  {{- merge dict (.resources.limits | default dict) $most $gpu | toYaml | nindent 2 }}
{{- end }}

{{- define "weighbridge-pool.confined" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "weighbridge-pool.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAs.user }}
runAsUser: {{ . }}
{{- end }}
{{- with .Values.runAs.group }}
runAsGroup: {{ . }}
{{- end }}
{{- with .Values.runAs.fsGroup }}
fsGroup: {{ . }}
# Going over the modes of a hundred gigabytes at each start would take minutes.
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "weighbridge-pool.podAnnotations" -}}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" "vllm" "weighbridge.dev/precision" .Values.precision -}}
{{- if and .Values.metrics.podMonitor.enabled .Values.metrics.podMonitor.merged -}}
{{- $_ := merge $annotations (dict "prometheus.io/scrape" "true" "prometheus.io/port" "8000" "prometheus.io/path" "/metrics") -}}
{{- end -}}
{{- merge dict .Values.podAnnotations $annotations (include "weighbridge-pool.proxyAnnotation" . | fromYaml) | toYaml -}}
{{- end }}

{{/* A proxy that is no native sidecar is told to end together with vLLM, whose streams pass it. */}}
{{- define "weighbridge-pool.proxyAnnotation" -}}
proxy.istio.io/config: |
  proxyMetadata:
    EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"
    MINIMUM_DRAIN_DURATION: {{ add 1 (int .Values.drain.delaySeconds) }}s
{{- end }}
