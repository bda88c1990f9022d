"""How many files and connections the server may have open at once: as many as the machine lets it."""

import sys


def raise_limit() -> None:
    """Raise the limit with which the process was started, often 1,024; Windows has none."""
    if sys.platform != "win32":
        import resource

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # An open tab takes four; macOS allows no more.
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, 10_240)), most))
