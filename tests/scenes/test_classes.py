"""Classes by name: the thirteen keep their numbers, any other name gets one in its collection."""

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES, class_of, class_of_folders, label_of, labels_of, names_of


def test_a_class_is_a_name_that_every_file_system_takes():
    assert class_of("chair") == class_of("03001627") == "chair"
    assert [class_of(name) for name in ("night_stand", " Dining table ", "02992529", "A-1")] == [
        "night_stand", "Dining table", "02992529", "A-1",
    ]  # fmt: skip
    for name in ("", "..", ".hidden", "a/b", "a\\b", "x.", "x" * 65, "naïve", "a\nb", "-x", "a:b"):
        with pytest.raises(BadInput, match="is no class name"):
            class_of(name)
    with pytest.raises(BadInput, match="unknown class 'night_stand'"):
        label_of("night_stand")


def test_labels_of_the_thirteen_are_fixed_and_others_follow_in_sorted_order():
    labels = labels_of(["zebra", "chair", "boat", "zebra"])
    assert [labels[name] for name in CLASSES] == list(range(13)) and (labels["boat"], labels["zebra"]) == (13, 14)
    later = labels_of(["ape", "zebra"], {"boat": 13, "zebra": 14})
    assert (later["boat"], later["zebra"], later["ape"]) == (13, 14, 15)


def test_names_by_label():
    assert names_of(np.array([4, 4]), ["chair", "chair"]) == CLASSES
    assert names_of(np.array([15, 4, 13]), ["zebra", "chair", "boat"]) == (*CLASSES, "boat", "-", "zebra")


@pytest.mark.parametrize(
    ("inner", "above", "told", "expected"),
    [
        (("chair", "models"), ["x"], None, "chair"),
        (("03636649", "aa"), ["x"], "rifle", "03636649"),
        (("spaceship", "train"), ["x"], None, "spaceship"),
        (("uid-1",), ["x"], "spaceship", "spaceship"),
        ((), ["sofa", "x"], "rifle", "sofa"),
        ((), ["Downloads"], None, None),
    ],
)
def test_what_folders_say(inner, above, told, expected):
    assert class_of_folders(inner, above, told) == expected
