"""`python -m weighbridge_experiments`."""

from weighbridge_experiments.cli import main

if __name__ == "__main__":
    main()
