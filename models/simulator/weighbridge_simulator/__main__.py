"""`python -m weighbridge_simulator` is the `weighbridge-simulator` command."""

from weighbridge_simulator.cli import main

main()
