"""A Vault that takes an audit device by its API, as HashiCorp's does and OpenBao does not: what is
said to sys/audit is answered here, in HashiCorp's words, the rest is passed to the OpenBao at the
address given. Prints its own port, and serves until its standard input ends.

    audit_front.py http://127.0.0.1:8200
"""

import http.client
import http.server
import json
import sys
import threading
import urllib.parse

upstream = urllib.parse.urlsplit(sys.argv[1])
devices = {}


class Front(http.server.BaseHTTPRequestHandler):
    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/v1/sys/audit"):
            self.answer(*self.audit(body))
            return
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=20)
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        self.answer(reply.status, reply.read())

    def audit(self, body):
        if self.headers.get("X-Vault-Token") is None:
            return 403, b'{"errors": ["permission denied"]}'
        name = self.path.removeprefix("/v1/sys/audit").strip("/") + "/"
        if self.command == "GET":
            return 200, json.dumps({"data": devices}).encode()
        if name in devices:
            return 400, b'{"errors": ["path already in use"]}'
        devices[name] = json.loads(body)
        return 204, b""

    do_GET = do_POST = do_PUT = handle_any

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
