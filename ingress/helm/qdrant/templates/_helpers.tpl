{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "qdrant.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "qdrant.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "qdrant.selector" -}}
app.kubernetes.io/name: {{ include "qdrant.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "qdrant.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "qdrant.labels" -}}
{{ include "qdrant.selector" . }}
{{ include "qdrant.commonLabels" . }}
{{- end }}

{{/* Of the gateway and of Valkey: (list . NAME) */}}
{{- define "qdrant.partSelector" -}}
app: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{/* What of it may not change with the chart's version: pods stay. */}}
{{- define "qdrant.partPodLabels" -}}
{{ include "qdrant.partSelector" . }}
app.kubernetes.io/name: {{ index . 1 }}
{{- end }}

{{- define "qdrant.partLabels" -}}
{{ include "qdrant.partPodLabels" . }}
app.kubernetes.io/part-of: {{ include "qdrant.name" (index . 0) }}
{{ include "qdrant.commonLabels" (index . 0) }}
{{- end }}

{{/* (list . IMAGE) with repository and tag, mirrored */}}
{{- define "qdrant.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- $tag := default $root.Chart.AppVersion $image.tag }}
{{- with $root.Values.global.imageRegistry }}
{{- . | trimSuffix "/" }}/{{ base $image.repository }}:{{ $tag }}
{{- else }}
{{- $image.repository }}:{{ $tag }}
{{- end }}
{{- end }}

{{- define "qdrant.dashboardHost" -}}
{{- default (printf "qdrant-dashboard.%s" .Values.exposure.domain) .Values.exposure.dashboardHost }}
{{- end }}

{{- define "qdrant.apiHost" -}}
{{- default (printf "qdrant.%s" .Values.exposure.domain) .Values.exposure.apiHost }}
{{- end }}

{{- define "qdrant.valkey" -}}
{{- $at := default .Values.valkey.name .Values.valkey.external }}
{{- if contains ":" $at }}{{ $at }}{{ else }}{{ printf "%s:6379" $at }}{{ end }}
{{- end }}

{{/* The engine's configuration: `config`, with what other values ask for. */}}
{{- define "qdrant.config" -}}
{{- $service := dict }}
{{- if kindIs "bool" .Values.cors.enabled }}
{{- $_ := set $service "enable_cors" .Values.cors.enabled }}
{{- with .Values.cors.allowedOrigins }}
{{- $_ := set $service "cors_allowed_origins" . }}
{{- end }}
{{- end }}
{{- $_ := set $service "http_port" 6333 }}
{{- $_ := set $service "grpc_port" (ternary 6334 0 .Values.service.grpc.enabled) }}
{{- $storage := dict "storage_path" "/qdrant/storage" "snapshots_path" "/qdrant/snapshots" }}
{{- if .Values.gateway.enabled }}
{{- $_ := set $service "identity_key_file" "/run/azimuth/identity-key" }}
{{- end }}
{{- $ours := dict "service" $service "storage" $storage }}
{{- tpl (toYaml (mergeOverwrite $ours .Values.config)) . }}
{{- end }}

{{/* The environment of a key: (list . VALUE SECRET-KEY VARIABLE) */}}
{{- define "qdrant.keyEnv" -}}
{{- $root := index . 0 }}
{{- $value := index . 1 }}
{{- if $value }}
- name: {{ index . 3 }}
  valueFrom:
    secretKeyRef:
{{- if kindIs "map" $value }}
      {{- toYaml $value.valueFrom.secretKeyRef | nindent 6 }}
{{- else }}
      name: {{ include "qdrant.fullname" $root }}-apikey
      key: {{ index . 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A key as text: given, or generated once: (list . VALUE SECRET-KEY) */}}
{{- define "qdrant.keyText" -}}
{{- $root := index . 0 }}
{{- $value := index . 1 }}
{{- if kindIs "string" $value }}
{{- $value }}
{{- else }}
{{- $name := printf "%s-apikey" (include "qdrant.fullname" $root) }}
{{- $old := lookup "v1" "Secret" $root.Release.Namespace $name }}
{{- $was := dig "data" (index . 2) "" (default dict $old) }}
{{- if $was }}{{ b64dec $was }}{{ else }}{{ randAlphaNum 32 }}{{ end }}
{{- end }}
{{- end }}

{{/* Whether the chart makes the secret of the keys. */}}
{{- define "qdrant.hasKeySecret" -}}
{{- range list .Values.apiKey .Values.readOnlyApiKey }}
{{- if and . (not (kindIs "map" .)) }}yes{{ end }}
{{- end }}
{{- end }}

{{- define "qdrant.serviceAccount" -}}
{{- ternary (include "qdrant.fullname" .) "default" .Values.serviceAccount.create }}
{{- end }}

{{/* Of every container but the engine's, which has its own value. */}}
{{- define "qdrant.containerSecurity" -}}
runAsNonRoot: true
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Spread over nodes and zones: (list SELECTOR) */}}
{{- define "qdrant.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $ | nindent 6 }}
{{- end }}
{{- end }}

{{/* The ports of a service: (list . HAS-NODE-PORTS) */}}
{{- define "qdrant.ports" -}}
{{- $root := index . 0 }}
{{- $grpc := $root.Values.service.grpc }}
{{- range $root.Values.service.ports }}
{{- if or (ne .name "grpc") $grpc.enabled }}
- name: {{ .name }}
  port: {{ ternary (int $grpc.port) (int .port) (eq .name "grpc") }}
  targetPort: {{ .targetPort | default .port }}
  protocol: {{ .protocol | default "TCP" }}
  {{- with .appProtocol }}
  appProtocol: {{ . }}
  {{- end }}
  {{- if and .nodePort (index $ 1) }}
  nodePort: {{ .nodePort }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* At which port of the Service REST is. */}}
{{- define "qdrant.httpPort" -}}
{{- range .Values.service.ports }}
{{- if eq .name "http" }}{{ int .port }}{{ end }}
{{- end }}
{{- end }}

{{/* (list NAME PATH VALUES) */}}
{{- define "qdrant.probe" -}}
{{- $probe := index . 2 }}
{{- if $probe.enabled }}
{{ index . 0 }}:
  httpGet:
    path: {{ index . 1 }}
    port: 6333
  {{- toYaml (omit $probe "enabled") | nindent 2 }}
{{- end }}
{{- end }}

{{/* A claim of the StatefulSet: (list . VALUES NAME) */}}
{{- define "qdrant.claim" -}}
{{- $root := index . 0 }}
{{- $values := index . 1 }}
{{- $class := default $values.storageClassName $values.storageClass }}
{{- if and (not $class) $root.Values.storageClass.create }}
{{- $class = $root.Values.storageClass.name }}
{{- end -}}
- metadata:
    name: {{ index . 2 }}
    labels:
      app: {{ include "qdrant.name" $root }}
      {{- include "qdrant.selector" $root | nindent 6 }}
      {{- with $values.additionalLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $values.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    accessModes:
      {{- if $values.accessMode }}
      - {{ $values.accessMode }}
      {{- else }}
      {{- toYaml $values.accessModes | nindent 6 }}
      {{- end }}
    {{- with $class }}
    storageClassName: {{ . }}
    {{- end }}
    {{- with $values.volumeAttributesClassName }}
    volumeAttributesClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ $values.size }}
{{- end }}

{{/* A rule of a policy: names are asked for in kube-system. */}}
{{- define "qdrant.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{/* One Ingress of `exposure`: root, name, host, path, pathType, backend,
     annotations. */}}
{{- define "qdrant.exposure" }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "qdrant.labels" .root | nindent 4 }}
  {{- with merge dict .annotations .root.Values.exposure.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .root.Values.exposure.ingressClassName }}
  ingressClassName: {{ . }}
  {{- end }}
  tls:
    - hosts:
        - {{ .host }}
      secretName: {{ .root.Values.exposure.tlsSecret }}
  rules:
    - host: {{ .host }}
      http:
        paths:
          - path: {{ .path }}
            pathType: {{ .pathType }}
            backend:
              service:
                name: {{ .backend.name }}
                port:
                  number: {{ .backend.port }}
{{- end }}

{{/* Whether clients come to the gateway's own TLS, and HTTP sends them there. */}}
{{- define "qdrant.redirects" -}}
{{- $e := .Values.exposure }}
{{- $direct := or (eq $e.mode "none") (and (eq $e.mode "gateway-direct") (not $e.gatewayIngress)) }}
{{- if and $direct .Values.gateway.tls (ne .Values.gateway.service.type "ClusterIP") }}yes{{ end }}
{{- end }}

{{/* Whether the gateway sees the addresses of clients. Where it sees the ingress
     controller's alone, a limit by address is one for everybody. */}}
{{- define "qdrant.addressesKnown" -}}
{{- if or .Values.gateway.trustedProxies (include "qdrant.redirects" .) }}yes{{ end }}
{{- end }}

{{/* nginx's listen lines: (list . WORDS) */}}
{{- define "qdrant.listen" -}}
listen 8080{{ index . 1 }};
{{- if (index . 0).Values.gateway.tls }}
listen 8443 ssl{{ index . 1 }};
{{- end }}
{{- end }}
