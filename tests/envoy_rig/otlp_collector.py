"""An OTLP/HTTP collector in a thread of the test: what came, as bytes and as spans.

Both encodings are read by the protocol's own messages, as xds-protos has them: old ones, in which
scopes had another name.
"""

import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

SERVER, CLIENT = 2, 3


@dataclass(frozen=True)
class Seen:
    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    nanoseconds: int
    attributes: dict
    failed: bool
    resource: dict


class OtlpCollector:
    """What came; `answer` may be set to another status and body, `hold` makes it answer late."""

    def __init__(self, port):
        self.port = port
        self.exports = []
        self.answer = (200, b"")
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def spans(self, **wanted):
        found = [span for kind, body in list(self.exports) for span in read_export(kind, body)]
        return [
            span
            for span in found
            if all(getattr(span, name) == value for name, value in wanted.items())
        ]

    def bytes(self):
        return b"\n".join(body for _, body in self.exports)

    @contextmanager
    def holding(self):
        """No answer meanwhile."""
        self.go_on.clear()
        try:
            yield
        finally:
            self.go_on.set()


@contextmanager
def otlp_collector():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self):
            assert self.path == "/v1/traces", self.path
            collector.exports.append((self.headers["content-type"], self._body()))
            collector.go_on.wait(10)
            status, answer = collector.answer
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self):
            if "transfer-encoding" not in self.headers:
                return self.rfile.read(int(self.headers["content-length"]))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that went away
    collector = OtlpCollector(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        collector.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


def read_export(kind, body):
    export = trace_service_pb2.ExportTraceServiceRequest()
    if kind == "application/json":
        json_format.ParseDict(_as_protobuf_has_it(json.loads(body)), export)
    else:
        export.ParseFromString(body)
    for resource in export.resource_spans:
        of = _plain(resource.resource.attributes)
        for scope in resource.instrumentation_library_spans:
            for span in scope.spans:
                yield Seen(
                    service=of["service.name"],
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
                    attributes=_plain(span.attributes),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    resource=of,
                )


def _as_protobuf_has_it(export):
    """OTLP's JSON has ids in hex where protobuf's has base64."""
    for resource in export["resourceSpans"]:
        scopes = resource.pop("scopeSpans")
        resource["instrumentationLibrarySpans"] = scopes
        for scope in scopes:
            scope["instrumentationLibrary"] = scope.pop("scope")
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return export


def _plain(attributes):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
