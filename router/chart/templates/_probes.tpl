{{/*
Probes. The kubelet asks the router's gRPC health: of ext_proc, which is SERVING from the artifact
loaded until SIGTERM, to start it and to send it traffic; of the whole server, to restart it.
*/}}
{{- define "weighbridge-router.probes" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- include "weighbridge-router.probes.socket" . -}}
{{- else if .Values.tls.existingSecret -}}
{{- include "weighbridge-router.probes.tls" . -}}
{{- else -}}
{{- include "weighbridge-router.probes.grpc" . -}}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.probes.grpc" -}}
startupProbe:
  grpc:
    port: {{ include "weighbridge-router.port" . }}
    service: envoy.service.ext_proc.v3.ExternalProcessor
  {{- include "weighbridge-router.probes.startup" . | nindent 2 }}
readinessProbe:
  grpc:
    port: {{ include "weighbridge-router.port" . }}
    service: envoy.service.ext_proc.v3.ExternalProcessor
  {{- include "weighbridge-router.probes.readiness" . | nindent 2 }}
livenessProbe:
  grpc:
    port: {{ include "weighbridge-router.port" . }}
  {{- include "weighbridge-router.probes.liveness" . | nindent 2 }}
{{- end }}

{{/*
The kubelet speaks no TLS in gRPC probes, so readiness comes from the metrics, which say what health
says. A hung event loop is not seen by this; Envoy's health checks do see it and keep away.
*/}}
{{- define "weighbridge-router.probes.tls" -}}
startupProbe:
  exec:
    command: {{ include "weighbridge-router.probes.ready-command" . }}
  {{- include "weighbridge-router.probes.startup" . | nindent 2 }}
readinessProbe:
  exec:
    command: {{ include "weighbridge-router.probes.ready-command" . }}
  {{- include "weighbridge-router.probes.readiness" . | nindent 2 }}
livenessProbe:
  tcpSocket:
    port: {{ include "weighbridge-router.port" . }}
  {{- include "weighbridge-router.probes.liveness" . | nindent 2 }}
{{- end }}

{{/*
The kubelet's gRPC probes know no Unix socket, so a process asks. There is no readiness probe: it
would take the gateway out of service with its router, where the gateway goes on without it.
*/}}
{{- define "weighbridge-router.probes.socket" -}}
startupProbe:
  exec:
    command: {{ include "weighbridge-router.probes.socket-command" . }}
  {{- include "weighbridge-router.probes.startup" . | nindent 2 }}
livenessProbe:
  exec:
    command: {{ include "weighbridge-router.probes.socket-command" . }}
  {{- include "weighbridge-router.probes.liveness" . | nindent 2 }}
{{- end }}

{{- define "weighbridge-router.probes.ready-command" -}}
[python, -I, {{ include "weighbridge-router.settings-folder" . }}/probe.py, {{ include "weighbridge-router.metrics-port" . | quote }}]
{{- end }}

{{- define "weighbridge-router.probes.socket-command" -}}
[python, -I, {{ include "weighbridge-router.settings-folder" . }}/probe.py, {{ include "weighbridge-router.socket" . }}]
{{- end }}

{{/* The program behind an exec probe; it lies beside the settings. Empty: the kubelet asks itself. */}}
{{- define "weighbridge-router.probes.program" -}}
{{- if eq .Values.mode "sidecar" -}}
{{ .Files.Get "files/probe_socket.py" }}
{{- else if .Values.tls.existingSecret -}}
{{ .Files.Get "files/probe_metrics.py" }}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.probes.startup" -}}
periodSeconds: 1
timeoutSeconds: 3
failureThreshold: {{ .Values.probes.startupSeconds }}
{{- end }}

{{- define "weighbridge-router.probes.readiness" -}}
periodSeconds: {{ .Values.probes.readinessPeriodSeconds }}
timeoutSeconds: 2
failureThreshold: 2
{{- end }}

{{/* Patient: a router that is only slow would come back slower from a restart. */}}
{{- define "weighbridge-router.probes.liveness" -}}
periodSeconds: {{ .Values.probes.livenessPeriodSeconds }}
timeoutSeconds: 5
failureThreshold: 3
{{- end }}
