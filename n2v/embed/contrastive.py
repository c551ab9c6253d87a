"""A second loss: versions of one object lie together in the embedding space, and apart from other objects.

Reconstruction alone fills the embedding with whatever helps to draw this one NeRF; distances between such embeddings
are then mostly about colour and proportions. A version of an object (augmented, refitted) differs in just these. No
label is used: the term knows which NeRFs show versions of one base object, as the augmentation knows it.
"""

import torch
from jaxtyping import Float, Int


def contrastive_loss(
    embeddings: Float[torch.Tensor, "b e"], bases: Int[torch.Tensor, "b"], temperature: float = 0.1
) -> Float[torch.Tensor, ""]:
    """Mean cross-entropy of finding an object's other versions among the batch, by cosine similarity.

    Supervised contrastive loss (Khosla et al., 2020, eq. 2) with the base object in the place of the class; for two
    versions it is InfoNCE (van den Oord et al., 2018). NeRFs without another version in the batch are only something
    to be told from; where no NeRF has one, the loss is 0.

    Args:
        embeddings: One a NeRF.
        bases: Number of the base object of each.
        temperature: What similarities are divided by.
    """
    directions = torch.nn.functional.normalize(embeddings.float(), dim=-1)
    itself = torch.eye(len(bases), dtype=torch.bool, device=bases.device)
    similarities = (directions @ directions.T / temperature).masked_fill(itself, torch.finfo(torch.float32).min)
    surprises = similarities.logsumexp(1, keepdim=True) - similarities
    is_version = (bases[:, None] == bases) & ~itself
    n_versions = is_version.sum(1)
    each = surprises.masked_fill(~is_version, 0.0).sum(1) / n_versions.clamp(min=1)
    return each.sum() / (n_versions > 0).sum().clamp(min=1)


def versions_together(bases: Int[torch.Tensor, "n"], generator: torch.Generator) -> Int[torch.Tensor, "n"]:
    """A random order of n NeRFs in which the versions of an object follow each other, in random order too."""
    place = torch.randperm(int(bases.max()) + 1, generator=generator)[bases]
    order = torch.randperm(len(bases), generator=generator)
    return order[torch.argsort(place[order], stable=True)]
