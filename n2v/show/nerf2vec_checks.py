"""The visible checks of notebooks 04 and 05: each names the mistake it recognises (see n2v.show.one_nerf_checks)."""

import math
from collections.abc import Callable

import torch
from torch import nn

from n2v.embed.encoder import RowEncoder
from n2v.embed.matrix import N_ROWS, weight_matrix
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS
from n2v.show.nerf2vec_cards import component_hits
from n2v.show.one_nerf_checks import judge


def check_matrix(my_matrix: Callable) -> bool:
    """`my_matrix(vector)`: (18432,) to (336, 64)."""
    vector = torch.arange(1.0, N_WEIGHTS + 1)
    padded = torch.nn.functional.pad(vector, (0, N_ROWS * N_HIDDEN - N_WEIGHTS))
    mistakes = {
        "the cut is row by row; this fills column after column": lambda: padded.view(N_HIDDEN, N_ROWS).T,
        "the zeros belong behind the weights": lambda: padded.roll(N_ROWS * N_HIDDEN - N_WEIGHTS),
    }
    return judge("matrix", lambda: my_matrix(vector).contiguous(), weight_matrix(vector[None])[0], mistakes)


def check_blindness(notices: Callable, encoder: RowEncoder, rows: torch.Tensor) -> bool:
    """`notices(encoder, rows)`: whether an order of rows matters; tried on one that is blind and one that is not."""

    class Sees(nn.Module):
        def encode_rows(self, rows):
            return rows[:, :4].flatten(1)

    mistakes = {
        "every encoder seems to notice: compare the embeddings up to rounding": lambda: torch.tensor([1.0, 1.0]),
        "no encoder seems to notice: are the shuffled rows really encoded?": lambda: torch.zeros(2),
        "the answer is the wrong way round": lambda: torch.tensor([1.0, 0.0]),
    }

    def answers():
        return [float(notices(one, rows)) for one in (encoder, Sees())]

    return judge("shuffled rows", answers, torch.tensor([0.0, 1.0]), mistakes)


def check_emptiness(opacity_of: Callable, step: float = 0.04) -> bool:
    """`opacity_of(sigmas, step)`: how much light one sample in empty space blocks."""
    sigmas = torch.tensor([0.0, 0.5, 10.0, 400.0])
    mistakes = {
        "that is the raw density: it has a unit and no upper end (the published code's mistake)": lambda: sigmas,
        "density times length is an optical depth; it exceeds 1, an opacity cannot": lambda: sigmas * step,
        "that is the share of light that gets through": lambda: torch.exp(-sigmas * step),
        "the length of the sample is missing": lambda: 1 - torch.exp(-sigmas),
        "clamping stops the gradient just where it is needed": lambda: (sigmas * step).clamp(max=1),
    }
    return judge("emptiness", lambda: opacity_of(sigmas, step), -torch.expm1(-sigmas * step), mistakes)


def check_share(first_layer: Callable) -> bool:
    """`first_layer(layer, embedding, features)`: the layer of (embedding, features) without repeating the embedding."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(5 + 3, 4)
    embedding, features = torch.randn(2, 5, generator=generator), torch.randn(2, 6, 3, generator=generator)
    once = nn.functional.linear(embedding, layer.weight[:, :5])[:, None]
    each = nn.functional.linear(features, layer.weight[:, 5:])
    mistakes = {
        "the bias counts twice, once in each part": lambda: (once + each + 2 * layer.bias).detach(),
        "the bias is missing": lambda: (once + each).detach(),
        "the embedding's share is missing": lambda: (each + layer.bias).detach(),
        "the embedding comes first in the layer's input, then the position": lambda: (
            nn.functional.linear(embedding, layer.weight[:, 3:])[:, None]
            + nn.functional.linear(features, layer.weight[:, :3], layer.bias)
        ).detach(),
    }
    return judge(
        "embedding's share",
        lambda: first_layer(layer, embedding, features).detach(),
        (once + each + layer.bias).detach(),
        mistakes,
    )


def check_components(hits_with: Callable, components: torch.Tensor, labels, train, test, k: int = 4) -> bool:
    """`hits_with(k)`: share of test NeRFs whose nearest training NeRF by the first k components has their class."""

    def measured(values: torch.Tensor, queries, gallery, first: int = k) -> torch.Tensor:
        return torch.tensor(component_hits(values, labels, gallery, queries, first))

    mistakes = {
        "each training NeRF's neighbour was looked for; the queries are the test NeRFs": lambda: measured(
            components, train, test
        ),
        "all components were used": lambda: measured(components, test, train, components.shape[1]),
        "those are the last components, which carry least": lambda: measured(components[:, -k:], test, train),
        "the test NeRFs are among the candidates: each finds itself": lambda: torch.tensor(1.0),
    }
    return judge("components", lambda: hits_with(k), measured(components, test, train), mistakes, 1e-6)


def check_formulas(psnr_of: Callable, psnr_as_printed: Callable) -> bool:
    """The usual PSNR and the one the thesis prints, of one mean squared error."""
    mse = 0.004
    usual, printed = -10 * math.log10(mse), -10 * math.log(mse / 10)
    mistakes = {
        "the two are the wrong way round": lambda: torch.tensor([printed, usual]),
        "the first is the natural logarithm; decibels are powers of ten": lambda: torch.tensor(
            [-10 * math.log(mse), printed]
        ),
        "the second divides by 10 inside the logarithm": lambda: torch.tensor([usual, -10 * math.log(mse)]),
        "the second has a natural logarithm": lambda: torch.tensor([usual, -10 * math.log10(mse / 10)]),
        "a smaller error must give more decibels": lambda: torch.tensor([-usual, -printed]),
    }
    return judge("PSNR", lambda: [psnr_of(mse), psnr_as_printed(mse)], torch.tensor([usual, printed]), mistakes)


def check_best_colour(best_colour: Callable) -> bool:
    """`best_colour(picture)`: the constant colour of least squared error."""
    picture = torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(1)) ** 3
    mistakes = {
        "the median is best for absolute errors, not for squared ones": lambda: picture.flatten(0, 1).median(0).values,
        "one grey for all channels: each channel has its own mean": lambda: picture.mean().expand(3),
        "white is the background, seldom the best": lambda: torch.ones(3),
    }
    return judge("best colour", lambda: best_colour(picture), picture.mean((0, 1)), mistakes)


def check_foreground(foreground_mse: Callable) -> bool:
    """`foreground_mse(shown, truth, opacity)`: mean squared error over pixels that are not background."""
    generator = torch.Generator().manual_seed(2)
    shown, truth = torch.rand(2, 4, 4, 3, generator=generator)
    opacity = torch.zeros(4, 4)
    opacity[1:3, 1:] = 0.9
    mask, squared = opacity > 0.05, (shown - truth) ** 2
    mistakes = {
        "that is the mean over the whole picture": lambda: squared.mean(),
        "the sum goes over the object, but the division over the whole picture": lambda: (
            squared * mask[..., None]
        ).mean(),
        "that is the background's error": lambda: squared[~mask].mean(),
        "the three channels were added, not averaged": lambda: 3 * squared[mask].mean(),
    }
    return judge("foreground", lambda: foreground_mse(shown, truth, opacity), squared[mask].mean(), mistakes)


def check_chain(combined_db: Callable) -> bool:
    """`combined_db(first, second)`: PSNR after two independent errors of which each alone has a PSNR."""
    first, second = 20.0, 28.0
    expected = -10 * math.log10(10 ** (-first / 10) + 10 ** (-second / 10))
    mistakes = {
        "decibels do not add": lambda: torch.tensor(first + second),
        "the smaller of the two is only nearly right": lambda: torch.tensor(min(first, second)),
        "the mean of the errors was taken; independent errors add": lambda: torch.tensor(expected + 10 * math.log10(2)),
        "decibels do not average": lambda: torch.tensor((first + second) / 2),
        "root mean square errors do not add; their squares do": lambda: torch.tensor(
            -20 * math.log10(10 ** (-first / 20) + 10 ** (-second / 20))
        ),
    }
    return judge("two errors", lambda: combined_db(first, second), torch.tensor(expected), mistakes, 1e-3)


def check_projection(kept: Callable, train: torch.Tensor, vector: torch.Tensor, k: int = 3) -> bool:
    """`kept(train, vector, k)`: what the first k principal components of the training weights keep of a vector."""
    mean = train.mean(0)
    _, _, basis = torch.linalg.svd(train - mean, full_matrices=False)

    def projected(values: torch.Tensor, offset) -> torch.Tensor:
        return offset + (values - offset) @ basis[:k].T @ basis[:k]

    mistakes = {
        "the mean must be taken off before the projection and put back after": lambda: projected(vector, 0.0),
        "the mean was not put back": lambda: projected(vector, mean) - mean,
        "all components were kept": lambda: mean + (vector - mean) @ basis.T @ basis,
    }
    return judge("projection", lambda: kept(train, vector, k), projected(vector, mean), mistakes, 1e-3)
