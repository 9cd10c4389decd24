"""The example application: GET /health says what works and which secret came from where, never
a value; POST /jobs puts a line of text aside for the worker, GET /jobs says what became of them."""

import http.server
import json
import signal
import sys

import origin
import stores

PORT = 8080
JOB_BYTES = 4096  # the longest text of a job


def state_of(check):
    """A class of error says enough to look further; its text might quote a URL."""
    try:
        check()
        return "ok"
    except Exception as error:  # whatever it is, the page is to say so
        return f"failing ({type(error).__name__})"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            checks = {"database": state_of(stores.check_database), "s3": state_of(stores.check_bucket)}
            well = set(checks.values()) == {"ok"}
            self.answer(200 if well else 503, {
                "status": "ok" if well else "failing", **checks, "secrets": origin.report()})
        elif self.path == "/jobs":
            with stores.database() as connection:
                rows = connection.execute("SELECT id, done_at IS NOT NULL FROM jobs ORDER BY id DESC LIMIT 100")
                self.answer(200, {"jobs": [{"id": number, "done": done} for number, done in rows]})
        else:
            self.answer(404, {"error": "there are /health and /jobs"})

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/jobs" or not 0 < length <= JOB_BYTES:
            self.answer(400, {"error": f"POST /jobs, with 1 to {JOB_BYTES} bytes"})
            return
        text = self.rfile.read(length).decode(errors="replace").replace("\0", "")
        with stores.database() as connection:
            number, = connection.execute("INSERT INTO jobs (text) VALUES (%s) RETURNING id", (text,)).fetchone()
        self.answer(201, {"id": number})

    def answer(self, status, body):
        text = json.dumps(body, indent=2).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", PORT), Page).serve_forever()
