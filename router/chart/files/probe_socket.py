#!/usr/bin/env python3
"""Ends with 0 while the router says that it serves ext_proc. Argument: path of its Unix socket."""

import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

QUESTION = HealthCheckRequest(service="envoy.service.ext_proc.v3.ExternalProcessor")

with grpc.insecure_channel(f"unix:{sys.argv[1]}") as channel:
    answer = HealthStub(channel).Check(QUESTION, timeout=2)
sys.exit(answer.status != HealthCheckResponse.SERVING)
