"""`n2v fit` and `n2v zoo`: view sets become NeRFs; a collection is looked at and checked."""

import re
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from n2v.commands.output import refuse_used
from n2v.errors import BadInput
from n2v.zoo.cluster import SlurmConfig


def parse_shard(text: str) -> tuple[int, int]:
    """ "i/N" with 0 <= i < N."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or int(match[1]) >= int(match[2]):
        raise BadInput(f"shard '{text}'", where="--shard", fix="write i/N with i from 0 to N - 1, such as 0/4")
    return int(match[1]), int(match[2])


def fit(
    views: Annotated[Positional[Path], arg(metavar="VIEWS", help="folder of view sets, from: n2v render")],
    out: Annotated[Path, arg(help="zoo folder to make")],
    profile: Annotated[str, arg(help="recipe: smoke, laptop, gpu or thesis")] = "laptop",
    recipe: Annotated[
        Literal["short", "fine"] | None,
        arg(help="short (many, quickly) or fine (to be shown), not the profile's"),
    ] = None,
    steps: Annotated[int | None, arg(help="optimiser steps a NeRF, instead of the recipe's")] = None,
    backend: Annotated[str, arg(help="engine: auto, torch, native, triton or tcnn; n2v doctor tries each")] = "auto",
    driver: Annotated[str, arg(help="who computes: inprocess, pool, gpus or slurm")] = "pool",
    workers: Annotated[int | None, arg(help="processes of the pool; default: one a core, or a few a GPU")] = None,
    shard: Annotated[str, arg(help="i/N: fit only the i-th of N parts, i from 0")] = "0/1",
    seed: Annotated[int, arg(help="seed of splits, ray order and backgrounds")] = 0,
    resume: Annotated[bool, arg(help="go on with an existing zoo")] = False,
    limit: Annotated[int | None, arg(help="at most this many view sets, taken in turn from the classes")] = None,
    force: Annotated[bool, arg(help="fit view sets whose silhouettes contradict their cameras, too")] = False,
    slurm: SlurmConfig = SlurmConfig(),  # noqa: B008 - frozen
) -> dict:
    """Fit one NeRF to each view set. What cannot be fitted is quarantined with its reason; the rest goes on.

    Example: n2v fit views --out zoo --profile smoke
    """
    from dataclasses import replace

    from n2v import profiles
    from n2v import workers as pool
    from n2v.nerf import engines
    from n2v.nerf.recipe import FitConfig
    from n2v.zoo import cluster
    from n2v.zoo.build import build_zoo

    config = getattr(FitConfig, recipe)() if recipe else profiles.get(profile).fit
    if steps is not None:
        if steps < 1:
            raise BadInput(f"{steps} steps", where="--steps", fix="use at least 1")
        config = replace(config, n_steps=steps)
    if limit is not None and limit < 1:
        raise BadInput(f"{limit} view sets", where="--limit", fix="use at least 1")
    config, why = engines.settle_engine(config, backend, elsewhere=driver == "slurm")
    place = parse_shard(shard)
    if place[1] == 1:  # shards share their zoo
        refuse_used(out, resume=resume)
    asked = {"config": config, "seed": seed, "limit": limit, "force": force}
    if driver == "slurm":
        if place != (0, 1):
            raise BadInput("a shard of a SLURM build", where="--shard", fix="leave it out: the pieces are shards")
        return {"backend": why, **cluster.submit(views, out, slurm, resume=resume, **asked)}
    chosen = pool.choose(driver, workers, engines.on_gpu(config.backend))
    return {"backend": why, **build_zoo(views, out, shard=place, resume=resume, driver=chosen, **asked)}


def zoo_info(zoo: Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder, or mini_zoo, or real_zoo")]) -> dict:
    """Counts by class and split, quality and recipe of a zoo.

    Example: n2v zoo info data/mini_zoo
    """
    from n2v.zoo.verify import info

    return info(zoo)
