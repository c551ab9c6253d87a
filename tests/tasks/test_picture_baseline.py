"""The picture baseline: what is done to its training pictures."""

import numpy as np
import torch

from n2v.tasks.pictures import varied


def test_varied_pictures_keep_what_is_in_them():
    batch = torch.zeros(2, 3, 32, 32)
    batch[:, 0, 10:14, 20:24] = 1
    seen = [varied(batch, np.random.default_rng(seed)) for seed in range(40)]
    assert all(one.sum() == batch.sum() for one in seen)
    channels = {int(one[0].sum((1, 2)).argmax()) for one in seen}
    columns = {int(one[0].sum((0, 1)).argmax()) for one in seen}
    assert channels == {0, 1, 2} and min(columns) < 12 and max(columns) > 19
