"""A plain TCP server on loopback before another, that holds back each reply: for SlowFront.pm.

    slow_front.py TARGET_PORT FILE      prints the port that it listens on

FILE holds the seconds; it is read again for each reply. Requests go through at once.
"""

import socket
import sys
import threading
import time

from byte_pump import pump


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
        for arguments in (inner, outer), (outer, inner, wait):
            threading.Thread(target=pump, args=arguments, daemon=True).start()


main()
