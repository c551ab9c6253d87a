"""What crosses from an answer to the judge: a closed list of data, whatever is sent."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from n2v.course.answer import fingerprints
from n2v.course.values import NotData, decode, encode

VALUES = [
    None, True, -3, 10**40, 1.5, math.inf, "ä\ud800", [1, (2, {"a": [3]})], {(1, 2): [np.int8(3)]}, np.str_("x"),
    np.float32(2.5), np.arange(6).reshape(2, 3).T, np.zeros((0, 3)), np.array(["ab", "c"]), np.array([True]),
    torch.arange(4.0).reshape(2, 2).T, torch.tensor(3), torch.zeros(0, 2), torch.tensor([True, False]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_data_come_back(value):
    back = decode(encode(value))
    assert type(back) is type(value)
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        assert (
            back.dtype == value.dtype
            and back.shape == value.shape
            and np.array_equal(np.asarray(back), np.asarray(value))
        )
    else:
        assert back == value


def test_not_a_number_comes_back_and_a_gradient_does_not():
    assert math.isnan(decode(encode(math.nan)))
    assert not decode(encode(torch.ones(2, requires_grad=True))).requires_grad


def test_subclasses_come_back_as_what_they_are_made_of():
    class All(list):
        def __eq__(self, other):
            return True

    assert type(decode(encode(All()))) is list


CIRCLE: list = []
CIRCLE.append(CIRCLE)
NO_DATA = [lambda: 1, object(), nn.Linear(1, 1), np.array([object()]), iter([1]), Exception(), {1}, b"x", 1j, CIRCLE]


@pytest.mark.parametrize("value", [*NO_DATA, torch.ones(2, dtype=torch.bfloat16)], ids=lambda v: type(v).__name__)
def test_nothing_else_is_sent(value):
    with pytest.raises(NotData, match="came back|nested"):
        encode(value)


EIGHT = b'"MTIzNDU2Nzg="'  # bytes, in base64
FORGED = [
    b"", b"\xff", b"[" * 100_000, b"{}", b'{"eval": "1"}', b'{"dict": [[[], 1]]}', pickle.dumps(1),
    b'{"array": ["|O", [1], %s]}' % EIGHT, b'{"array": ["<f8", [9], %s]}' % EIGHT,
    b'{"array": ["V8", [1], %s]}' % EIGHT, b'{"array": ["<f8", [-1], %s]}' % EIGHT,
    b'{"tensor": ["<U2", [1], %s]}' % EIGHT,
    b'{"array": ["<f8", [1], %s], "tuple": []}' % EIGHT, b'{"array": ["<f8", [1], "?"]}',
]  # fmt: skip


@pytest.mark.parametrize("data", FORGED, ids=range(len(FORGED)))
def test_forged_bytes_build_nothing(data):
    with pytest.raises(NotData):
        decode(data)


def test_random_damage_never_does_worse():
    sound, dice = encode([np.arange(9.0), {"a": (1, "b")}]), np.random.default_rng(0)
    for _ in range(300):
        hurt = bytearray(sound)
        hurt[dice.integers(len(hurt))] = dice.integers(256)
        try:
            json.dumps(decode(bytes(hurt)), default=str)
        except NotData:
            continue


def test_fingerprints_see_every_array():
    array, tensor = np.zeros(3), torch.zeros(2)
    before = fingerprints(([array], {"a": (tensor, 1)}))
    assert before == fingerprints(([array], {"a": (tensor, 1)}))
    tensor[1] = 1
    assert fingerprints(([array], {"a": (tensor, 1)})) != before
