"""Probe one backend in a process of its own: `python -m n2v.nerf.engines NAME`."""

import sys

from n2v.nerf.engines import try_out

if __name__ == "__main__":
    works, found = try_out(sys.argv[1])
    print(found)
    sys.exit(0 if works else 1)
