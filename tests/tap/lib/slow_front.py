"""A plain TCP server on loopback before another, that holds back each reply: for SlowFront.pm.

    slow_front.py TARGET_PORT FILE      prints the port that it listens on

FILE holds the seconds; it is read again for each reply. Requests go through at once.
"""

import socket
import sys
import threading
import time


def pump(source, sink, hold_back):
    """Copies bytes until either side ends."""
    try:
        while data := source.recv(65536):
            hold_back()
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    target_port, file = int(sys.argv[1]), sys.argv[2]

    def wait():
        with open(file, encoding="ascii") as seconds:
            time.sleep(float(seconds.read()))

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        inner, _ = listener.accept()
        outer = socket.create_connection(("127.0.0.1", target_port))
        for arguments in (inner, outer, lambda: None), (outer, inner, wait):
            threading.Thread(target=pump, args=arguments, daemon=True).start()


main()
