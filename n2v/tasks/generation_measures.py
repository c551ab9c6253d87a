"""Is what a generator makes good, is it all there is, and is it new? One measure alone can always be cheated.

Minimum matching distance and 1-NNA: Yang et al. 2019, arXiv 1906.12320; coverage: Achlioptas et al. 2018.
"""

import numpy as np
from jaxtyping import Float, Int

from n2v.errors import BadInput
from n2v.seeds import child_seed
from n2v.tasks.retrieve import distances

COLLAPSED_SPREAD, COLLAPSED_COVERAGE, COPIED = 0.3, 0.15, 0.5  # where `judge` gives its verdicts


def minimum_matching_distance(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Mean distance of each real embedding to the nearest made one: lower is better."""
    return float(distances(real, made).min(1).mean())


def coverage(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Share of real embeddings that are the nearest one of some made embedding: low when the generator collapsed.

    Never above m / n: compare it between equally many samples only.
    """
    return len(np.unique(distances(made, real).argmin(1))) / len(real)


def one_nna(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"], n_draws: int = 20, seed: int = 0) -> float:
    """Accuracy of telling made from real by the nearest neighbour, leave one out: 0.5 is best, 1 the worst.

    Far below 0.5 each sample sits on a real item: copies. Of unequally many the larger set is cut at random to the
    size of the smaller, `n_draws` times; the mean counts.
    """
    n, distance = min(len(made), len(real)), _between(np.concatenate([made, real]))
    rng = np.random.default_rng(child_seed(seed, "1-NNA"))
    values = []
    for _ in range(1 if len(made) == len(real) else n_draws):
        sets = np.sort(rng.permutation(len(made))[:n]), len(made) + np.sort(rng.permutation(len(real))[:n])
        chosen = np.concatenate(sets)
        nearest = distance[np.ix_(chosen, chosen)].argmin(1)
        values.append(((nearest < n) == (np.arange(2 * n) < n)).mean())
    return float(np.mean(values))


def _between(items: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Distances among items, infinite from each to itself."""
    found = distances(items, items)
    np.fill_diagonal(found, np.inf)
    return found


def frechet_distance(made: Float[np.ndarray, "m d"], real: Float[np.ndarray, "n d"]) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of features (this is not an FID).

    |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)); the root's trace is the sum of the singular values of the product
    of the centred data, so fewer samples than dimensions are no problem (scipy.linalg.sqrtm: equal to 1e-6,
    tests/tasks/test_generation_measures.py). It grows as samples get fewer: compare it between equally many only.
    """
    a, b = (np.asarray(values, np.float64) for values in (made, real))
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    a, b = ((values - values.mean(0)) / np.sqrt(len(values) - 1) for values in (a, b))
    return float(shift + (a**2).sum() + (b**2).sum() - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum())


def novelty(
    made: Float[np.ndarray, "m d"], train: Float[np.ndarray, "n d"], held_out: Float[np.ndarray, "t d"] | None = None
) -> dict[str, float]:
    """Are samples copies? Distance to the nearest training embedding against that of real objects never trained on.

    `ratio` is the median over samples divided by the median over `held_out`: about 1 for new samples of the same kind,
    0 for copies. `copies` is the share of samples nearer than a tenth of it. Without held-out embeddings the training
    set's leave-one-out distances stand in: far too short where it holds several versions of an object.

    Raises:
        BadInput: the embeddings compared with repeat each other, so that there is no distance to measure by.
    """
    known = held_out is not None and len(held_out)
    spacing = float(np.median((distances(held_out, train) if known else _between(train)).min(1)))
    if spacing == 0:
        raise BadInput("embeddings repeat each other", where="novelty", fix="check the encoder, or remove duplicates")
    nearest = distances(made, train).min(1)
    return {"ratio": float(np.median(nearest)) / spacing, "copies": float((nearest < 0.1 * spacing).mean())}


def judge(made: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, float | str]:
    """All measures at once, and a verdict: "alive", "collapsed" or "copies".

    `mmd` and the yardstick of novelty come from the held-out embeddings `test`; coverage, 1-NNA, the Fréchet distance
    and spread compare with `train`, because a class has only a few held-out objects. The verdict takes coverage
    relative to what so many samples could reach.
    """
    new, covered = novelty(made, train, test), coverage(made, train)
    spread = float(made.std(0).mean() / train.std(0).mean())
    reached = covered * len(train) / min(len(made), len(train))
    collapsed = spread < COLLAPSED_SPREAD or reached < COLLAPSED_COVERAGE
    return {
        "mmd": minimum_matching_distance(made, test),
        "coverage": covered,
        "one_nna": one_nna(made, train),
        "frechet_on_embeddings": frechet_distance(made, train),
        "novelty_ratio": new["ratio"],
        "copies": new["copies"],
        "spread": spread,
        "verdict": "collapsed" if collapsed else "copies" if new["copies"] > COPIED else "alive",
    }


def class_verdicts(
    made: Float[np.ndarray, "m d"],
    made_labels: Int[np.ndarray, "m"],
    train: Float[np.ndarray, "n d"],
    train_labels: Int[np.ndarray, "n"],
    test: Float[np.ndarray, "t d"],
    test_labels: Int[np.ndarray, "t"],
) -> dict[str, int]:
    """How many classes are "collapsed", "copies" and "alive" when `judge` looks at them one by one.

    A generator that makes one chair, one table and one car looks spread out as a whole.
    """
    verdicts = [
        judge(made[made_labels == label], train[train_labels == label], test[test_labels == label])["verdict"]
        for label in np.unique(made_labels)
    ]
    return {name: verdicts.count(name) for name in ("alive", "collapsed", "copies")}
