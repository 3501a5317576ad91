"""The configuration of Envoy in docs/neighbours.md, read by Envoy's own definitions."""

from __future__ import annotations

import re

import pytest
import yaml

from service.settings import ROOT

pytest.importorskip("envoy.service.ext_proc.v3", reason="the extra `envoy` is not installed")

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.extensions.filters.http.ext_proc.v3 import ext_proc_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as manager_pb2,
)
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2
from google.protobuf.json_format import ParseDict

SERVICES = external_processor_pb2.DESCRIPTOR.services_by_name


def test_an_unknown_field_or_type_would_be_an_error() -> None:
    page = (ROOT / "docs" / "neighbours.md").read_text("utf-8")
    (written,) = re.findall(r"```yaml\n(static_resources:.*?)```", page, re.DOTALL)
    read = ParseDict(yaml.safe_load(written), Bootstrap()).static_resources
    manager = manager_pb2.HttpConnectionManager()
    assert read.listeners[0].filter_chains[0].filters[0].typed_config.Unpack(manager)
    guard, router = manager.http_filters
    filter_ = ext_proc_pb2.ExternalProcessor()
    assert guard.typed_config.Unpack(filter_)
    assert router.typed_config.Is(router_pb2.Router.DESCRIPTOR)
    assert not filter_.failure_mode_allow
    mode = filter_.processing_mode
    assert mode.BodySendMode.Name(mode.request_body_mode) == "BUFFERED"
    assert mode.BodySendMode.Name(mode.response_body_mode) == "FULL_DUPLEX_STREAMED"
    (gate,) = [each for each in read.clusters if each.name == "glassgate"]
    assert filter_.grpc_service.envoy_grpc.cluster_name == gate.name
    (options,) = gate.typed_extension_protocol_options.values()
    assert options.Is(http_protocol_options_pb2.HttpProtocolOptions.DESCRIPTOR)
    checked = gate.health_checks[0].grpc_health_check.service_name
    assert checked == SERVICES["ExternalProcessor"].full_name
