"""A server that answers queries as Prometheus does, from a table, or in another way it is told."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@contextmanager
def serving(answer):
    """Serve `answer(expr)`, which is (status, bytes); gives the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            (expr,) = parse_qs(urlsplit(self.path).query)["query"]
            status, body = answer(expr)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def table(series):
    """An answer from values by expression: pairs of labels and a value as Prometheus writes it."""

    def answer(expr):
        result = [{"metric": m, "value": [1, value]} for m, value in series.get(expr, ())]
        data = {"resultType": "vector", "result": result}
        return 200, json.dumps({"status": "success", "data": data}).encode()

    return answer
