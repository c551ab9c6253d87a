"""Measure a trained nerf2vec on NeRFs it never saw, pack it into data/, write its card.

    n2v train LARGE --out RUN --encoder asking --split all --minutes 45
    python ci/ship.py RUN --collection "2,458 procedural NeRFs, seed 7" [--test data/mini_zoo] [--out data/nerf2vec]
    python ci/ship.py data/nerf2vec                       # measure what is shipped again

Measured on the packed (float16) model: reconstruction of the test split beside what must lose, and readers trained on
the embeddings of the collection's train split (`corrected` and `novel`), and both on the real zoo.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import RECORD, SHIPPED, load_model, pack_run
from n2v.embed.reconstruct import Losers, compare_reconstructions, some_of
from n2v.embed.refine import STEPS
from n2v.errors import BadInput
from n2v.files import data_folder, read_json, write_json
from n2v.nerf.nerf import Turntable
from n2v.publish.data_cards import shipped_table
from n2v.publish.markdown import write_block
from n2v.tasks.bars import bars
from n2v.tasks.metrics import reconstruction_summary
from n2v.tasks.read import reader_measures, real_table
from n2v.zoo.shipped import open_zoo, real_zoo
from n2v.zoo.store import Zoo

NERF2VEC = data_folder() / SHIPPED["asking"]
N_COMPONENTS, N_REAL = 256, 52
BLOCKS = {SHIPPED["asking"]: "counts", SHIPPED["aligned"]: "aligned"}  # of the card
RULES = {"split": "corrected", "split_novel": "novel"}
CARD = Path(__file__).parents[1] / "data_cards" / "nerf2vec.md"


def measure(run: Path, zoo: Zoo) -> dict:
    """Everything the card states: the test split of a collection, and real objects, which nothing was trained on."""
    model, train, test = load_model(run), zoo.indices("train"), zoo.indices("test")
    losers, real = Losers(zoo, train, N_COMPONENTS), real_zoo()
    rows = compare_reconstructions({"nerf2vec": model}, zoo, test, Turntable(), losers, refine=STEPS)
    shown = some_of(real, None, N_REAL)
    others = compare_reconstructions(
        {"nerf2vec": model}, real, shown, Turntable(), Losers(zoo, train, N_COMPONENTS, real), refine=STEPS
    )
    readers, refined = {}, "embeddings, refined"
    vectors = {"embeddings": embed_zoo(model, zoo).values, refined: embed_zoo(model, zoo, refine=STEPS).values}
    for rule in ("split", "split_novel"):
        splits = np.array([getattr(row, rule) for row in zoo.rows])
        known, asked = (np.flatnonzero(splits == part) for part in ("train", "test"))
        readers[RULES[rule]] = reader_measures({**vectors, **bars(zoo, model=model)}, zoo, known, asked)
    table: dict[str, dict] = {}
    of_real = {"embeddings": embed_zoo(model, real).values, refined: embed_zoo(model, real, refine=STEPS).values}
    for row in real_table(real, of_real):
        table.setdefault(row["features"], {})[row["measure"].lower().replace("@", "_at_").replace(" ", "_")] = row[
            "value"
        ]
    return {
        "test": zoo.folder.name,
        "n": len(test),
        "n_real": len(shown),
        "reconstruction": reconstruction_summary(rows),
        "real": reconstruction_summary([{**row, "split": "real"} for row in others]),
        "readers": readers | {"real": {kind: found for kind, found in table.items() if "linear_probe" in found}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--collection", help="what it was trained on, in words; needed to pack a run")
    parser.add_argument("--test", type=Path, default=None, help="collection to measure on")
    parser.add_argument("--out", type=Path, default=NERF2VEC)
    options = parser.parse_args()
    test = open_zoo(options.test or "mini_zoo")
    if options.run.resolve().parent == data_folder().resolve():
        options.out = options.run
        write_json(options.out / RECORD, read_json(options.out / RECORD) | {"measures": measure(options.out, test)})
    elif not options.collection:
        raise BadInput("no collection", where="--collection", fix="say what it was trained on")
    else:
        with tempfile.TemporaryDirectory() as folder:
            pack_run(options.run, folder, options.collection, {})
            measures = measure(Path(folder), test)
        print(pack_run(options.run, options.out, options.collection, measures))
    if options.out.name in BLOCKS:
        write_block(CARD, BLOCKS[options.out.name], shipped_table(options.out))


if __name__ == "__main__":
    main()
