"""Checks that print what they found; the first false one ends the script."""

import os
import sys

HOST = os.environ["RESP_HOST"]
PORT = int(os.environ["RESP_PORT"])


def check(name, actual, expected=True):
    """Prints one line, and ends the script when `actual` is not `expected`."""
    if actual != expected:
        print(f"FAILED {name}: expected {expected!r}, got {actual!r}")
        sys.exit(1)
    print(f"ok     {name}")
