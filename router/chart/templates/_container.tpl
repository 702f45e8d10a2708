{{/*
The router's container, its volumes and mounts: of its own pod, or of the gateway's.
*/}}
{{- define "weighbridge-router.container" -}}
name: {{ .Chart.Name }}
image: {{ include "weighbridge-router.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if eq .Values.mode "sidecar" }}
# A native sidecar: it starts before Envoy and is stopped after it, so that Envoy never runs without.
restartPolicy: Always
{{- end }}
args: [serve, --config, {{ include "weighbridge-router.settings-folder" . }}/settings.yaml]
{{- with include "weighbridge-router.env" . }}
env:
  {{- . | nindent 2 }}
{{- end }}
ports:
  {{- if ne .Values.mode "sidecar" }}
  - name: grpc-ext-proc
    containerPort: {{ include "weighbridge-router.port" . }}
  {{- end }}
  - name: http-metrics
    containerPort: {{ include "weighbridge-router.metrics-port" . }}
{{ include "weighbridge-router.probes" . }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  privileged: false
  readOnlyRootFilesystem: true
  {{- if eq .Values.mode "sidecar" }}
  runAsUser: {{ .Values.sidecar.runAsUser }}
  runAsGroup: {{ .Values.sidecar.runAsGroup }}
  {{- end }}
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  {{- include "weighbridge-router.mounts" . | nindent 2 }}
{{- end }}

{{- define "weighbridge-router.env" -}}
{{- if .Values.hashKey.existingSecret -}}
- name: WEIGHBRIDGE_LOG__HASH_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.hashKey.existingSecret }}
      key: {{ .Values.hashKey.key }}
{{ end }}
{{- with .Values.extraEnv -}}
{{ toYaml . }}
{{- end -}}
{{- end }}

{{- define "weighbridge-router.mounts" -}}
# The folder, not the file: a mount by subPath is never renewed.
- name: weighbridge-settings
  mountPath: {{ include "weighbridge-router.settings-folder" . }}
  readOnly: true
{{- if eq .Values.mode "sidecar" }}
- name: weighbridge-socket
  mountPath: {{ include "weighbridge-router.socket-folder" . }}
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: weighbridge-tls
  mountPath: {{ include "weighbridge-router.tls-folder" . }}
  readOnly: true
{{- end }}
{{- if .Values.artifacts.volume }}
- name: weighbridge-artifacts
  mountPath: {{ include "weighbridge-router.artifacts-folder" . }}
  readOnly: true
{{- end }}
{{- if .Values.capture.volume }}
- name: weighbridge-capture
  mountPath: {{ include "weighbridge-router.capture-folder" . }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "weighbridge-router.volumes" -}}
- name: weighbridge-settings
  configMap:
    name: {{ include "weighbridge-router.name" . }}
{{- if eq .Values.mode "sidecar" }}
- name: weighbridge-socket
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: weighbridge-tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with .Values.artifacts.volume }}
- name: weighbridge-artifacts
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.capture.volume }}
- name: weighbridge-capture
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
