{{- define "parley.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "parley.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "parley.labels" -}}
{{ include "parley.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* "true" where the nodes share a Redis. */ -}}
{{- define "parley.withRedis" -}}
{{- if or .Values.redis.url .Values.redis.inExistingSecret }}true{{ end }}
{{- end }}

{{- /* The Secret whose keys become settings. */ -}}
{{- define "parley.secret" -}}
{{- .Values.existingSecret | default (include "parley.name" .) }}
{{- end }}

{{- define "parley.hasSecret" -}}
{{- if or .Values.existingSecret .Values.secretKey .Values.redis.url }}true{{ end }}
{{- end }}

{{- /* A value as text. A whole number would otherwise become 1e+06. */ -}}
{{- define "parley.text" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /* Fails with a sentence for values that cannot work together. */ -}}
{{- define "parley.check" -}}
{{- $redis := include "parley.withRedis" . }}
{{- if and (gt (int .Values.replicas) 1) (not $redis) }}
{{- fail "replicas is more than 1, and there is no redis.url: several nodes share a Redis, and the embedded store is for one. Set redis.url, or redis.inExistingSecret." }}
{{- end }}
{{- if and $redis (not .Values.secretKey) (not .Values.existingSecret) }}
{{- fail "With Redis every node needs the same SECRET_KEY. Set secretKey (openssl rand -base64 32), or existingSecret." }}
{{- end }}
{{- if and .Values.redis.inExistingSecret (not .Values.existingSecret) }}
{{- fail "redis.inExistingSecret is set, and existingSecret names no Secret." }}
{{- end }}
{{- if and .Values.existingSecret (or .Values.secretKey .Values.redis.url) }}
{{- fail "existingSecret is set: put SECRET_KEY and REDIS_URL there (and set redis.inExistingSecret), and leave secretKey and redis.url empty." }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled) }}
{{- fail "metrics.serviceMonitor needs metrics.enabled." }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.withKey (not .Values.existingSecret) }}
{{- fail "metrics.serviceMonitor.withKey needs METRICS_KEY in existingSecret." }}
{{- end }}
{{- range $name := list "DRAIN_SECONDS" "HOST" "PORT" "DATA_DIR" "METRICS_ADDRESS" }}
{{- if hasKey $.Values.settings $name }}
{{- fail (printf "settings.%s is set by the chart: drainSeconds, service.port and metrics.port are the values for it." $name) }}
{{- end }}
{{- end }}
{{- range $name := list "SECRET_KEY" "SECRET_KEY_PREVIOUS" "REDIS_URL" "REDIS_PASSWORD" "METRICS_KEY" "API_KEYS" }}
{{- if hasKey $.Values.settings $name }}
{{- fail (printf "settings.%s is a secret: put it into existingSecret." $name) }}
{{- end }}
{{- end }}
{{- end }}
