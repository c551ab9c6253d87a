"""`n2v fit` and `n2v zoo`: view sets become NeRFs; collections are looked at, checked, joined, packed and handed on."""

import re
from pathlib import Path
from typing import Annotated, Literal

from n2v.commands.output import at_least, refuse_used
from n2v.errors import BadInput
from n2v.zoo.cluster import SlurmConfig


def parse_shard(text: str) -> tuple[int, int]:
    """ "i/N" with 0 <= i < N."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or int(match[1]) >= int(match[2]):
        raise BadInput(f"shard '{text}'", where="--shard", fix="write i/N with i from 0 to N - 1, such as 0/4")
    return int(match[1]), int(match[2])


def fit(
    views: Annotated[Path, "VIEWS", "folder of view sets, from: n2v render"],
    out: Annotated[Path, "zoo folder to make"],
    profile: Annotated[str, "recipe: smoke, laptop, gpu or thesis"] = "laptop",
    recipe: Annotated[
        Literal["short", "fine"] | None, "short (many, quickly) or fine (to be shown), not the profile's"
    ] = None,
    steps: Annotated[int | None, "optimiser steps a NeRF, instead of the recipe's"] = None,
    backend: Annotated[str, "engine: auto, torch, native, triton or tcnn; n2v doctor tries each"] = "auto",
    driver: Annotated[str, "who computes: inprocess, pool, gpus or slurm"] = "pool",
    workers: Annotated[int | None, "processes of the pool; default: one a core, or a few a GPU"] = None,
    shard: Annotated[str, "i/N: fit only the i-th of N parts, i from 0"] = "0/1",
    seed: Annotated[int, "seed of splits, ray order and backgrounds"] = 0,
    resume: Annotated[bool, "go on with an existing zoo"] = False,
    limit: Annotated[int | None, "at most this many view sets, taken in turn from the classes"] = None,
    force: Annotated[bool, "fit view sets whose silhouettes contradict their cameras, too"] = False,
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
    at_least(1, steps=steps, limit=limit)
    config = config if steps is None else replace(config, n_steps=steps)
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


def zoo_info(zoo: Annotated[Path, "ZOO", "zoo folder, or mini_zoo, or real_zoo"]) -> dict:
    """Counts by class and split, quality and recipe of a zoo.

    Example: n2v zoo info data/mini_zoo
    """
    from n2v.zoo.verify import info

    return info(zoo)


def zoo_verify(
    zoo: Annotated[Path, "ZOO", "zoo folder"],
    repair: Annotated[bool, "withdraw what is damaged; fit --resume makes it again"] = False,
) -> dict:
    """Read every byte of a zoo again; fails when a NeRF is missing, altered or not finite.

    With --repair damaged NeRFs are quarantined by new lines in the manifest (no line is removed).

    Example: n2v zoo verify data/mini_zoo
    """
    from n2v.zoo import verify

    done = verify.repair(zoo) if repair else {}
    report = verify.verify(zoo)
    if report["problems"]:
        n, shown = len(report["problems"]), "; ".join(report["problems"][:5])
        what = f"{n} of {report['n']} NeRFs are damaged: {shown}{f' and {n - 5} more' if n > 5 else ''}"
        fix = "run: n2v zoo verify --repair, then n2v fit --resume makes only these again"
        raise BadInput(what, where=zoo, fix=fix)
    return {**report, **({"repaired": done} if repair else {})}


def zoo_merge(
    zoos: Annotated[tuple[Path, ...], "ZOO", "zoo folders"],
    out: Annotated[Path, "zoo folder to make"],
    seed: Annotated[int, "seed of the splits"] = 0,
) -> dict:
    """Merge zoos of one recipe into a new one, checking every NeRF on the way. OUT is whole or absent.

    Of different NeRFs of one object the best by PSNR is kept; splits are dealt anew over the union.

    Example: n2v zoo merge zoo-1 zoo-2 --out zoo
    """
    from n2v.zoo.merge import merge_zoos

    return merge_zoos(list(zoos), out, seed=seed)


def zoo_pack(zoo: Annotated[Path, "ZOO", "zoo folder"], out: Annotated[Path, "folder to make"]) -> dict:
    """Copy a zoo with float16 weights and compressed occupancy: about 38 kB a NeRF, to hand on or keep.

    Example: n2v zoo pack zoo --out packed
    """
    from n2v.zoo.merge import pack_zoo

    refuse_used(out)
    return pack_zoo(zoo, out)


def zoo_import(
    folder: Annotated[Path, "FOLDER", "published NeRFs: <any>/<synset>/<object id>/nerf_weights.pth"],
    out: Annotated[Path, "zoo folder to make"],
    source: Annotated[str | None, "where they come from, noted in every row"] = None,
    licence: Annotated[str | None, "their licence, noted in every row; default: unknown"] = None,
    rule: Annotated[str | None, "corrected or as_published splits, instead of the lists in FOLDER"] = None,
    seed: Annotated[int, "seed of the corrected splits"] = 0,
    resume: Annotated[bool, "go on with an existing zoo"] = False,
    limit: Annotated[int | None, "at most this many NeRFs, taken in turn from the classes"] = None,
) -> dict:
    """Read published NeRFs into a zoo. What cannot be used is quarantined with its reason; the rest goes on.

    Example: n2v zoo import data --out zoo
    """
    from n2v.formats.published_import import import_published

    at_least(1, limit=limit)
    refuse_used(out, resume=resume)
    told = {"source": source, "licence": licence, "rule": rule}
    return import_published(folder, out, **told, seed=seed, resume=resume, limit=limit)


def zoo_export(
    zoo: Annotated[Path, "ZOO", "zoo folder"],
    out: Annotated[Path, "folder to make; the authors' code expects it as ./data"],
    views: Annotated[Path | None, "folder of view sets whose pictures and cameras go along"] = None,
    layout: Annotated[
        Literal["nf2vec", "gmnerf"], "a root a version and JSON lists, or one root and nerf/shapenet/*.txt"
    ] = "nf2vec",
    force: Annotated[bool, "replace an earlier export"] = False,
) -> dict:
    """Write a zoo as published NeRFs: a folder an object, with split lists. Written whole or not at all.

    Example: n2v zoo export data/mini_zoo --out published
    """
    from n2v.formats.published_export import export_published
    from n2v.zoo.store import Zoo

    return export_published(Zoo(zoo), out, views=views, force=force, layout=layout)
