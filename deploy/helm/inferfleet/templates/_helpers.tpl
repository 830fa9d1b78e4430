{{- define "inferfleet.name" -}}
{{- if contains "inferfleet" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ .Release.Name | trunc 39 | trimSuffix "-" }}-inferfleet{{ end }}
{{- end }}

{{- define "inferfleet.own" -}}
app.kubernetes.io/name: inferfleet
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "inferfleet.selector" -}}
{{ include "inferfleet.own" . }}
app.kubernetes.io/component: exporter
{{- end }}

{{- define "inferfleet.judgeSelector" -}}
{{ include "inferfleet.own" . }}
app.kubernetes.io/component: judge
{{- end }}

{{- define "inferfleet.labels" -}}
{{ include "inferfleet.selector" . }}
{{ include "inferfleet.chart" . }}
{{- end }}

{{- define "inferfleet.judgeLabels" -}}
{{ include "inferfleet.judgeSelector" . }}
{{ include "inferfleet.chart" . }}
{{- end }}

{{- define "inferfleet.chart" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "inferfleet.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What both pods have: no rights, and where they may run. */}}
{{- define "inferfleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10190
runAsGroup: 10190
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "inferfleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "inferfleet.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Who may read the metrics of either pod. */}}
{{- define "inferfleet.scrapers" -}}
- ports:
    - {port: metrics, protocol: TCP}
  {{- with .Values.networkPolicy.scrapers }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
