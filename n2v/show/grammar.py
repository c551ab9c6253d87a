"""How a procedural object is put together: one slot varied at a time."""

from n2v.scenes.cameras import front_camera
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object, slot_options
from n2v.show.pictures import to_rgb


def slots_figure(class_name: str, filled: dict[str, str], seed: int = 0, n_options: int = 7, size_px: int = 96):
    """A row a slot of `filled`: the same object with this slot's commonest options, the others as in `filled`."""
    import matplotlib.pyplot as plt

    options = slot_options(class_name)
    figure, axes = plt.subplots(len(filled), n_options, figsize=(1.25 * n_options + 0.9, 1.45 * len(filled)),
                                squeeze=False)  # fmt: skip
    for row, (slot, chosen) in zip(axes, filled.items(), strict=True):
        row[0].set_ylabel(f"{slot}\n({len(options[slot])} options)", rotation=0, ha="right", va="center", fontsize=9)
        for axis in row:
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
        for axis, name in zip(row, options[slot], strict=False):
            made = make_object(class_name, seed, slots=filled | {slot: name})
            axis.imshow(to_rgb(render_rgba(made, front_camera()[None], size_px)[0]))
            weight = "bold" if name == chosen else "normal"
            axis.set_title(name.replace("_", " "), fontsize=8.5, pad=1, fontweight=weight)
    figure.subplots_adjust(wspace=0.04, hspace=0.22)
    return figure
