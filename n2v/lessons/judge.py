"""How the visible checks of the notebooks speak: an answer is compared, and its mistake named.

An exercise that is not written yet is said to be so and does not stop the notebook; a wrong answer raises
AssertionError.
"""

import math
from collections.abc import Callable

import torch


def judge(
    name: str, answer: Callable, expected: torch.Tensor, mistakes: dict[str, Callable], tolerance: float = 1e-4
) -> bool:
    """Compare what `answer()` returns; True: right, False: not written yet. Both are printed.

    Args:
        name: Of the exercise.
        answer: Calls the student's function.
        expected: The right result.
        mistakes: Explanation -> a call that gives the result of that mistake.
        tolerance: Largest difference that counts as equal.

    Raises:
        AssertionError: a wrong answer; says which mistake it is, or where it differs.
    """
    try:
        given = answer()
    except NotImplementedError:
        print(f"{name}: not written yet")
        return False
    assert given is not None, f"{name}: nothing came back; is the return missing?"
    parts = given if isinstance(given, tuple | list) else [given]
    assert all(part is not None for part in parts), f"{name}: nothing came back; is the return missing?"
    try:
        found = torch.stack([torch.as_tensor(part, dtype=torch.float32) for part in parts]).reshape(-1)
    except (TypeError, ValueError, RuntimeError):  # None or a dictionary, or shapes that differ
        kinds = ", ".join(dict.fromkeys(type(part).__name__ for part in parts))
        raise AssertionError(f"{name}: {kinds} came back, numbers of one shape are wanted") from None
    expected = expected.float().reshape(-1)
    assert found.shape == expected.shape, f"{name}: {found.numel()} numbers came back, {expected.numel()} are wanted"

    def equal(other: torch.Tensor) -> bool:
        return torch.allclose(found, other.float().reshape(-1), atol=tolerance, rtol=0)

    if equal(expected):
        print(f"{name}: right")
        return True
    for explanation, wrong in mistakes.items():
        assert not equal(torch.as_tensor(wrong())), f"{name}: {explanation}"
    worst = int((found - expected).abs().nan_to_num(math.inf).argmax())
    raise AssertionError(f"{name}: number {worst} is {found[worst]:.4f}, but {expected[worst]:.4f} is right")


def or_lent(written: Callable, ours: Callable, *arguments: object) -> Callable:
    """The student's function, or `ours` while it is not written yet, so that the notebook goes on; says so."""
    try:
        written(*arguments)
    except NotImplementedError:
        print(f"{written.__name__}: not written yet, the library's is used")
        return ours
    return written
