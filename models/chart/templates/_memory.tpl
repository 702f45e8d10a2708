{{/*
VRAM, as router/weighbridge/sizing computes it: the same sums in whole numbers, the same words where a
model does not fit. A test holds the two against each other. See docs/adr/0018.
*/}}

{{/* Fails where the pool's GPUs don't hold its model; without GPUs or check it does nothing. Takes root; renders nothing. */}}
{{- define "weighbridge-pool.memory" -}}
{{- if and .root.Values.memoryCheck (int64 .root.Values.gpu.count) -}}
{{- $serving := dict -}}
{{- $_ := include "weighbridge-pool.memory.serving" (dict "root" .root "out" $serving) -}}
{{- $figures := dict -}}
{{- $_ := include "weighbridge-pool.memory.figures" (merge (dict "out" $figures) $serving) -}}
{{- if $figures.fault -}}
{{- fail (printf "%s. %s. memoryCheck: false renders all the same." $figures.fault (include "weighbridge-pool.memory.way-out" $serving)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* One line: what is used of what, and what is left for the KV cache; empty without GPUs or check. Takes root. */}}
{{- define "weighbridge-pool.memory.summary" -}}
{{- if and .root.Values.memoryCheck (int64 .root.Values.gpu.count) -}}
{{- $serving := dict -}}
{{- $_ := include "weighbridge-pool.memory.serving" (dict "root" .root "out" $serving) -}}
{{- $f := dict -}}
{{- $_ := include "weighbridge-pool.memory.figures" (merge (dict "out" $f) $serving) -}}
{{- $overhead := add $f.activations $f.logits $f.graphs $f.runtime -}}
{{ $serving.model }} in {{ $serving.precision }} on {{ $serving.count }} x {{ $serving.gpu }}, each: weights {{ include "weighbridge-pool.memory.gib" $f.weights }} + overhead {{ include "weighbridge-pool.memory.gib" $overhead }} of {{ include "weighbridge-pool.memory.gib" $f.usable }} GiB; {{ $f.kvTokens }} tokens of KV cache, {{ $f.fullSequences }} sequences of {{ $serving.context }}
{{- end -}}
{{- end }}

{{/* What the values ask for, put into `out`. Takes root and out. */}}
{{- define "weighbridge-pool.memory.serving" -}}
{{- $catalog := .root.Files.Get "files/catalog.yaml" | fromYaml -}}
{{- $values := .root.Values -}}
{{- $vllm := $values.vllm -}}
{{- if not (hasKey $catalog.models $values.model) -}}
{{- fail (printf "model %q is not in the catalog, which knows: %s. memoryCheck: false renders a model of your own." $values.model (keys $catalog.models | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if not (hasKey $catalog.gpus $values.gpu.type) -}}
{{- fail (printf "gpu.type %q is not in the catalog, which knows: %s. memoryCheck: false renders a type of your own." $values.gpu.type (keys $catalog.gpus | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $window := (get $catalog.models $values.model).contextWindow -}}
{{- $_ := set .out "catalog" $catalog -}}
{{- $_ := set .out "model" $values.model -}}
{{- $_ := set .out "precision" $values.precision -}}
{{- $_ := set .out "gpu" $values.gpu.type -}}
{{- $_ := set .out "count" (int64 $values.gpu.count) -}}
{{- $_ := set .out "context" (int64 ($vllm.maxModelLen | default $window)) -}}
{{- /* vLLM starts only if its cache holds one sequence of full length. */ -}}
{{- $_ := set .out "sequences" (int64 1) -}}
{{- $_ := set .out "maxSequences" (int64 $vllm.maxNumSeqs) -}}
{{- $_ := set .out "batchedTokens" (int64 ($vllm.maxNumBatchedTokens | default 0)) -}}
{{- $_ := set .out "kvBytes" (hasPrefix "fp8" ($vllm.kvCacheDtype | default "auto") | ternary (int64 1) (int64 2)) -}}
{{- $_ := set .out "permille" (int64 (round (mulf $vllm.gpuMemoryUtilization 1000) 0)) -}}
{{- end }}

{{/* The arithmetic of one placement, put into `out`; `fault` says why it does not fit, or is empty. */}}
{{- define "weighbridge-pool.memory.figures" -}}
{{- $overhead := .catalog.overhead -}}
{{- $model := get .catalog.models .model -}}
{{- $gpu := get .catalog.gpus .gpu -}}
{{- $block := int64 $overhead.blockTokens -}}
{{- $batched := int64 (.batchedTokens | default $gpu.batchedTokens) -}}
{{- $weights := div (add (int64 (get $model.weights .precision | default 0)) (sub .count 1)) .count -}}
{{- $kvHeads := div (add (int64 $model.kvHeads) (sub .count 1)) .count -}}
{{- $numbers := int64 $model.kvLatent | default (mul (int64 $model.kvNumbersPerHead) $kvHeads) -}}
{{- $cells := mul (int64 $model.fullLayers) (mul $block (div (add .context (sub $block 1)) $block)) -}}
{{- if $model.windowLayers -}}
{{- $held := min (add (int64 $model.window) -1 $batched) .context -}}
{{- $held = add (mul $block (div (add $held (sub $block 1)) $block)) $block -}}
{{- $cells = add $cells (mul (int64 $model.windowLayers) $held) -}}
{{- end -}}
{{- $sequence := mul $cells $numbers .kvBytes -}}
{{- $activations := mul $batched (int64 $model.activationBytes) -}}
{{- $logits := mul .maxSequences (int64 $model.vocabulary) (int64 $overhead.logitBytes) -}}
{{- $graphs := int64 $overhead.graphBytes -}}
{{- $runtime := int64 $overhead.runtimeBytes -}}
{{- if gt .count 1 -}}
{{- $runtime = add $runtime (int64 $overhead.ncclBytes) -}}
{{- end -}}
{{- $usable := div (mul (int64 $gpu.memory) .permille) 1000 -}}
{{- $wanted := mul .sequences $sequence -}}
{{- $room := sub $usable (add $weights $activations $logits $graphs $runtime) -}}
{{- $_ := set .out "weights" $weights -}}
{{- $_ := set .out "sequence" $sequence -}}
{{- $_ := set .out "activations" $activations -}}
{{- $_ := set .out "logits" $logits -}}
{{- $_ := set .out "graphs" $graphs -}}
{{- $_ := set .out "runtime" $runtime -}}
{{- $_ := set .out "usable" $usable -}}
{{- $_ := set .out "room" $room -}}
{{- $_ := set .out "fullSequences" (div (max $room 0) $sequence) -}}
{{- $_ := set .out "kvTokens" (div (mul (max $room 0) .context) $sequence) -}}
{{- $_ := set .out "cents" (mul .count (int64 $gpu.cents)) -}}
{{- $fault := include "weighbridge-pool.memory.impossible" . -}}
{{- if and (not $fault) (lt $room $wanted) -}}
{{- $gib := dict "total" (add $weights $activations $logits $graphs $runtime $wanted) "weights" $weights "wanted" $wanted "activations" $activations "logits" $logits "graphs" $graphs "runtime" $runtime "usable" $usable "memory" (int64 $gpu.memory) -}}
{{- range $part, $bytes := $gib -}}
{{- $_ := set $gib $part (include "weighbridge-pool.memory.gib" $bytes) -}}
{{- end -}}
{{- $fault = printf "%s in %s on %d x %s needs %s GiB on each: weights %s + KV cache %s (%d x %d tokens) + activations %s + logits %s + CUDA graphs %s + CUDA %s; %s GiB may be used (%d/1000 of %s)" .model .precision .count .gpu $gib.total $gib.weights $gib.wanted .sequences .context $gib.activations $gib.logits $gib.graphs $gib.runtime $gib.usable .permille $gib.memory -}}
{{- end -}}
{{- $_ := set .out "fault" $fault -}}
{{- end }}

{{/* Why a placement can't be, whatever its memory; empty: it can. */}}
{{- define "weighbridge-pool.memory.impossible" -}}
{{- $model := get .catalog.models .model -}}
{{- $gpu := get .catalog.gpus .gpu -}}
{{- $heads := int64 $model.heads -}}
{{- $kvHeads := int64 $model.kvHeads -}}
{{- $least := int64 (get .catalog.leastCapability .precision | default 0) -}}
{{- if not (has .precision $model.precisions) -}}
{{ .model }} is served in {{ join ", " $model.precisions }}, not in {{ .precision }}
{{- else if gt .context (int64 $model.contextWindow) -}}
{{ .context }} tokens are more than the context window of {{ .model }}, {{ int64 $model.contextWindow }}
{{- else if or (mod $heads .count) (and (mod $kvHeads .count) (mod .count $kvHeads)) -}}
{{ .count }} GPUs can't share the {{ $heads }} heads ({{ $kvHeads }} of keys and values) of {{ .model }}: tensor parallelism must divide both
{{- else if lt (int64 $gpu.capability) $least -}}
{{ .precision }} needs GPUs of compute capability {{ include "weighbridge-pool.memory.tenths" $least }}; {{ .gpu }} has {{ include "weighbridge-pool.memory.tenths" (int64 $gpu.capability) }}
{{- end -}}
{{- end }}

{{/* The cheapest placements that fit, in this precision and in any. */}}
{{- define "weighbridge-pool.memory.way-out" -}}
{{- $asked := . -}}
{{- $model := get .catalog.models .model -}}
{{- $same := dict -}}
{{- $best := dict -}}
{{- range $precision := $model.precisions -}}
{{- range $gpu := keys $asked.catalog.gpus | sortAlpha -}}
{{- $fewest := dict -}}
{{- range $count := $asked.catalog.counts -}}
{{- if not $fewest.words -}}
{{- $count := int64 $count -}}
{{- $figures := dict -}}
{{- $_ := include "weighbridge-pool.memory.figures" (merge (dict "out" $figures "precision" $precision "gpu" $gpu "count" $count) $asked) -}}
{{- if not $figures.fault -}}
{{- $_ := set $fewest "cents" $figures.cents -}}
{{- $_ := set $fewest "count" $count -}}
{{- $_ := set $fewest "words" (printf "%s on %d x %s ($%d.%02d/h)" $precision $count $gpu (div $figures.cents 100) (mod $figures.cents 100)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $fewest.words -}}
{{- range $kept := (eq $precision $asked.precision | ternary (list $same $best) (list $best)) -}}
{{- if or (not $kept.words) (lt $fewest.cents $kept.cents) (and (eq $fewest.cents $kept.cents) (lt $fewest.count $kept.count)) -}}
{{- $_ := set $kept "cents" $fewest.cents -}}
{{- $_ := set $kept "count" $fewest.count -}}
{{- $_ := set $kept "words" $fewest.words -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $best.words -}}
Nothing in the catalog holds it: ask for fewer tokens or sequences
{{- else -}}
Cheapest that fit: {{ list $same.words $best.words | compact | uniq | join ", " }}
{{- end -}}
{{- end }}

{{/* Bytes in GiB with one decimal. */}}
{{- define "weighbridge-pool.memory.gib" -}}
{{- include "weighbridge-pool.memory.tenths" (div (add (mul . 10) 536870912) 1073741824) -}}
{{- end }}

{{- define "weighbridge-pool.memory.tenths" -}}
{{- printf "%d.%d" (div . 10) (mod . 10) -}}
{{- end }}
