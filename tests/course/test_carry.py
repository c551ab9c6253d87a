"""Values and gradients between the judge and a student's process."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from n2v.course.calls import fingerprints, leaves
from n2v.course.carry import CannotCarry, pack, unpack
from n2v.course.gradients import pull_back, restore, snapshot, tie
from n2v.scenes import views  # noqa: F401  one of the forgeries names it
from n2v.zoo.splits import Item

VALUES = [
    None, True, -3, 10**40, 1.5, math.inf, "ä\ud800", b"\0x", 1 + 2j, [1, (2, {"a": {3}})], {(1, 2): [np.int8(3)]},
    np.float32(2.5), np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(["ab", "c"]), np.array([True]),
    torch.arange(4.0).reshape(2, 2), torch.tensor(3), torch.zeros(0, 2), torch.ones(2, dtype=torch.bfloat16),
    torch.tensor([True, False]), Item("a", "b", "chair", 1),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_carried_comes_back(value):
    back = unpack(pack(value))
    assert type(back) is type(value)
    if isinstance(value, np.ndarray | np.generic):
        assert back.dtype == value.dtype and back.shape == value.shape and np.array_equal(back, value)
    elif isinstance(value, torch.Tensor):
        assert back.dtype == value.dtype and back.shape == value.shape and torch.equal(back, value)
    else:
        assert back == value


def test_not_a_number_and_gradient_flags_come_back():
    assert math.isnan(unpack(pack(math.nan)))
    assert unpack(pack([torch.ones(2, requires_grad=True)]))[0].requires_grad


@pytest.mark.parametrize("value", [lambda: 1, object(), nn.Linear(1, 1), np.array([object()]), iter([1]), Exception()])
def test_no_code_is_carried(value):
    with pytest.raises(CannotCarry):
        pack(value)


def test_a_list_within_itself_is_refused():
    circle = []
    circle.append(circle)
    with pytest.raises(CannotCarry, match="nested"):
        pack(circle)


FORGED = [
    b"", b"{}", b"\xff", b"[]", b'["eval", "1"]', b'["array", "|O", [1], 8, false]\n12345678', b"[" * 100_000,
    b'["array", "<f8", [99999], 16, false]\n0123456789012345', b'["array", "<f8", [2], -1, false]\n', b'["bytes", 9]\n',
    b'["record", "os:system", ["command", "true"]]', b'["record", "n2v.files:write_bytes", ["path", "x"]]',
    b'["record", "n2v.course.grade:subprocess.run"]', b'["tensor", "load", [1], 4, false]\n1234',
    b'["record", "n2v.scenes.views:ViewSet", ["images", 1]]',
    b'["dict", [["list"], 1]]', b'["record", "n2v.zoo.splits:Item", ["nonsense", 1]]',
]  # fmt: skip


@pytest.mark.parametrize("data", FORGED, ids=range(len(FORGED)))
def test_forged_bytes_build_nothing(data):
    with pytest.raises(CannotCarry):
        unpack(data)


def test_random_damage_never_does_worse():
    sound, dice = pack([np.arange(9.0), {"a": (1, "b")}, Item("a", "b", "c")]), np.random.default_rng(0)
    for _ in range(300):
        hurt = bytearray(sound)
        hurt[dice.integers(len(hurt))] = dice.integers(256)
        try:
            json.dumps(unpack(bytes(hurt)), default=str)
        except CannotCarry:
            continue


def elsewhere(function, parameters):
    """The function as a judge sees it: data out, data back, gradients on request."""

    def call(*args):
        value, state = unpack(pack(function(*args))), unpack(pack(snapshot(parameters)))
        restore(parameters, state)

        def ask(which, gradient):
            return unpack(pack(pull_back(function(*args), parameters, which, gradient)))

        return tie(value, parameters, ask)

    return call


def test_gradients_are_those_of_the_function_itself():
    torch.manual_seed(0)
    model, data = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.randn(5, 3)

    def losses(module, values):
        out = module(values)
        return {"loss": (out**2).mean(), "each": out, "detached": out.detach().sum()}

    parameters = [*leaves((model, data))]
    assert len(parameters) == 4
    for score in (lambda told: told["loss"], lambda told: told["loss"] + told["each"][1].exp().sum()):
        wanted = torch.autograd.grad(score(losses(model, data)), parameters)
        told = elsewhere(losses, parameters)(model, data)
        assert not told["detached"].requires_grad
        for one, other in zip(torch.autograd.grad(score(told), parameters), wanted, strict=True):
            assert torch.allclose(one, other, atol=1e-7)


def test_gradients_reach_what_made_an_argument():
    """A generator behind a fake, and none of it when the answer detaches."""
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    for detach, reached in ((False, True), (True, False)):
        generator.zero_grad()
        fake = generator(torch.ones(1, 2))

        def loss(module, made, detach=detach):
            return module(made.detach() if detach else made).mean()

        elsewhere(loss, [*leaves((critic, fake))])(critic, fake).backward()
        assert (generator.weight.grad is not None and bool(generator.weight.grad.any())) is reached
        assert critic.weight.grad is not None


def test_a_training_step_elsewhere_is_a_training_step_here():
    model = nn.Linear(2, 1)
    twin = nn.Linear(2, 1)
    twin.load_state_dict(model.state_dict())
    twin(torch.ones(1, 2)).sum().backward()
    with torch.no_grad():
        twin.weight -= 0.1 * twin.weight.grad
    restore([*leaves(model)], unpack(pack(snapshot([*leaves(twin)]))))
    assert torch.equal(model.weight, twin.weight) and torch.equal(model.weight.grad, twin.weight.grad)
    with pytest.raises(ValueError):
        restore([*leaves(model)], [[torch.ones(9), None], [torch.ones(1), None]])


def test_fingerprints_see_every_array():
    array, tensor = np.zeros(3), torch.zeros(2)
    before = fingerprints(([array], {"a": (tensor, torch.zeros(1, requires_grad=True))}))
    assert len(before) == 2
    tensor[1] = 1
    assert fingerprints(([array], {"a": (tensor,)})) != before
