"""One row an encoder: how well it reconstructs and how well its embeddings are read, with n and intervals."""

import numpy as np
from jaxtyping import Float, Int

from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import Nerf2Vec
from n2v.embed.reconstruct import MEASURES, compare_reconstructions
from n2v.nerf.nerf import Turntable
from n2v.tasks.classify import HeadConfig, linear_probe, principal_components, train_head
from n2v.tasks.metrics import summarise
from n2v.tasks.retrieve import corrected
from n2v.zoo.store import Zoo


def reconstruction_summary(rows: list[dict], measures: tuple[str, ...] = MEASURES) -> list[dict]:
    """Means over NeRFs of `compare_reconstructions`' rows, by thing, way and split, with the foreground's interval.

    A number that is not finite (an object without pixels, a broken picture) is left out of its mean; "n_finite" counts
    the NeRFs whose numbers all are. A mean of none, and an interval of one, is None.
    """
    keys = list(dict.fromkeys((row["what"], row["occupancy"], row["split"]) for row in rows))
    table = []
    for what, way, split in keys:
        mine = [row for row in rows if (row["what"], row["occupancy"], row["split"]) == (what, way, split)]
        values = {name: np.array([row[name] for row in mine], float) for name in measures}
        finite = {name: summarise(part[np.isfinite(part)]) for name, part in values.items()}
        whole = np.isfinite(np.stack(list(values.values()))).all(0)
        line = {"what": what, "occupancy": way, "split": split, "n": len(mine), "n_finite": int(whole.sum())}
        line.update({name: found["mean"] for name, found in finite.items()})
        line["foreground_db_±"] = finite["foreground_db"]["half_width"]
        table.append({name: None if value != value else value for name, value in line.items()})
    return table


def reader_measures(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, "n"],
    base_ids: list[str],
    train: Int[np.ndarray, "m"],
    test: Int[np.ndarray, "t"],
    head: HeadConfig | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Accuracy of a linear probe and of the thesis's head, and hit@1 of test objects among training objects."""
    x, y, x_test, y_test = features[train], labels[train], features[test], labels[test]
    found = corrected(features, labels, test, train, ks=(1,), base_ids=base_ids)
    return {
        "linear_probe": float((linear_probe(x, y, x_test) == y_test).mean()),
        "head": float((train_head(x, y, head, seed).predict(x_test) == y_test).mean()),
        "hit_at_1": next(row["value"] for row in found if row["measure"] == "hit@1"),
    }


def encoder_measures(
    model: Nerf2Vec,
    zoo: Zoo,
    train: Int[np.ndarray, "m"],
    held_out: Int[np.ndarray, "t"],
    config: Turntable | None = None,
    n_pictures: int | None = None,
    head: HeadConfig | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Reconstruction of held-out NeRFs (the first `n_pictures` of them in a seeded order) and readers of embeddings.

    `zoo` must be readable throughout, so that positions in it are positions among the embeddings.
    """
    drawn = np.random.default_rng(seed).permutation(held_out)[:n_pictures]
    table = reconstruction_summary(
        [{**row, "split": "held out"} for row in compare_reconstructions({"model": model}, zoo, drawn, config)]
    )
    own, given = (next(row for row in table if row["occupancy"] == way) for way in ("own", "given"))
    embeddings = embed_zoo(model, zoo)
    return {
        "foreground_db": own["foreground_db"],
        "full_db": own["full_db"],
        "given_db": given["full_db"],
        "given_foreground_db": given["foreground_db"],
        **reader_measures(embeddings.values, embeddings.labels, embeddings.base_ids, train, held_out, head, seed),
        "n_pictures": len(drawn),
        "n_read": len(held_out),
    }


def raw_measures(
    zoo: Zoo,
    train: Int[np.ndarray, "m"],
    held_out: Int[np.ndarray, "t"],
    n_components: int = 64,
    head: HeadConfig | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The same readers on the weights themselves: probe and head on principal components, hit@1 on all numbers.

    `hit_at_1_components` is hit@1 on the components: distances in 18,432 dimensions are mostly what each fit did on its
    own, so leaving the tail out helps (notebook 04 measures from how many components on).
    """
    weights = zoo.field_weights()
    base_ids = [row.base_id for row in zoo.rows]
    parts = principal_components(weights[train], [weights[held_out]], n_components)
    reduced = np.zeros((len(weights), parts[0].shape[1]), np.float32)
    reduced[train], reduced[held_out] = parts
    found = reader_measures(reduced, zoo.labels, base_ids, train, held_out, head, seed)
    whole = corrected(weights, zoo.labels, held_out, train, ks=(1,), base_ids=base_ids)
    found["hit_at_1_components"] = found["hit_at_1"]
    found["hit_at_1"] = next(row["value"] for row in whole if row["measure"] == "hit@1")
    return {**found, "n_read": len(held_out)}
