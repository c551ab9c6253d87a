"""What the compiler makes of the Triton kernels, without a GPU: resources, tensor cores, and stall cycles of the loop.

    python tests/nerf/compiled.py [ARCH ...]     # a table: 80, 86, 89 and 90, by the Triton that is installed
        [--only=KERNEL] [--large] [--json]       # --large: with the tiles of cards with much shared memory

Compiled with the options they are launched with. Stall cycles: every instruction of Hopper's and its predecessors'
machine code holds in bits 105..108 how many cycles its warp waits after it; their sum over one tile's loop, divided by
the tile's samples, is what a warp spends on a sample at best. Waiting for memory, barriers and matrix products comes
on top, so this ranks variants and bounds the time from below; it is no measurement.
"""

import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from n2v.nerf.engines import triton_engine
from n2v.nerf.engines import triton_field as kernels

ARCHITECTURES = (80, 86, 89, 90)
KINDS = {"n": "i32", "deltas": "*fp16"}  # of arguments; the others point to float32


def compiled(name: str, options: dict, arch: int) -> dict:
    """Shared memory and spills in bytes, registers a thread, tensor-core instructions, stalls a sample, PTX."""
    kernel = getattr(kernels, name)
    constants = {key: value for key, value in options.items() if key in kernel.arg_names}
    rest = {key: value for key, value in options.items() if key not in kernel.arg_names}
    signature = {key: "constexpr" if key in constants else KINDS.get(key, "*fp32") for key in kernel.arg_names}
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, key in enumerate(kernel.arg_names)
        if signature[key].startswith("*") or key == "n"
    }
    with contextlib.redirect_stdout(io.StringIO()) as log:  # ptxas -v, by TRITON_DUMP_PTXAS_LOG
        target = GPUTarget("cuda", arch, 32)
        made = triton.compile(ASTSource(kernel, signature, constants, aligned), target=target, options=rest)
    ptx, graph = made.asm["ptx"], made.asm["ttgir"]
    loop = loop_of(disassembled(made.asm["cubin"]))
    return {
        "kernel": name, "arch": arch,
        "shared": made.metadata.shared,
        "spilled": max(map(int, re.findall(r"(\d+) bytes spill stores", log.getvalue())), default=None),
        "registers": max(map(int, re.findall(r"Used (\d+) registers", log.getvalue())), default=None),
        "mma": len(re.findall(r"wgmma[.]mma_async|mma[.]sync", ptx)),
        "stalls": sum(stall for _, stall in loop) / constants["BLOCK"],
        "restaged": restaged(graph),
        "sines": ptx.count("sin.approx.ftz.f32"),
    }  # fmt: skip


def restaged(graph: str) -> int:
    """Values from before the loop (the matrices) that each tile writes to shared memory again."""
    before, _, loop = graph.partition("scf.for")
    known = set(re.findall(r"^\s*(%[\w]+) = ", before, re.MULTILINE))
    again = re.findall(r"ttg\.(?:local_alloc|convert_layout) (%\w+)(?!#)\b", loop)
    return sum(name in known for name in again)


def disassembled(cubin: bytes) -> list[tuple[str, int]]:
    """Machine instructions, each with its stall cycles; labels stand as instructions of no cycles."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        told = subprocess.run([tool, "-c", "-hex", file.name], capture_output=True, text=True, check=True).stdout
    found: list[tuple[str, int]] = []
    for line in told.splitlines():
        label = re.match(r"(\.L_x_\d+):", line)
        first = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;\s*/\* 0x[0-9a-f]{16} \*/", line)
        second = re.match(r"\s*/\* 0x([0-9a-f]{16}) \*/", line)
        if label or first:
            found.append(((label or first)[1], 0))
        elif second and found:
            found[-1] = (found[-1][0], int(second[1], 16) >> 41 & 15)
    return found


def loop_of(code: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The longest stretch between a label and a jump back to it; nothing where there is no loop."""
    places = {text: place for place, (text, _) in enumerate(code) if text.startswith(".L_x_")}
    longest = (0, 0)
    for place, (text, _) in enumerate(code):
        target = re.search(r"BRA.*`\((\.L_x_\d+)\)", text)
        start = places.get(target[1], place) if target else place
        if place - start > longest[1] - longest[0]:
            longest = (start, place + 1)
    return code[slice(*longest)]


def main() -> None:
    as_json, only = "--json" in sys.argv, [each[7:] for each in sys.argv if each.startswith("--only=")]
    for arch in [int(each) for each in sys.argv[1:] if each.isdigit()] or ARCHITECTURES:
        for name in only or triton_engine.TILES:
            options = triton_engine.layer_options(name, True, divmod(90 if "--large" in sys.argv else arch, 10))
            row = compiled(name, options, arch) | {"triton": triton.__version__}
            print(json.dumps(row) if as_json else "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
