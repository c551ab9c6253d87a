"""What bounds a reconstruction: encoder, decoder, data or time, each swapped while the rest stays.

    python ci/bounds.py --out ci/reference/bounds [--n 24]

Object alone (dB, given grid) of held-out NeRFs of the mini zoo and of NeRFs of the real zoo, for: the 32^3 answers an
asking encoder reads, shown themselves; the same pooled to g^3; the shipped model's principal components turned back, no
step of training; the shipped model; its decoder with embeddings refined by descent from the encoder's own (so no better
encoder could do more, up to the descent).
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from n2v.embed.asking import LATTICE, ask
from n2v.embed.decoder import raw_outputs
from n2v.embed.model import Nerf2Vec, load
from n2v.embed.reconstruct import foreground_psnr, some_of
from n2v.errors import BadInput
from n2v.files import progress, provenance, write_json
from n2v.nerf.field import activate
from n2v.nerf.nerf import Field, Nerf, Turntable
from n2v.scenes.objects import AABB
from n2v.zoo.shipped import mini_zoo, real_zoo

LOOK = Turntable(n_views=2)
REFINED = (0, 10, 30, 100, 300)  # steps of descent (n2v.embed.refine)


class Lattice(Field):
    """Answers (4, g, g, g), opacity over 1/32 of the box and premultiplied colour, read between their points."""

    shown_step = LOOK.step

    def __init__(self, answers: torch.Tensor, occupied: torch.Tensor) -> None:
        self.answers, self.occupied = answers, occupied

    def query(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities and colours at positions in scene units."""
        places = (positions / AABB[3]).flip(-1)[None, None, None]
        found = torch.nn.functional.grid_sample(self.answers[None], places, padding_mode="border", align_corners=False)
        return activate(raw_outputs(found[0, :, 0, 0].T))


def shown(model: Nerf2Vec, nerf: Nerf) -> dict[str, float]:
    """dB of the object alone, by what shows it."""
    truth, answers = nerf.views(LOOK), ask(nerf.field_weights[None], nerf.encoding)
    fields = {"32^3 answers (131,072 numbers)": Lattice(answers[0].float() / 255, nerf.occupied)}
    for g in (16, 12, 8, 4):
        coarse = torch.nn.functional.adaptive_avg_pool3d(answers.float() / 255, g)[0]
        fields[f"pooled to {g}^3 ({4 * g**3:,})"] = Lattice(coarse, nerf.occupied)
    front = model.encoder.front
    fields[f"{front.basis.shape[1]} components turned back"] = Lattice(front.back(front(answers))[0], nerf.occupied)
    for steps in REFINED:
        name = f"shipped model, {steps} steps of descent" if steps else "shipped model"
        fields[name] = model.decode(model.embed(nerf, steps), occupied=nerf.occupied)
    return {name: foreground_psnr(field.views(LOOK), truth) for name, field in fields.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=24, help="NeRFs of each collection")
    options = parser.parse_args()
    model = load()
    if not hasattr(model.encoder, "front"):
        raise BadInput("the shipped model does not ask", fix="use one whose encoder is 'asking'")
    lines = []
    for collection, zoo, split in (("mini zoo, test", mini_zoo(), "test"), ("real zoo", real_zoo(), None)):
        chosen = some_of(zoo, split, options.n)
        found = [shown(model, zoo[int(i)]) for i in progress(chosen, desc=collection, unit="NeRF")]
        for name in found[0]:
            values = np.array([one[name] for one in found])
            told = {"collection": collection, "shown": name, "object alone (dB)": values.mean()}
            lines.append({**told, "±": values.std(ddof=1) / len(values) ** 0.5, "n": len(values)})
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "bounds.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    write_json(options.out / "run.json", provenance(n=options.n, lattice=LATTICE))
    for line in lines:
        print(f"{line['collection']:16} {line['shown']:34} {line['object alone (dB)']:.2f} ± {line['±']:.2f}")


if __name__ == "__main__":
    main()
