"""Values as bytes, and back: plain Python, NumPy and PyTorch data and n2v's own records. Nothing else, and no code.

What a student's process sends is read here by the process that decides on marks, so reading builds data only.
"""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

PLAIN_KINDS = "biufcSU"  # NumPy's kinds of dtype that hold no Python objects
MAX_BYTES = 256 << 20


class CannotCarry(TypeError):
    """A value, or bytes, that are no plain data."""


def pack(value: object) -> bytes:
    """The value as one line of JSON and the raw bytes of its arrays.

    Raises:
        CannotCarry: it holds something other than data.
    """
    buffers: list[bytes] = []
    try:
        line = json.dumps(_describe(value, buffers)).encode()
    except RecursionError:
        raise CannotCarry("it is nested too deeply, or contains itself") from None
    return b"".join([line, b"\n", *buffers])


def unpack(data: bytes) -> object:
    """What `pack` was given. Bytes from anywhere raise CannotCarry or give data."""
    line, _, rest = data.partition(b"\n")
    try:
        return _Reader(rest).build(json.loads(line))
    except CannotCarry:
        raise
    except Exception as error:  # written by somebody else's code: whatever is wrong with it, it is no value
        raise CannotCarry(f"what came back is no value ({type(error).__name__})") from None


def _describe(value: object, buffers: list[bytes]) -> object:
    """JSON for a value; the bytes of arrays go to `buffers`."""
    if value is None or isinstance(value, bool | str | float) or type(value) is int:
        return float(value) if type(value) is not bool and isinstance(value, float) else value
    if isinstance(value, int):
        return int(value)
    torch = sys.modules.get("torch")
    if isinstance(value, np.ndarray | np.generic):
        return _describe_array(value, buffers)
    if torch is not None and isinstance(value, torch.Tensor):
        return _describe_tensor(value, buffers)
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, bytes | bytearray):
        buffers.append(bytes(value))
        return ["bytes", len(value)]
    if isinstance(value, Path):
        return ["path", str(value)]
    if isinstance(value, dict):
        return ["dict", *[[_describe(key, buffers), _describe(part, buffers)] for key, part in value.items()]]
    names = _field_names(value)
    if names is not None:
        kind = f"{type(value).__module__}:{type(value).__qualname__}"
        return ["record", kind, *[[name, _describe(getattr(value, name), buffers)] for name in names]]
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return [kind.__name__, *[_describe(part, buffers) for part in value]]
    raise CannotCarry(f"a {type(value).__name__} came back; only numbers, text, arrays and collections of them count")


def _field_names(value: object) -> list[str] | None:
    """Fields of one of n2v's named tuples and dataclasses, if making one runs no code of its own."""
    if not type(value).__module__.startswith("n2v.") or hasattr(value, "__post_init__"):
        return None
    if isinstance(value, tuple):
        return list(getattr(value, "_fields", [])) or None
    return [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else None


def _describe_array(value: np.ndarray | np.generic, buffers: list[bytes]) -> list:
    array = np.asarray(value)
    if array.dtype.kind not in PLAIN_KINDS:
        raise CannotCarry(f"an array of {array.dtype} came back")
    buffers.append(array.tobytes())
    return ["array", array.dtype.str, list(array.shape), array.nbytes, not isinstance(value, np.ndarray)]


def _describe_tensor(value, buffers: list[bytes]) -> list:
    import torch

    if value.layout != torch.strided or value.is_quantized:
        raise CannotCarry("a sparse or quantised tensor came back")
    flat = value.detach().cpu().contiguous().reshape(-1)
    buffers.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    name = str(flat.dtype).removeprefix("torch.")
    return ["tensor", name, list(value.shape), len(buffers[-1]), bool(value.requires_grad)]


class _Reader:
    """Builds values from what `_describe` wrote. `tensors` collects those that want gradients, in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def build(self, told: object) -> object:
        if not isinstance(told, list):
            if told is None or isinstance(told, bool | int | float | str):
                return told
            raise CannotCarry("what came back is no value")
        kind, *parts = told
        if kind in ("array", "tensor", "bytes", "record", "dict"):
            return getattr(self, f"_{kind}")(*parts)
        if kind == "complex":
            return complex(*parts)
        if kind == "path":
            return Path(parts[0])
        collection = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return collection(self.build(part) for part in parts)

    def _take(self, n: int) -> bytes:
        if not 0 <= n <= len(self.data) - self.at:
            raise CannotCarry("what came back is cut short")
        self.at += n
        return self.data[self.at - n : self.at]

    def _bytes(self, n: int) -> bytes:
        return self._take(n)

    def _dict(self, *pairs: list) -> dict:
        return {self.build(key): self.build(part) for key, part in pairs}

    def _array(self, dtype: str, shape: list[int], n: int, scalar: bool) -> object:
        kind = np.dtype(dtype)
        if kind.kind not in PLAIN_KINDS:
            raise CannotCarry(f"an array of {kind} came back")
        array = np.frombuffer(self._take(n), kind).reshape(shape).copy()
        return array[()] if scalar else array

    def _tensor(self, dtype: str, shape: list[int], n: int, wants_grad: bool) -> object:
        import torch

        kind = getattr(torch, dtype)
        if not isinstance(kind, torch.dtype):
            raise CannotCarry("what came back is no tensor")
        data = self._take(n)
        flat = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
        return flat.view(kind).reshape(shape).requires_grad_(wants_grad)

    def _record(self, kind: str, *fields: list) -> object:
        module, _, name = kind.partition(":")
        if not module.startswith("n2v.") or "." in name:
            raise CannotCarry(f"a {kind} came back")
        found = vars(sys.modules[module])[name]
        names = getattr(found, "_fields", None) or tuple(getattr(found, "__dataclass_fields__", ()))
        if not isinstance(found, type) or not names or hasattr(found, "__post_init__"):
            raise CannotCarry(f"a {kind} came back")
        return found(**{name: self.build(part) for name, part in fields})
