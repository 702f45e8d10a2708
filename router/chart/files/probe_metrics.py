#!/usr/bin/env python3
"""Ends with 0 while the router on this machine says that it serves. Argument: its metrics port."""

import sys
import urllib.request

URL = f"http://127.0.0.1:{sys.argv[1]}/metrics"
LINE = b"weighbridge_ready 1.0"

with urllib.request.urlopen(URL, timeout=2) as answer:
    sys.exit(LINE not in answer.read().splitlines())
