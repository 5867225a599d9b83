"""`python -m experiments NAME`: see ``experiments.registry``."""

import sys

from experiments.registry import main

if __name__ == "__main__":
    sys.exit(main())
