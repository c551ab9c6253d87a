"""`n2v zoo verify` and `n2v zoo merge`: a collection is checked and mended; several become one."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from n2v.commands.output import refuse_used
from n2v.errors import BadInput


def zoo_verify(
    zoo: Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder")],
    repair: Annotated[bool, arg(help="withdraw what is damaged; fit --resume makes it again")] = False,
) -> dict:
    """Read every byte of a zoo again; fails when a NeRF is missing, altered or not finite.

    With --repair damaged NeRFs are quarantined by new lines in the manifest (no line is removed).

    Example: n2v zoo verify data/mini_zoo
    """
    from n2v.zoo import verify

    done = verify.repair(zoo) if repair else {}
    report = verify.verify(zoo)
    if report["problems"]:
        shown = "; ".join(report["problems"][:5])
        more = f" and {len(report['problems']) - 5} more" if len(report["problems"]) > 5 else ""
        raise BadInput(
            f"{len(report['problems'])} of {report['n']} NeRFs are damaged: {shown}{more}",
            where=zoo,
            fix="run: n2v zoo verify --repair, then n2v fit --resume makes only these again",
        )
    return {**report, **({"repaired": done} if repair else {})}


def zoo_merge(
    zoos: Annotated[Positional[tuple[Path, ...]], arg(metavar="ZOO", help="zoo folders")],
    out: Annotated[Path, arg(help="zoo folder to make")],
    seed: Annotated[int, arg(help="seed of the splits")] = 0,
) -> dict:
    """Merge zoos of one recipe into a new one, checking every NeRF on the way. OUT is whole or absent.

    Of different NeRFs of one object the best by PSNR is kept; splits are dealt anew over the union.

    Example: n2v zoo merge zoo-1 zoo-2 --out zoo
    """
    from n2v.zoo.merge import merge_zoos

    return merge_zoos(list(zoos), out, seed=seed)


def zoo_pack(
    zoo: Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder")],
    out: Annotated[Path, arg(help="folder to make")],
) -> dict:
    """Copy a zoo with float16 weights and compressed occupancy: about 38 kB a NeRF, to hand on or keep.

    Example: n2v zoo pack zoo --out packed
    """
    from n2v.zoo.merge import pack_zoo

    refuse_used(out)
    return pack_zoo(zoo, out)
