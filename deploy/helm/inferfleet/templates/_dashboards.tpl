{{/*
A dashboard of files/dashboards with the kept labels: all of them in lists of labels and in legends,
the last, the cluster's own name, elsewhere. Takes the root and the path.
*/}}
{{- define "inferfleet.dashboard" -}}
{{- $keep := .root.Values.rules.values.keep_labels }}
{{- $legends := list }}
{{- range $keep }}
  {{- $legends = append $legends (printf "{{%s}}" .) }}
{{- end }}
{{- .root.Files.Get .path
    | replace "(keep_label_token" (printf "(%s" (join ", " $keep))
    | replace "{{keep_label_token}}" (join " " $legends)
    | replace "keep_label_token" (last $keep) }}
{{- end }}
