{{/*
The settings file: .Values.settings, and what this chart decides about `listen`.
*/}}
{{- define "weighbridge-router.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $tiers := $settings.tiers | default dict -}}
{{- $_ := set $settings "listen" (include "weighbridge-router.listen" . | fromYaml) -}}
{{- include "weighbridge-router.check" . -}}
{{ toYaml (omit $settings "tiers") }}
{{- if $tiers }}
tiers:
{{- range .Values.tierOrder }}
  {{ . }}:
    {{- toYaml (get $tiers .) | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "weighbridge-router.listen" -}}
{{- $listen := deepCopy (.Values.settings.listen | default dict) -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $_ := set $listen "address" nil -}}
{{- $_ := set $listen "unix_socket" (include "weighbridge-router.socket" .) -}}
{{- /* The gateway has left before its sidecars are told to: nobody is left to wait for. */ -}}
{{- $_ := set $listen "drain_delay_s" 0 -}}
{{- else -}}
{{- $_ := set $listen "address" ($listen.address | default "0.0.0.0:9002") -}}
{{- end -}}
{{- $_ := set $listen "metrics_address" ($listen.metrics_address | default "0.0.0.0:9090") -}}
{{- if .Values.tls.existingSecret -}}
{{- $folder := include "weighbridge-router.tls-folder" . -}}
{{- $tls := dict "certificate" (printf "%s/tls.crt" $folder) "private_key" (printf "%s/tls.key" $folder) -}}
{{- if .Values.tls.verifyClients -}}
{{- $_ := set $tls "client_ca" (printf "%s/ca.crt" $folder) -}}
{{- end -}}
{{- $_ := set $listen "tls" $tls -}}
{{- end -}}
{{ toYaml $listen }}
{{- end }}

{{/* Folders and files within the container. */}}
{{- define "weighbridge-router.settings-folder" -}}/etc/weighbridge{{- end }}
{{- define "weighbridge-router.tls-folder" -}}/etc/weighbridge-tls{{- end }}
{{- define "weighbridge-router.artifacts-folder" -}}/var/lib/weighbridge/artifacts{{- end }}
{{- define "weighbridge-router.capture-folder" -}}/var/lib/weighbridge/capture{{- end }}
{{- define "weighbridge-router.socket-folder" -}}/var/run/weighbridge{{- end }}
{{/* The mesh chart points Envoy's cluster here. */}}
{{- define "weighbridge-router.socket" -}}
{{ include "weighbridge-router.socket-folder" . }}/ext_proc.sock
{{- end }}

{{- define "weighbridge-router.port" -}}
{{- regexFind "[0-9]+$" (include "weighbridge-router.listen" . | fromYaml).address -}}
{{- end }}
{{- define "weighbridge-router.metrics-port" -}}
{{- regexFind "[0-9]+$" (include "weighbridge-router.listen" . | fromYaml).metrics_address -}}
{{- end }}

{{/*
Of what a running router does not take from its file: its pods have to be replaced for it. All else
(the threshold above all) is read again within reload.interval_s, and must not roll a pod; that is
why this covers a part of the ConfigMap and not the whole.
*/}}
{{- define "weighbridge-router.restart-checksum" -}}
{{- $taken := dict "listen" (include "weighbridge-router.listen" . | fromYaml) "level" (dig "log" "level" "" .Values.settings) -}}
{{- with .Values.settings.tracing -}}
{{- $_ := set $taken "tracing" . -}}
{{- end -}}
{{ toJson $taken | sha256sum }}
{{- end }}

{{/* Seconds from SIGTERM to the end: both parts of the drain, and five for the last steps. */}}
{{- define "weighbridge-router.grace" -}}
{{- $listen := include "weighbridge-router.listen" . | fromYaml -}}
{{ addf (dig "drain_delay_s" 2 $listen) (dig "drain_timeout_s" 10 $listen) | ceil | int | add 5 }}
{{- end }}

{{/* What a schema can't say. */}}
{{- define "weighbridge-router.check" -}}
{{- $tiers := keys (.Values.settings.tiers | default dict) | sortAlpha -}}
{{- if and $tiers (ne (toJson $tiers) (toJson (sortAlpha .Values.tierOrder))) -}}
{{- fail (printf "tierOrder: expected each of settings.tiers (%s) once, smallest first; came: %s" (join ", " $tiers) (join ", " .Values.tierOrder)) -}}
{{- end -}}
{{- $folder := dig "capture" "folder" "" .Values.settings | default "" -}}
{{- $mount := include "weighbridge-router.capture-folder" . -}}
{{- if and $folder (or (not .Values.capture.volume) (not (hasPrefix (print $mount "/") $folder))) -}}
{{- fail (printf "settings.capture.folder: the root file system is read-only: set capture.volume, and name a folder below %s; came %s" $mount $folder) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas: expected no more than maxReplicas (%v), came %v" .Values.autoscaling.maxReplicas .Values.autoscaling.minReplicas) -}}
{{- end -}}
{{- if and (dig "tracing" "enabled" false .Values.settings) (not (dig "tracing" "endpoint" "" .Values.settings)) -}}
{{- fail "settings.tracing.endpoint: expected the collector's URL, such as http://otel-collector.observability:4318; the router's default is this machine, where a pod has none" -}}
{{- end -}}
{{- include "weighbridge-router.meter-check" . -}}
{{- if and (eq .Values.mode "service") .Values.istio.inject .Values.tls.existingSecret -}}
{{- fail "tls.existingSecret: the injected proxy encrypts already, and expects to hear gRPC from the router; set istio.inject to false, or leave this empty" -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.serviceMonitor.enabled: mode sidecar has no Service to monitor; use metrics.podMonitor" -}}
{{- end -}}
{{- if .Values.tls.existingSecret -}}
{{- fail "tls.existingSecret: mode sidecar has a Unix socket and needs no TLS; leave it empty" -}}
{{- end -}}
{{- end -}}
{{- end }}
