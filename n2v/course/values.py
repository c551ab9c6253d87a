"""What comes back from an answer: None, bool, int, float, str, list, tuple, dict, NumPy arrays and PyTorch tensors.

It is JSON, arrays in base64, so whatever an answer sends, reading it makes data and runs no code.
"""

import base64
import json
import math

import numpy as np
import torch

PLAIN = "biufcU"  # NumPy's kinds of dtype that hold no Python objects
ONLY = "only numbers, text, arrays and collections of them count"


class NotData(TypeError):
    """A value, or bytes, that are no plain data."""


def encode(value: object) -> bytes:
    """The value as JSON; NotData where it holds something else."""
    try:
        return json.dumps(_told(value)).encode()
    except RecursionError:
        raise NotData("it is nested too deeply, or contains itself") from None


def decode(data: bytes) -> object:
    """What `encode` was given. Bytes from anywhere raise NotData or give data."""
    try:
        return _built(json.loads(data))
    except Exception as error:  # written by somebody else's code: whatever is wrong with it, it is no value
        raise NotData(f"what came back is no value ({type(error).__name__})") from None


def _told(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in PLAIN:
            raise NotData(f"an array of {array.dtype} came back; {ONLY}")
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]}
    if isinstance(value, torch.Tensor):
        try:
            return {"tensor": _told(value.detach().cpu().numpy())["array"]}
        except (TypeError, RuntimeError):
            raise NotData(f"a tensor of {value.dtype} came back; {ONLY}") from None
    if isinstance(value, dict):
        return {"dict": [[_told(key), _told(part)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        parts = [_told(part) for part in value]
        return parts if isinstance(value, list) else {"tuple": parts}
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is not None:
        raise NotData(f"a {type(value).__name__} came back; {ONLY}")
    return None


def _built(told: object) -> object:
    if isinstance(told, list):
        return [_built(part) for part in told]
    if not isinstance(told, dict):
        return told
    ((kind, parts),) = told.items()
    if kind == "dict":
        return {_built(key): _built(part) for key, part in parts}
    if kind == "tuple":
        return tuple(map(_built, parts))
    made = {"array": lambda array: array, "scalar": lambda array: array[()], "tensor": torch.from_numpy}[kind]
    dtype, shape, data = np.dtype(parts[0]), [int(n) for n in parts[1]], base64.b64decode(parts[2], validate=True)
    if dtype.kind not in PLAIN or len(data) != dtype.itemsize * math.prod(shape):
        raise NotData
    return made(np.frombuffer(data, dtype).reshape(shape).copy())
