{{/* The words after `vllm serve`, as a list. Flags of one word each, so that a diff shows one line. */}}
{{- define "weighbridge-pool.arguments" -}}
{{- $vllm := .Values.vllm -}}
{{- $entry := include "weighbridge-pool.entry" . | fromJson -}}
- {{ include "weighbridge-pool.folder" . | quote }}
- --served-model-name
{{- range include "weighbridge-pool.servedNames" . | fromJsonArray }}
- {{ . | quote }}
{{- end }}
- --host=0.0.0.0
- --port=8000
{{- with $vllm.maxModelLen | default $entry.contextWindow }}
- --max-model-len={{ int64 . }}
{{- end }}
- --max-num-seqs={{ int64 $vllm.maxNumSeqs }}
{{- with int64 $vllm.maxNumBatchedTokens }}
- --max-num-batched-tokens={{ . }}
{{- end }}
{{- with int .Values.gpu.count }}
- --gpu-memory-utilization={{ $vllm.gpuMemoryUtilization }}
- --tensor-parallel-size={{ . }}
{{- end }}
{{- with include "weighbridge-pool.precisionArgument" . }}
- {{ . }}
{{- end }}
{{- if ne $vllm.kvCacheDtype "auto" }}
- --kv-cache-dtype={{ $vllm.kvCacheDtype }}
{{- end }}
- {{ ternary "--enable-prefix-caching" "--no-enable-prefix-caching" $vllm.prefixCaching }}
{{- with $vllm.speculative }}
- {{ printf "--speculative-config=%s" (toJson .) | squote }}
{{- end }}
{{- if $vllm.chatTemplate }}
- --chat-template=/etc/weighbridge/chat_template.jinja
{{- end }}
- --shutdown-timeout={{ include "weighbridge-pool.drainTimeout" . }}
# Probes and scrapes, several a second, would be most of the log.
- --disable-access-log-for-endpoints=/health,/metrics
{{- range $vllm.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* fp8 of weights in 16 bits is made while they load; quantized weights say themselves what they are. */}}
{{- define "weighbridge-pool.precisionArgument" -}}
{{- if eq .Values.precision "bf16" -}}
--dtype=bfloat16
{{- else if eq .Values.precision "fp16" -}}
--dtype=float16
{{- else if and (eq .Values.precision "fp8") (not (include "weighbridge-pool.ownRepository" .)) -}}
--quantization=fp8_per_tensor
{{- end -}}
{{- end }}
