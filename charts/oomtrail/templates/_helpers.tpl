{{- define "oomtrail.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "oomtrail.fullname" -}}
{{- $name := include "oomtrail.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "oomtrail.selectorLabels" -}}
app.kubernetes.io/name: {{ include "oomtrail.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end -}}

{{/* Without a component: that is the object's own to say. */}}
{{- define "oomtrail.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "oomtrail.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: oomtrail
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "oomtrail.labels" -}}
{{ include "oomtrail.commonLabels" . }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "oomtrail.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "oomtrail.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "oomtrail.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the server's certificate; empty: no TLS. */}}
{{- define "oomtrail.tlsSecret" -}}
{{- if .Values.grpc.tls.certManager.enabled -}}
{{- default (printf "%s-tls" (include "oomtrail.fullname" .)) .Values.grpc.tls.existingSecret -}}
{{- else -}}
{{- .Values.grpc.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* Whether gRPC is served on TCP: "true" or empty. What excludes each other is refused here. */}}
{{- define "oomtrail.grpcTcp" -}}
{{- $tls := include "oomtrail.tlsSecret" . -}}
{{- if and $tls .Values.grpc.insecure -}}
{{- fail "grpc.insecure and grpc.tls exclude each other: drop one" -}}
{{- end -}}
{{- if and .Values.grpc.tls.certManager.enabled (not .Values.grpc.tls.certManager.issuerRef.name) -}}
{{- fail "grpc.tls.certManager needs issuerRef.name: the issuer that signs the certificate" -}}
{{- end -}}
{{- if and .Values.grpc.tls.allow (not $tls) -}}
{{- fail "grpc.tls.allow has no effect without grpc.tls.existingSecret or grpc.tls.certManager" -}}
{{- end -}}
{{- if or $tls .Values.grpc.insecure -}}true{{- end -}}
{{- end -}}

{{/*
BPF and PERFMON: load programs, attach them. DAC_READ_SEARCH: open a cgroup by its id
(open_by_handle_at), where the index does not have it yet. Root: bpffs and the runtime's socket are
root's.
*/}}
{{- define "oomtrail.securityContext" -}}
runAsUser: 0
runAsGroup: 0
readOnlyRootFilesystem: true
{{- if .Values.privileged }}
privileged: true
{{- else }}
privileged: false
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  add:
    - BPF
    - PERFMON
    - DAC_READ_SEARCH
    {{- if .Values.capabilities.sysResource }}
    - SYS_RESOURCE
    {{- end }}
    {{- with .Values.capabilities.extra }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
seccompProfile:
  type: {{ .Values.seccompProfile.type }}
  {{- with .Values.seccompProfile.localhostProfile }}
  localhostProfile: {{ . }}
  {{- end }}
{{- with .Values.appArmorProfile.type }}
appArmorProfile:
  type: {{ . }}
  {{- with $.Values.appArmorProfile.localhostProfile }}
  localhostProfile: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* For what has no power but to be root: the agent's socket and its pins are root's. */}}
{{- define "oomtrail.plainSecurityContext" -}}
runAsUser: 0
runAsGroup: 0
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "oomtrail.cleanupLabels" -}}
app.kubernetes.io/name: {{ include "oomtrail.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: cleanup
{{- end -}}

{{/* Which nodes, and before whom: the same for the agents and for what cleans up after them. */}}
{{- define "oomtrail.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "oomtrail.smallResources" -}}
requests:
  cpu: 10m
  memory: 32Mi
limits:
  memory: 128Mi
{{- end -}}

{{/* `root` is the chart's context, `more` a flag or empty. */}}
{{- define "oomtrail.cleanupContainer" -}}
{{- $values := .root.Values -}}
{{- $journal := and $values.journal.enabled $values.cleanup.removeJournal -}}
image: {{ include "oomtrail.image" .root | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args:
  - cleanup
  - --pin={{ ternary "/host/sys/fs/bpf/oomtrail" "none" $values.pin.enabled }}
  - --listen={{ ternary "unix:///run/oomtrail/oomtrail.sock" "none" $values.socket.enabled }}
  {{- if $journal }}
  - --journal=/var/lib/oomtrail
  {{- end }}
  {{- with .more }}
  - {{ . }}
  {{- end }}
resources:
  {{- include "oomtrail.smallResources" .root | nindent 2 }}
securityContext:
  {{- include "oomtrail.plainSecurityContext" .root | nindent 2 }}
volumeMounts:
  {{- if $values.pin.enabled }}
  - name: bpffs
    mountPath: /host/sys/fs/bpf
  {{- end }}
  {{- if $values.socket.enabled }}
  - name: socket
    mountPath: /run/oomtrail
  {{- end }}
  {{- if $journal }}
  - name: journal
    mountPath: /var/lib/oomtrail
  {{- end }}
{{- end -}}
