"""A real, tiny zoo: four solids, each fitted for a second."""

import numpy as np
import pytest
import torch
from solids import SOLIDS, view_set, write_zoo

from n2v.nerf.fit import fit
from n2v.nerf.recipe import FitConfig
from n2v.zoo.store import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> Zoo:
    """ball, block and rod in train, slab in test (positions 0, 1, 2, 3)."""
    torch.manual_seed(0)
    names = list(SOLIDS)
    config = FitConfig.laptop(n_steps=200, n_samples=1024)
    results = fit([view_set(name) for name in names], config, seeds=[0, 1, 2, 3])
    weights = np.stack([result.field_weights for result in results])
    occupied = np.stack([result.occupied for result in results])
    return write_zoo(tmp_path_factory.mktemp("zoo"), names, weights, occupied)
