"""Gradients and parameters across the border between the judge and a student's process."""

from collections.abc import Callable

import torch


class _Tied(torch.autograd.Function):
    """A value from elsewhere whose gradients are asked for there."""

    @staticmethod
    def forward(ctx, value, ask, *parameters):
        """The value itself."""
        ctx.ask = ask
        return value.detach().clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        """Of the parameters, as the other process computes them."""
        with torch.enable_grad():  # off within a backward pass; a fork inherits it
            return None, None, *ctx.ask(gradient)


def tie(value: object, parameters: list[torch.Tensor], ask: Callable) -> object:
    """The same nested value, each tensor that wants gradients made to depend on the parameters.

    Args:
        value: Tensors, plain values, and lists, tuples or dictionaries of them.
        parameters: Of `calls.leaves`; those that want no gradient (a module's buffers) get none.
        ask: (which of the value's wanting tensors, its gradient) -> one gradient or None a parameter.
    """
    wanting = [one for one in _tensors(value) if one.requires_grad]
    if not wanting:
        return value
    for which, one in enumerate(wanting):

        def asked(gradient, which=which):
            return _fitting(ask(which, gradient), parameters)

        value = _replaced(value, one, _Tied.apply(one, asked, *parameters))
    return value


def _fitting(gradients: object, parameters: list[torch.Tensor]) -> list[torch.Tensor | None]:
    """Gradients of the parameters' shapes; anything else is none."""
    if not isinstance(gradients, list) or len(gradients) != len(parameters):
        return [None] * len(parameters)
    pairs = zip(gradients, parameters, strict=True)
    return [
        one if isinstance(one, torch.Tensor) and one.shape == parameter.shape and parameter.requires_grad else None
        for one, parameter in pairs
    ]


def pull_back(result: object, parameters: list[torch.Tensor], which: int, gradient: torch.Tensor) -> list:
    """Gradients of one tensor of a result: one a parameter, None where it does not depend on it."""
    chosen = [one for one in _tensors(result) if one.requires_grad][which]
    wanting = [one for one in parameters if one.requires_grad]
    found = iter(torch.autograd.grad(chosen, wanting, gradient, allow_unused=True))
    return [next(found) if one.requires_grad else None for one in parameters]


def snapshot(parameters: list[torch.Tensor]) -> list:
    """Values and gradients, as data."""
    return [[one.detach(), one.grad if one.is_leaf else None] for one in parameters]


def restore(parameters: list[torch.Tensor], state: list) -> None:
    """Give leaves the values and gradients of a snapshot.

    Raises:
        RuntimeError, TypeError, ValueError: it does not fit.
    """
    with torch.no_grad():
        for one, (value, gradient) in zip(parameters, state, strict=True):
            if not one.is_leaf:
                continue
            if value.shape != one.shape or (gradient is not None and gradient.shape != one.shape):
                raise ValueError("another shape")
            if not torch.equal(value, one):
                one.copy_(value)
            one.grad = None if gradient is None else gradient.to(one.dtype)


def _tensors(value: object) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [one for part in parts for one in _tensors(part)]


def _replaced(value: object, old: torch.Tensor, new: torch.Tensor) -> object:
    if value is old:
        return new
    if isinstance(value, dict):
        return {key: _replaced(part, old, new) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_replaced(part, old, new) for part in value)
    return value
