"""Planted wrong answers, by notebook and function: mistakes that students make."""

WRONG = {
    "01": {
        "to_opengl": "return opencv_c2w * np.array([1, -1, 1, 1])",
        "over": "p = rgba / 255\nreturn p[..., :3] * p[..., 3:] ** 2 + np.asarray(behind) * (1 - p[..., 3:])",
        "a_tenth_of_each": "return sum(counts.values()) // 10",
        "my_leak": """
trained = {item.base_id for item in objects if splits[item.object_id] == "train"}
tested = [item.base_id for item in objects if splits[item.object_id] == "test"]
return sum(base in trained for base in tested) / max(len(set(tested) & trained), 1)""",
        "expected_leak": "return 0.8 * (n_versions - 1)",
        "measured_leak": """
objects = identities({"chair": n_bases, "lamp": n_bases}, n_versions)
return leak(objects, assign(objects))  # leaves nothing to leak""",
    },
    "02": {
        "opacity": "return 1 - torch.exp(density * length)",
        "transmittance": "return (1 - alphas).cumprod(0)",
        "pixel": """
weights = light * alphas
return (weights[..., None] * colours).sum(-2) + light[..., -1:] * background""",
        "my_psnr": "return -10 * torch.log(((first - second) ** 2).mean())",
        "octave": "return torch.sin(2**k * x), torch.cos(2**k * x)",
        "spread": "return list(range(n))",
    },
    "03": {
        "renumber": "return first[order], second",
        "travelled": "return np.linalg.norm(vectors - origin, axis=1)",
        "megabytes": "return n_nerfs * n_weights * bytes_each / 2**20",
        "quantised": """
low, spacing = matrix.min(), (matrix.max() - matrix.min()) / 2**n_bits
return low + np.round((matrix - low) / spacing) * spacing""",
        "damaged": "return [i for i, (a, b) in enumerate(zip(stored, noted)) if hashlib.md5(a).hexdigest() != b]",
    },
    "04": {
        "my_matrix": "return torch.cat([vector, torch.zeros(3072)]).reshape(64, 336).T",
        "notices_shuffled_rows": "return True",
        "opacity_of": "return sigmas * step",
        "first_layer": """
n = embedding.shape[1]  # and no bias
return features @ layer.weight[:, n:].T + (embedding @ layer.weight[:, :n].T)[:, None]""",
    },
    "05": {
        "foreground_mse": "return ((shown - truth) ** 2).mean()",
        "combined_db": "return (first + second) / 2",
        "psnr_of": "return -10 * math.log(mse / 10)",
        "best_colour": "return picture.reshape(-1, 3).median(0).values",
    },
    "06": {
        "majority_floor": "return 1 / len(np.unique(classes))",
        "interval": "return n_right / n - 1.96 * n**-0.5 / 2, n_right / n + 1.96 * n**-0.5 / 2",
        "by_object": "return right",
        "p_value": "return stats.binomtest(int(right_a.sum()), len(right_a)).pvalue",
        "summarise": "return np.percentile(times, [50, 25, 75])",
    },
    "07": {
        "between": "return gamma * a + (1 - gamma) * b",
        "around": "return (1 - gamma) * a + gamma * b",
        "worst_share": """
steps = ((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3))
return steps.max() / steps.sum()""",
    },
    "08": {
        "my_average_precision": "return float(np.any(relevant))  # hit@k",
        "chance_hit": "return 1 - (1 - m / n) ** k  # with replacement",
        "cosine_distances": "return 1 - queries @ gallery.T  # not normalised",
    },
    "09": {"my_coverage": "return 1.0", "penalty": "return (gradients.norm(dim=1).mean() - 1) ** 2"},
}
