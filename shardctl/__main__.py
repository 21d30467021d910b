"""`python -m shardctl` is the command `shardctl`."""

from __future__ import annotations

from shardctl.cli import main

if __name__ == "__main__":
    main()
