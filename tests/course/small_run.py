"""A run folder from what the project ships, for grading without a smoke run."""

from pathlib import Path

import n2v


def small_run(folder: Path) -> Path:
    """Its zoo is the mini zoo; no check asks for more."""
    folder.mkdir()
    (folder / "zoo").symlink_to(n2v.mini_zoo().folder)
    return folder
