{{- define "ollive.name" -}}
{{- if contains "ollive" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-ollive" (.Release.Name | trunc 33 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "ollive.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "ollive.host" -}}
{{- $url := urlParse (required "publicUrl is needed: what people call it, such as https://chat.example.com" .Values.publicUrl) -}}
{{- $url.hostname -}}
{{- end }}

{{- define "ollive.secret" -}}
{{ .Values.existingSecret | default (include "ollive.name" .) }}
{{- end }}

{{- define "ollive.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "ollive.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "ollive.claim" -}}
{{ .Values.files.existingClaim | default (printf "%s-files" (include "ollive.name" .)) }}
{{- end }}

{{/* A job's pods cannot be changed: each image and configuration has a job of its own. */}}
{{- define "ollive.migrateName" -}}
{{ include "ollive.name" . }}-migrate-{{ printf "%s %s %s" (include "ollive.image" .) (include "ollive.settings" .) (toYaml .Values.migrate) | sha256sum | trunc 8 }}
{{- end }}

{{/* (dict "root" . "part" "web") */}}
{{- define "ollive.selector" -}}
app.kubernetes.io/name: ollive
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "ollive.labels" -}}
{{ include "ollive.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What the ConfigMap holds. What `env` names wins. */}}
{{- define "ollive.settings" -}}
{{- $settings := dict
  "ENVIRONMENT" "production"
  "OLLIVE_PUBLIC_URL" .Values.publicUrl
  "OLLIVE_ALLOWED_HOSTS" (include "ollive.host" .)
  "OLLIVE_HOST" "0.0.0.0"
  "OLLIVE_PORT" "8000"
  "OLLIVE_DATA_DIR" "/data"
  "OLLIVE_FILES_DIR" "/data/files"
  "OLLIVE_LOCAL_MODEL" "false"
  "OLLIVE_METRICS_ALLOW" "none"
  "OLLIVE_GRACE_SECONDS" (.Values.web.graceSeconds | toString)
-}}
{{- toYaml (merge (dict) .Values.env $settings) -}}
{{- end }}
