{{/* The alerts' values: the defaults with the user's laid over them; an unknown key is refused. */}}
{{- define "inferfleet.alerts" -}}
{{- $alerts := .Files.Get "files/alerts.json" | fromJson }}
{{- range $name, $values := .Values.rules.values.alerts }}
  {{- $alert := index $alerts $name | required (printf "rules.values.alerts: there is no alert %s; alerts/values.yaml lists them" $name) }}
  {{- range $key, $value := omit $values "limits" }}
    {{- $_ := set $alert $key $value }}
  {{- end }}
  {{- range $key, $limit := $values.limits }}
    {{- $place := printf "rules.values.alerts.%s.limits" $name }}
    {{- if not (hasKey (default dict $alert.limits) $key) }}
      {{- fail (printf "%s: there is no limit %s; alerts/values.yaml lists them" $place $key) }}
    {{- else if ne (kindIs "string" $limit) (kindIs "string" (index $alert.limits $key)) }}
      {{- fail (printf "%s.%s must be written like %v, not %v" $place $key (index $alert.limits $key) $limit) }}
    {{- end }}
    {{- $_ := set $alert.limits $key $limit }}
  {{- end }}
{{- end }}
{{- toJson $alerts }}
{{- end }}

{{/* A duration as Prometheus writes it, as a number of seconds. */}}
{{- define "inferfleet.seconds" -}}
{{- $lengths := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 }}
{{- $seconds := 0.0 }}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 }}
  {{- $seconds = addf $seconds (mulf (regexFind "[0-9]+" . | atoi) (index $lengths (regexFind "[a-z]+" .))) }}
{{- end }}
{{- $seconds }}
{{- end }}

{{/* What stands between the quotes of a value written as JSON. */}}
{{- define "inferfleet.quoted" -}}
{{- toJson . | trimPrefix "\"" | trimSuffix "\"" }}
{{- end }}

{{/*
Rules of a file of files/rules, with the values in place of the tokens that deploy/chart_files.py
put there, and without the alerts that are off. Takes the root, the path and the alerts' values.
*/}}
{{- define "inferfleet.groups" -}}
{{- $values := .root.Values.rules.values }}
{{- $keep := $values.keep_labels }}
{{- $text := .root.Files.Get .path }}
{{- $text = replace "<dashboards.base_url>" (include "inferfleet.quoted" $values.dashboards.base_url) $text }}
{{- $text = replace "$labels.keep_label_token }}&" (printf "$labels.%s }}&" (last $keep)) $text }}
{{- $text = replace "keep_label_token!=" (printf "%s!=" (first $keep)) $text }}
{{- range $piece := list "{{ with $labels.keep_label_token }} of {{ . }}{{ end }}" ",keep_label_token=%q" " $labels.keep_label_token" }}
  {{- $pieces := "" }}
  {{- range $label := $keep }}
    {{- $pieces = print $pieces (replace "keep_label_token" $label $piece) }}
  {{- end }}
  {{- $text = replace $piece $pieces $text }}
{{- end }}
{{- $text = replace "keep_label_token" (join ", " $keep) $text }}
{{- range $name, $alert := .alerts }}
  {{- range $key, $limit := $alert.limits }}
    {{- $text = replace (printf "<%s.%s>" $name $key) (include "inferfleet.quoted" $limit) $text }}
    {{- if kindIs "string" $limit }}
      {{- $text = replace (printf "<%s.%s in seconds>" $name $key) (include "inferfleet.seconds" $limit) $text }}
    {{- end }}
  {{- end }}
{{- end }}
{{- $groups := list }}
{{- range $group := (fromJson $text).groups }}
  {{- $rules := list }}
  {{- range $rule := $group.rules }}
    {{- $alert := dict "enabled" true }}
    {{- if $rule.alert }}
      {{- $alert = index $.alerts $rule.alert }}
      {{- $_ := set $rule "for" $alert.for }}
      {{- $_ := unset $rule "keep_firing_for" }}
      {{- with $alert.keep_firing_for }}{{ $_ := set $rule "keep_firing_for" . }}{{ end }}
      {{- $_ := set $rule.labels "severity" $alert.severity }}
      {{- $page := trimPrefix "inferfleet-" $group.name }}
      {{- $_ := set $rule.annotations "runbook_url" ($values.runbook_url | replace "{page}" $page | replace "{anchor}" (lower $rule.alert)) }}
    {{- end }}
    {{- if $alert.enabled }}{{ $rules = append $rules $rule }}{{ end }}
  {{- end }}
  {{- if $rules }}{{ $groups = append $groups (set $group "rules" $rules) }}{{ end }}
{{- end }}
{{- dict "groups" $groups | toYaml }}
{{- end }}
