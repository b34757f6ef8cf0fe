"""`python -m chainkit`: the same as the `chainkit` command."""

import sys

from chainkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
