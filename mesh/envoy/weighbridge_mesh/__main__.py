"""`python -m weighbridge_mesh`: see cli.py."""

from weighbridge_mesh.cli import main

if __name__ == "__main__":
    main()
