{{/* (dict "root" . "part" "web"): the head of a pod of ours. */}}
{{- define "ollive.podMetadata" -}}
labels:
  {{- include "ollive.selector" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # A changed setting starts new pods.
  checksum/settings: {{ include "ollive.settings" .root | sha256sum }}
  checksum/secrets: {{ toYaml .root.Values.secrets | sha256sum }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "ollive.podSettings" -}}
serviceAccountName: {{ include "ollive.account" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "ollive.selector" . | nindent 8 }}
{{- end }}

{{/* What each container of ours has: image, settings, no rights. */}}
{{- define "ollive.container" -}}
image: {{ include "ollive.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - configMapRef: {name: {{ include "ollive.name" .root }}}
  - secretRef: {name: {{ include "ollive.secret" .root }}}
env:
  - {name: OLLIVE_PROCESS, value: {{ .part }}}
{{- end }}

{{/* No task is done on tables that are not there yet. */}}
{{- define "ollive.waitForTables" -}}
initContainers:
  - name: wait-for-tables
    {{- include "ollive.container" (dict "root" .root "part" "command") | nindent 4 }}
    command: [sh, -c, "until python manage.py migrate --check; do sleep 3; done"]
    resources: {{- toYaml .root.Values.beat.resources | nindent 6 }}
    volumeMounts:
      - {name: data, mountPath: /data}
      - {name: tmp, mountPath: /tmp}
{{- end }}
