"""How a run ends: the exit statuses of minio-helper, and the exception that carries one."""

INTERNAL = 1
USAGE = 2  # usage or configuration
UNREACHABLE = 3  # not reachable, sealed, no leader: try again
REFUSED = 4  # authentication or permission
MALFORMED = 6


class Failure(Exception):
    """Ends the run with `status`; the text says what to do, and never holds a secret."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
