"""`n2v zoo verify`, `n2v fit --shard`: mistakes end in one clear line."""

import pytest
from test_store import flip_a_bit, write

from n2v.commands.zoo import fit, parse_shard, zoo_info, zoo_verify
from n2v.errors import BadInput


def test_verify_passes_a_sound_zoo_and_names_what_is_damaged(tmp_path):
    for start in range(0, 8, 2):
        write(tmp_path, [f"chair-{start}", f"chair-{start + 1}"], seed=start)
    assert zoo_verify(tmp_path)["sound"] == zoo_info(tmp_path)["n"] == 8
    flip_a_bit(tmp_path)
    with pytest.raises(BadInput, match=r"1 of 8 NeRFs are damaged: chair-\d: .*checksum") as caught:
        zoo_verify(tmp_path)
    assert "\n" not in str(caught.value) and "--resume" in str(caught.value)
    for shard in (tmp_path / "shards").iterdir():
        shard.unlink()
    with pytest.raises(BadInput, match="8 of 8 NeRFs are damaged.* and 3 more"):
        zoo_verify(tmp_path)


def test_shard_arguments():
    assert [parse_shard(text) for text in ("0/1", "3/4")] == [(0, 1), (3, 4)]
    for text in ("4/4", "1", "-1/4", "a/b", "1/0", ""):
        with pytest.raises(BadInput, match="write i/N"):
            parse_shard(text)


def test_steps_and_profiles_are_checked_before_any_work(tmp_path):
    with pytest.raises(BadInput, match="use at least 1"):
        fit(tmp_path, tmp_path / "zoo", steps=0)
    with pytest.raises(BadInput, match="unknown profile"):
        fit(tmp_path, tmp_path / "zoo", profile="huge")
    assert list(tmp_path.iterdir()) == []
