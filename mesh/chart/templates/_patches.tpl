{{- define "weighbridge-mesh.beforeRouterFilter" -}}
context: GATEWAY
listener:
  filterChain:
    filter:
      name: {{ . }}
      subFilter:
        name: envoy.filters.http.router
{{- end -}}

{{/* Linux' numbers: SOL_SOCKET 1 SO_KEEPALIVE 9; IPPROTO_TCP 6 TCP_KEEPIDLE 4, _KEEPINTVL 5, _KEEPCNT 6. */}}
{{- define "weighbridge-mesh.keepalive" -}}
- description: keepalive
  level: 1
  name: 9
  int_value: 1
  state: STATE_LISTENING
- description: keepalive after
  level: 6
  name: 4
  int_value: {{ trimSuffix "s" .time | int64 }}
  state: STATE_LISTENING
- description: keepalive every
  level: 6
  name: 5
  int_value: {{ trimSuffix "s" .interval | int64 }}
  state: STATE_LISTENING
- description: keepalive at most
  level: 6
  name: 6
  int_value: {{ int64 .probes }}
  state: STATE_LISTENING
{{- end -}}

{{/* A route's word that the router is not to be asked. */}}
{{- define "weighbridge-mesh.notAsked" -}}
envoy.filters.http.ext_proc:
  "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute
  disabled: true
{{- end -}}

{{/* One bucket per client. A client without a key takes from the filter's own bucket. */}}
{{- define "weighbridge-mesh.rateLimit" -}}
{{- with .Values.rateLimit -}}
name: envoy.filters.http.local_ratelimit
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
  stat_prefix: clients
  token_bucket:
    max_tokens: {{ int64 .burst }}
    tokens_per_fill: {{ int64 .refill }}
    fill_interval: {{ .interval }}
  filter_enabled:
    default_value:
      numerator: 100
  filter_enforced:
    default_value:
      numerator: 100
  always_consume_default_token_bucket: false
  max_dynamic_descriptors: {{ int64 .clients }}
  enable_x_ratelimit_headers: DRAFT_VERSION_03
  rate_limits:
    - actions:
        {{- if eq .by "header" }}
        - request_headers:
            header_name: {{ .key }}
            descriptor_key: client
        {{- else if eq .by "jwt-claim" }}
        - metadata:
            descriptor_key: client
            metadata_key:
              key: envoy.filters.http.jwt_authn
              path:
                - key: payload
                - key: {{ .key }}
        {{- else }}
        - remote_address: {}
        {{- end }}
  descriptors:
    # No value: each that comes gets a bucket of its own.
    - entries:
        - key: {{ ternary "remote_address" "client" (eq .by "address") }}
      token_bucket:
        max_tokens: {{ int64 .burst }}
        tokens_per_fill: {{ int64 .refill }}
        fill_interval: {{ .interval }}
{{- end -}}
{{- end -}}

{{/* Envoy's name for a pool's own servers; where others may take over it is another than routes use. */}}
{{- define "weighbridge-mesh.ownCluster" -}}
{{- printf "%s|%d|%s|%s" (ternary "own" "outbound" (not (empty .fallback))) (int .port) .subset .host -}}
{{- end -}}

{{/*
Pools that another tier takes over for, and canaries that stable takes over for. Istio's cluster of the
pool is renamed, with all that its DestinationRule says, and under its name comes an aggregate: the
pool, then the others. Routes, subsets and weights stay as they are.
*/}}
{{- define "weighbridge-mesh.fallbacks" -}}
{{- range $name, $_ := .Values.tiers }}
{{- $of := dict "root" $ "tier" $name }}
{{- $tier := include "weighbridge-mesh.tier" $of | fromJson }}
{{- $others := list }}
{{- if $tier.fallback }}
{{- $taking := dict "root" $ "tier" $tier.fallback "fixed" true }}
{{- $takes := include "weighbridge-mesh.tier" $taking | fromJson }}
{{- range (include "weighbridge-mesh.destinations" $taking | fromJson).all }}
{{- $others = append $others (include "weighbridge-mesh.ownCluster" (dict "fallback" $takes.fallback "port" .port "subset" (.subset | default "") "host" .host)) }}
{{- end }}
{{- end }}
{{- range $each := (include "weighbridge-mesh.hosts" $of | fromJson).all }}
{{- $stable := first $each.subsets }}
{{- range $subset := $each.subsets }}
{{- $canary := ne $subset $stable }}
{{- if or $tier.fallback $canary }}
{{- $routed := printf "outbound|%d|%s|%s" (int $each.port) $subset $each.host }}
{{- $own := include "weighbridge-mesh.ownCluster" (dict "fallback" true "port" $each.port "subset" $subset "host" $each.host) }}
- applyTo: CLUSTER
  match:
    context: GATEWAY
    cluster:
      name: {{ $routed }}
  patch:
    operation: MERGE
    value:
      name: {{ $own }}
      # Envoy counts answers for the cluster that was routed to, connections for the servers' own.
      alt_stat_name: {{ $own }};
- applyTo: CLUSTER
  match:
    context: GATEWAY
  patch:
    operation: ADD
    value:
      name: {{ $routed }}
      alt_stat_name: {{ $routed }};
      connect_timeout: {{ $tier.connectionPool.connectTimeout }}
      lb_policy: CLUSTER_PROVIDED
      circuit_breakers:
        thresholds:
          - max_connections: {{ int64 $tier.connectionPool.maxConnections }}
            max_pending_requests: {{ int64 $tier.connectionPool.maxPendingRequests }}
            max_requests: {{ int64 $tier.connectionPool.maxPendingRequests }}
            max_retries: {{ int64 $tier.connectionPool.maxRetries }}
      cluster_type:
        name: envoy.clusters.aggregate
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
          clusters:
            - {{ $own }}
            {{- if $canary }}
            - {{ include "weighbridge-mesh.ownCluster" (dict "fallback" $tier.fallback "port" $each.port "subset" $stable "host" $each.host) }}
            {{- end }}
            {{- range $others }}
            - {{ . }}
            {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
