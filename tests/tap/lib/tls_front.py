"""Speaks TLS in front of a plain TCP server on loopback: for ScriptedHttp.pm, because Perl has no
TLS without modules that Debian does not install by default.

    tls_front.py CERTIFICATE KEY TARGET_PORT      prints the port that it listens on
"""

import socket
import ssl
import sys
import threading

from byte_pump import pump


def serve(connection, context, target_port):
    """One connection; a failed handshake is the client's business."""
    try:
        inner = context.wrap_socket(connection, server_side=True)
        outer = socket.create_connection(("127.0.0.1", target_port))
    except OSError:
        connection.close()
        return
    threading.Thread(target=pump, args=(outer, inner), daemon=True).start()
    pump(inner, outer)


def main():
    certificate, key, target_port = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(
            target=serve, args=(connection, context, int(target_port)), daemon=True
        ).start()


main()
