"""`python -m weighbridge_lab`."""

from weighbridge_lab.cli import main

main()
