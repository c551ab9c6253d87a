"""A manifest line of a NeRF that could be."""

from n2v.zoo.manifest import Row


def row(object_id: str, **changes) -> Row:
    values = {
        "base_id": object_id, "class_name": "chair", "label": 4, "version": 0, "shape_group": object_id,
        "split": "train", "source": "test", "licence": "MIT", "seed": 1, "init_hash": "0", "encoding": "exact",
        "backend": "torch", "steps": 1, "step": 0.04, "psnr_db": 27.0, "fit_s": 1.0,
    }  # fmt: skip
    return Row(object_id=object_id, **{**values, **changes})
