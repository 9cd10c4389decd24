"""What a server in front of another one does with a connection: slow_front.py, tls_front.py."""

import socket


def pump(source, sink, before_sending=lambda: None):
    """Copies bytes until either side ends."""
    try:
        while data := source.recv(65536):
            before_sending()
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
