"""Knowing the mini zoo when it is met."""

import shutil

from n2v.zoo.shipped import is_mini_zoo, mini_zoo
from n2v.zoo.store import Zoo


def test_a_copy_is_known_and_anything_else_is_not(tmp_path):
    shutil.copytree(mini_zoo().folder, tmp_path / "copy")
    assert is_mini_zoo(Zoo(tmp_path / "copy"))
    manifest = tmp_path / "copy" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:-1]) + "\n")
    assert not is_mini_zoo(Zoo(tmp_path / "copy"))
    moved = lines[-1].replace('"split": "train"', '"split": "test"')
    moved = moved if moved != lines[-1] else lines[-1].replace('"split": "test"', '"split": "train"')
    assert moved != lines[-1]
    manifest.write_text("\n".join([*lines[:-1], moved]) + "\n")
    assert not is_mini_zoo(Zoo(tmp_path / "copy"))
