"""How the visible checks of the notebooks speak: an answer is compared, and its mistake named."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Check:
    """What an exercise is asked, what is right, and mistakes that are known by name.

    Called with the student's function it says True (right) or False (not written yet), and prints which.

    Attributes:
        name: Of the exercise.
        cases: The arguments of each call.
        right: The function that is wanted; numbers, arrays and tensors, alone or in a tuple, are compared.
        mistakes: Explanation -> a function that makes this mistake.
        tolerance: Largest difference that counts as equal.

    Raises (when called):
        AssertionError: a wrong answer; says which mistake it is, or where it differs.
    """

    name: str
    cases: Sequence[tuple]
    right: Callable
    mistakes: dict[str, Callable]
    tolerance: float = 1e-4

    def __call__(self, written: Callable) -> bool:
        try:
            found = self._answers(written)
        except NotImplementedError:
            print(f"{self.name}: not written yet")
            return False
        expected = self._answers(self.right)
        shapes, wanted = ([tuple(one.shape) for one in answers] for answers in (found, expected))
        if shapes == wanted and self._equal(found, expected):
            print(f"{self.name}: right")
            return True
        for explanation, wrong in self.mistakes.items():
            assert not self._equal(found, self._answers(wrong)), f"{self.name}: {explanation}"
        for shape, right in zip(shapes, wanted, strict=True):
            n, n_wanted = math.prod(shape), math.prod(right)
            assert n == n_wanted, f"{self.name}: {n} numbers came back, {n_wanted} are wanted"
            assert shape == right, f"{self.name}: the shape is {shape}, {right} is wanted"
        if self._equal(found, found[:1] * len(found)) and not self._equal(expected, expected[:1] * len(found)):
            raise AssertionError(f"{self.name}: every call gives the same; use the arguments that are given")
        given, right = torch.cat([one.ravel() for one in found]), torch.cat([one.ravel() for one in expected])
        worst = int((given - right).abs().nan_to_num(math.inf).argmax())
        raise AssertionError(f"{self.name}: number {worst} is {given[worst]:.4f}, but {right[worst]:.4f} is right")

    def lend(self, written: Callable) -> Callable:
        """The student's function, or the right one while it is not written yet, so that the notebook goes on."""
        try:
            written(*deepcopy(self.cases[0]))
        except NotImplementedError:
            print(f"{self.name}: not written yet, the library's is used")
            return self.right
        return written

    def _answers(self, function: Callable) -> list[torch.Tensor]:
        return [self._numbers(function(*deepcopy(case))) for case in self.cases]

    def _numbers(self, value: object) -> torch.Tensor:
        parts = value if isinstance(value, tuple | list) else [value]
        assert all(part is not None for part in parts), f"{self.name}: nothing came back; is the return missing?"
        try:
            return torch.stack([torch.as_tensor(part, dtype=torch.float32) for part in parts]).detach().squeeze()
        except (TypeError, ValueError, RuntimeError):  # a dictionary, or shapes that differ
            kinds = ", ".join(dict.fromkeys(type(part).__name__ for part in parts))
            raise AssertionError(f"{self.name}: {kinds} came back, numbers of one shape are wanted") from None

    def _equal(self, some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
        return all(
            one.numel() == other.numel() and torch.allclose(one.ravel(), other.ravel(), atol=self.tolerance, rtol=0)
            for one, other in zip(some, others, strict=True)
        )
