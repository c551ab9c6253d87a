"""Planted wrong answers: notebook -> function -> words of what is said of it -> a mistake that students make."""

WRONG = {
    "01": {
        "to_opengl": {"mirrored": "return opencv_c2w * np.array([1, -1, 1, 1])"},
        "over": {
            "with alpha, once": """
p = rgba / 255
return p[..., :3] * p[..., 3:] ** 2 + np.asarray(behind) * (1 - p[..., 3:])""",
        },
        "a_tenth_of_each": {"class by class": "return sum(counts.values()) // 10"},
        "my_leak": {
            "b has no twin": """
trained = {item.base_id for item in objects if splits[item.object_id] == "train"}
tested = [item.base_id for item in objects if splits[item.object_id] == "test"]
return sum(base in trained for base in tested) / max(len(set(tested) & trained), 1)""",
        },
        "expected_leak": {"do not add up": "return 0.8 * (n_versions - 1)"},
        "measured_leak": {
            "four standard errors": """
objects = identities({"chair": n_bases, "lamp": n_bases}, n_versions)
return leak(objects, assign(objects))  # leaves nothing to leak""",
        },
    },
    "02": {
        "opacity": {"sign in the exponent": "return 1 - torch.exp(density * length)"},
        "transmittance": {"cannot shade itself": "return (1 - alphas).cumprod(0)"},
        "pixel": {
            "reaches the last sample": """
weights = light * alphas
return (weights[..., None] * colours).sum(-2) + light[..., -1:] * background""",
        },
        "my_psnr": {"not the natural logarithm": "return -10 * torch.log(((first - second) ** 2).mean())"},
        "octave": {"pi is missing": "return torch.sin(2**k * x), torch.cos(2**k * x)"},
        "spread": {
            "first cameras of the turn": "return list(range(n))",
            "spread: number ": "return np.random.default_rng(0).permutation(len(places))[:n].tolist()",
        },
    },
    "03": {
        "renumber": {
            "must move with it": "return first[order], second",
            "not its inverse": "return first[np.argsort(order)], second[:, np.argsort(order)]",
        },
        "travelled": {"length of the start": "return np.linalg.norm(vectors - origin, axis=1)"},
        "megabytes": {"not 2^20": "return n_nerfs * n_weights * bytes_each / 2**20"},
        "quantised": {
            "3 bits are 8 values": """
low, spacing = matrix.min(), (matrix.max() - matrix.min()) / 2**n_bits
return low + np.round((matrix - low) / spacing) * spacing""",
            "move to the nearest": """
low, spacing = matrix.min(), (matrix.max() - matrix.min()) / (2**n_bits - 1)
return low + np.floor((matrix - low) / spacing) * spacing""",
        },
        "damaged": {
            "compare hexdigest": """
return [i for i, (a, b) in enumerate(zip(stored, noted)) if hashlib.md5(a).hexdigest() != b]""",
        },
    },
    "04": {
        "my_matrix": {
            "row by row": "return torch.cat([vector, torch.zeros(3072)]).reshape(64, 336).T",
            "(336, 64) is wanted": "return torch.cat([vector, torch.zeros(3072)]).reshape(64, 336)",
        },
        "opacity_of": {"optical depth": "return sigmas * step"},
        "notices_shuffled_rows": {
            "every encoder seems to notice": "return True",
            "columns were shuffled": """
with torch.no_grad():
    after = encoder.encode_rows(rows[..., torch.randperm(64)])
    return not torch.allclose(encoder.encode_rows(rows), after, atol=1e-5)""",
        },
        "hits_with": {
            "share of misses": """
near = torch.cdist(components[test_split, :k], components[train_split, :k]).argmin(1)
return float((labels[train_split][near] != labels[test_split]).mean())""",
        },
        "first_layer": {
            "the bias is missing": """
n = embedding.shape[1]
return features @ layer.weight[:, n:].T + (embedding @ layer.weight[:, :n].T)[:, None]""",
            "took too much memory": """
return layer(torch.cat([embedding[:, None].expand(-1, features.shape[1], -1), features], -1))""",
        },
    },
    "05": {
        "psnr_of": {"log10 in the first": "return -10 * math.log(mse)"},
        "foreground_mse": {"whole picture": "return ((shown - truth) ** 2).mean()"},
        "best_colour": {"median": "return picture.reshape(-1, 3).median(0).values"},
        "kept": {
            "take the mean off": """
basis = torch.linalg.svd(train - train.mean(0), full_matrices=False)[2][:k]
return vector @ basis.T @ basis""",
        },
        "combined_db": {"decibels do not average": "return (first + second) / 2"},
    },
    "06": {
        "majority_floor": {"one over the number of classes": "return 1 / len(np.unique(classes))"},
        "interval": {
            "normal interval": """
share = n_right / n
half = 1.959964 * np.sqrt(share * (1 - share) / n)
return share - half, share + half""",
        },
        "by_object": {"7 numbers came back": "return right"},
        "p_value": {
            "agree say nothing": """
return stats.binomtest(int((right_a & ~right_b).sum()), len(right_a)).pvalue""",
            "return 1": """
only = right_a & ~right_b
return stats.binomtest(int(only.sum()), int((right_a ^ right_b).sum())).pvalue""",
        },
        "summarise": {"leave the warm-up out": "return np.percentile(times, [50, 25, 75])"},
        "accuracy_with": {
            "of all classes together": """
return (nearest_neighbour(values[train[:n]], labels[train[:n]], values[test]) == labels[test]).mean()""",
        },
    },
    "07": {
        "between": {"are exchanged": "return gamma * a + (1 - gamma) * b"},
        "around": {"cuts the corner": "return (1 - gamma) * a + gamma * b"},
        "worst_share": {
            "the root is missing": """
steps = ((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3))
return steps.max() / steps.sum()""",
        },
        "crossing": {
            "last gamma of the first": "return gammas[np.flatnonzero(predict(points) == predict(points)[0])[-1]]"
        },
        "same_neurons": {
            "inverse order": """
from scipy.optimize import linear_sum_assignment

return linear_sum_assignment(rows @ reference.T, maximize=True)[1]""",
        },
    },
    "08": {
        "my_hit": {"k-th neighbour alone": "return int(relevant[k - 1])"},
        "my_average_precision": {"that is hit@k": "return float(np.any(relevant))"},
        "chance_hit": {"without putting back": "return 1 - (1 - m / n) ** k"},
        "cosine_distances": {"lengths of both vectors": "return 1 - queries @ gallery.T"},
        "twin_rate": {
            "nearest NeRF to each is itself": """
bases = np.array(base_ids)
return (bases[distances(values, values).argmin(1)] == bases).mean()""",
            "that are given": """
known = np.random.default_rng(0).normal(size=values.shape)  # whatever is given
bases = np.array(base_ids)
near = ((known[:, None] - known[None]) ** 2).sum(-1) + 1e9 * np.eye(len(known))
return (bases[near.argmin(1)] == bases).mean()""",
        },
    },
    "09": {
        "penalty": {"not of the whole batch": "return (gradients.norm() - 1) ** 2"},
        "pair": {"real - noise": "return (1 - t) * noise + t * real, noise - real"},
        "euler": {
            "1 / n_steps long": """
points = start
for i in range(n_steps):
    points = points + velocity(points, i / n_steps)
return points""",
        },
        "my_coverage": {"coverage: number": "return 1.0"},
        "my_copies": {
            "own spacing": """
own = np.sqrt(((train[:, None] - train[None]) ** 2).sum(-1)) + 1e9 * np.eye(len(train), dtype=train.dtype)
away = np.sqrt(((made[:, None] - train[None]) ** 2).sum(-1)).min(1)
return float((away < 0.1 * np.median(own.min(1))).mean())""",
        },
        "by_heart": {
            "all training embeddings": """
return novelty(train_flow(chairs, plenty, 0).sample(64, 0), chairs, ours)["copies"]""",
            "n_nerfs decides": """
return novelty(train_flow(chairs[:4], plenty, 0).sample(64, 0), chairs[:4], ours)["copies"]""",
        },
    },
}
