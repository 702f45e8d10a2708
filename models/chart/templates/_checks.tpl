{{/* What a schema can't say. Each message: what was expected, what came, the way out. */}}
{{- define "weighbridge-pool.check" -}}
{{- include "weighbridge-pool.checkModel" . -}}
{{- include "weighbridge-pool.checkGpu" . -}}
{{- if .Values.gpu.count -}}
{{- include "weighbridge-pool.memory" (dict "root" .) -}}
{{- end -}}
{{- include "weighbridge-pool.checkWeights" . -}}
{{- include "weighbridge-pool.checkArguments" . -}}
{{- include "weighbridge-pool.checkScaling" . -}}
{{- end }}

{{- define "weighbridge-pool.checkModel" -}}
{{- $entry := include "weighbridge-pool.entry" . | fromJson -}}
{{- $known := keys (.Files.Get "files/catalog.yaml" | fromYaml).models | sortAlpha | join ", " -}}
{{- if not .Values.model -}}
{{- fail (printf "model: name one of the catalog (%s), or another with repository, tier and memoryCheck: false" $known) -}}
{{- end -}}
{{- if not $entry -}}
{{- if not (and .Values.repository .Values.tier (not .Values.memoryCheck)) -}}
{{- fail (printf "model: expected one of the catalog (%s), came %s: for another set repository, tier and memoryCheck: false" $known .Values.model) -}}
{{- end -}}
{{- end -}}
{{- if and (has .Values.precision (list "int8" "awq" "gptq")) (not (include "weighbridge-pool.ownRepository" .)) -}}
{{- fail (printf "precision: vLLM does not make %s of weights in 16 bits, and the catalog knows no repository of %s in it: set repository" .Values.precision .Values.model) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "the release's name becomes that of a Service: expected letters, digits and dashes, a letter first; came %s" .Release.Name) -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.checkGpu" -}}
{{- $gpus := (.Files.Get "files/catalog.yaml" | fromYaml).gpus -}}
{{- if and .Values.gpu.count (not (hasKey $gpus .Values.gpu.type)) (or .Values.memoryCheck (not .Values.gpu.nodeLabels)) -}}
{{- fail (printf "gpu.type: expected one of %s, came %s: for another set gpu.nodeLabels and memoryCheck: false" (keys $gpus | sortAlpha | join ", ") .Values.gpu.type) -}}
{{- end -}}
{{- if and .Values.spot.enabled (lt (include "weighbridge-pool.drainTimeout" . | int) 1) -}}
{{- fail (printf "drain.delaySeconds: expected less than the notice that %s gives (%s s), came %v; see spot.noticeSeconds" .Values.spot.cloud (include "weighbridge-pool.notice" .) .Values.drain.delaySeconds) -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.checkWeights" -}}
{{- $needed := dict "pvc" "claimName" "hostPath" "path" "image" "reference" -}}
{{- with get $needed .Values.weights.source -}}
{{- if not (get (get $.Values.weights $.Values.weights.source) .) -}}
{{- fail (printf "weights.%s.%s: expected one, as weights.source is %s" $.Values.weights.source . $.Values.weights.source) -}}
{{- end -}}
{{- end -}}
{{- if and (include "weighbridge-pool.madeVolume" .) (not (include "weighbridge-pool.sizeGiB" . | int)) -}}
{{- fail (printf "weights.sizeGiB: the catalog does not know how large %s is; say it, with a quarter to spare" .Values.model) -}}
{{- end -}}
{{- $entry := include "weighbridge-pool.entry" . | fromJson -}}
{{- if and $entry.gated (include "weighbridge-pool.downloads" .) (not .Values.huggingFace.existingSecret) (not .Values.huggingFace.endpoint) (not .Values.repository) -}}
{{- fail (printf "huggingFace.existingSecret: %s is gated: name a Secret with the token of an account that accepted its terms, or take the weights from elsewhere (weights.source, huggingFace.endpoint)" .Values.model) -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.checkArguments" -}}
{{- $own := list "--model" "--served-model-name" "--host" "--port" "--max-model-len" "--max-num-seqs" "--max-num-batched-tokens" "--gpu-memory-utilization" "--tensor-parallel-size" "-tp" "--quantization" "-q" "--dtype" "--kv-cache-dtype" "--enable-prefix-caching" "--no-enable-prefix-caching" "--speculative-config" "-sc" "--chat-template" "--shutdown-timeout" -}}
{{- range .Values.vllm.extraArgs -}}
{{- $flag := regexReplaceAll "=.*" . "" -}}
{{- if has $flag $own -}}
{{- fail (printf "vllm.extraArgs: the chart writes %s itself, from a value of its own; came %s" $flag .) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-pool.checkScaling" -}}
{{- with .Values.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas: expected no more than maxReplicas (%v), came %v" .maxReplicas .minReplicas) -}}
{{- end -}}
{{- if and (eq .kind "hpa") (lt (int .minReplicas) 1) -}}
{{- fail "autoscaling.minReplicas: an HPA keeps one pod at least: set kind: keda for an empty pool" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rollout.enabled (gt (len .Release.Name) 52) -}}
{{- fail (printf "the release's name: expected at most 52 characters, for Services that end in -stable and -canary; came %d" (len .Release.Name)) -}}
{{- end -}}
{{- end }}
