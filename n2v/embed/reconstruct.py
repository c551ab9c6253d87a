"""Reconstructions side by side: several models on the same NeRFs, beside simple things that must lose to them."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from n2v.embed.encoder import leading_directions
from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.nerf import Turntable
from n2v.nerf.render import psnr
from n2v.zoo.store import Zoo

MEASURES = ("full_db", "foreground_db", "full_ssim", "foreground_ssim")
NEAR_COMPONENTS = 32
REFINED = "refined"
LOSERS = ("blank picture", "mean colour", "nearest training NeRF", "PCA of weights, decoded back")


def picture_measures(
    shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"], opacity_floor: float = 0.05
) -> dict[str, float]:
    """PSNR (dB) and SSIM of pictures over white, of the whole pictures and where the truth is not background.

    SSIM: Gaussian window of 11 pixels, sigma 1.5 (Wang et al. 2004), from torchmetrics; the foreground's is the mean of
    its map over those pixels. NaN for the foreground of an empty truth.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    first, second = (pictures[..., :3].permute(0, 3, 1, 2).contiguous() for pictures in (shown, truth))
    mean, similarity = structural_similarity_index_measure(first, second, data_range=1.0, return_full_image=True)
    mask = truth[..., 3] > opacity_floor
    return {
        "full_db": psnr(shown[..., :3], truth[..., :3]),
        "foreground_db": foreground_psnr(shown, truth, opacity_floor),
        "full_ssim": float(mean),
        "foreground_ssim": float(similarity.mean(1)[mask].mean()),
    }


def foreground_psnr(
    shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"], opacity_floor: float = 0.05
) -> float:
    """PSNR (dB) over the pixels where the truth is not background."""
    mask = truth[..., 3] > opacity_floor
    return psnr(shown[..., :3][mask], truth[..., :3][mask]) if bool(mask.any()) else math.nan


class Losers:
    """What knows no decoder: a blank picture, the best single colour, the nearest training NeRF (distance along the
    first 32 principal components of the weights, the rest is mostly what each fit did on its own; never a version of
    the object itself), and the weights projected on `n_components` principal components of the training NeRFs and
    rendered through the object's own occupancy. Asked about NeRFs of the same zoo, or of `asked`.
    """

    def __init__(self, zoo: Zoo, train: Int[np.ndarray, "m"], n_components: int, asked: Zoo | None = None) -> None:
        if len(train) < 2:
            raise BadInput(f"{len(train)} training NeRFs", where=zoo.folder, fix="use at least 2")
        self.zoo, self.train, self.asked = zoo, np.asarray(train), asked or zoo
        weights = torch.from_numpy(zoo.field_weights(train))
        self.base_ids = np.array([zoo.rows[int(i)].base_id for i in train])
        self.mean = weights.mean(0)
        _, leading = leading_directions(weights - self.mean, max(n_components, NEAR_COMPONENTS))
        self.directions, self.near = leading[:, :n_components], leading[:, :NEAR_COMPONENTS]
        self.places = (weights - self.mean) @ self.near

    def nearest(self, index: int) -> int:
        """The position, in the zoo, of the training NeRF of another object nearest to what is asked about."""
        place = (torch.from_numpy(self.asked.field_weights(index)) - self.mean) @ self.near
        distance = (self.places - place).norm(dim=1)
        distance[torch.from_numpy(self.base_ids == self.asked.rows[index].base_id)] = torch.inf
        if not bool(torch.isfinite(distance).any()):
            raise BadInput("no other object is in training", where=self.zoo.folder, fix="use more objects")
        return int(self.train[int(distance.argmin())])

    def projected(self, index: int) -> Float[torch.Tensor, "w"]:
        """The weights that the principal components keep."""
        moved = torch.from_numpy(self.asked.field_weights(index)[0]) - self.mean
        return self.mean + self.directions @ (self.directions.T @ moved)

    def views(self, index: int, truth: torch.Tensor, config: Turntable) -> dict[str, Float[torch.Tensor, "v h w 4"]]:
        """Pictures by name of LOSERS, over white."""
        pictures = (
            torch.ones_like(truth),
            truth.mean((0, 1, 2)).expand_as(truth),
            self.zoo[self.nearest(index)].views(config),
            replace(self.asked[index], field_weights=self.projected(index)).views(config),
        )
        return dict(zip(LOSERS, pictures, strict=True))


@torch.no_grad()
def compare_reconstructions(
    models: dict[str, Nerf2Vec],
    zoo: Zoo,
    indices: Int[np.ndarray, "n"],
    config: Turntable | None = None,
    losers: Losers | None = None,
    given: bool = True,
    more: Callable[[torch.Tensor, torch.Tensor], dict] | None = None,
    refine: int = 0,
) -> list[dict]:
    """Each NeRF rendered from its embedding by every model, against its own renders: one row a NeRF, thing and way.

    Rows: what, occupancy ("own" the decoded field's, "given" the input NeRF's, as the thesis renders: it tells the
    decoder where nothing is; "-" for losers), object_id, class_name, split, the MEASURES, what `more(shown, truth)`
    adds, and input_db: the input NeRF against its pictures, the ceiling of what a reconstruction can mean. With
    `refine` steps (n2v.embed.refine) each model's refined embeddings have rows beside those of its own.
    """
    config, rows = config or Turntable(), []
    for index in progress([int(i) for i in indices], desc="reconstructing", unit="NeRF"):
        stored, nerf, shown = zoo.rows[index], zoo[index], {}
        truth = nerf.views(config)
        for name, model in models.items():
            embeddings = {name: model.embed(nerf)}
            if refine:
                embeddings[f"{name}, {REFINED}"] = model.embed(nerf, refine)
            for kind, embedding in embeddings.items():
                shown[kind, "own"] = model.decode(embedding, step=config.step).views(config)
                if given:
                    shown[kind, "given"] = model.decode(embedding, occupied=nerf.occupied).views(config)
        if losers is not None:
            shown.update({(name, "-"): pictures for name, pictures in losers.views(index, truth, config).items()})
        identity = {"object_id": stored.object_id, "class_name": stored.class_name, "split": stored.split}
        for (name, way), pictures in shown.items():
            measures = {**picture_measures(pictures, truth), **(more(pictures, truth) if more else {})}
            rows.append({"what": name, "occupancy": way, **identity, **measures, "input_db": stored.psnr_db})
    return rows


def some_of(zoo: Zoo, split: str | None, n: int, seed: int = 0) -> Int[np.ndarray, "m"]:
    """At most n NeRFs of a split (None: of all), drawn with a seed, classes as equal as they come; sorted."""
    everything = zoo.indices(split)
    order = np.random.default_rng([seed, len(split or "")]).permutation(len(everything))
    labels = zoo.labels[everything][order]
    turn = np.array([(labels[:place] == label).sum() for place, label in enumerate(labels)], int)  # n-th of its class
    return np.sort(everything[order][np.argsort(turn, kind="stable")[:n]])
