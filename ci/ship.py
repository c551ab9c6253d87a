"""Train a nerf2vec on a large collection, measure it on held-out NeRFs, pack it into data/nerf2vec, write its card.

    python ci/ship.py RUN --collection "1,170 procedural NeRFs, seed 7" [--train-on LARGE --minutes 45]
                      [--test data/mini_zoo] [--out data/nerf2vec]

Trained on all of LARGE (none of it is measured on) and on the train split of the other collection; that one's val split
watches. Without --train-on, RUN is there already. Stopped, training goes on where it was. The budget is CPU time.

Measured on the packed (float16) model: reconstruction of the test split beside what must lose, and readers trained on
the embeddings of the collection's train split.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from joined import write_joined

from n2v import profiles
from n2v.embed.compare import Losers, compare_reconstructions
from n2v.embed.embeddings import embed_zoo
from n2v.embed.model import load_model
from n2v.embed.shipped import NERF2VEC, pack_run
from n2v.embed.train import train
from n2v.nerf.nerf import Turntable
from n2v.publish.data_cards import shipped_table, write_block
from n2v.tasks.encoders import raw_measures, reader_measures, reconstruction_summary
from n2v.zoo.shipped import open_zoo
from n2v.zoo.store import Zoo

CARD = Path(__file__).parents[1] / "data_cards" / "nerf2vec.md"


def measure(run: Path, zoo: Zoo, name: str) -> dict:
    """Everything the card states, on the test split of a collection."""
    model, train, test = load_model(run), zoo.indices("train"), zoo.indices("test")
    losers = Losers(zoo, train, model.config.encoder.embedding)
    rows = compare_reconstructions({"nerf2vec": model}, zoo, test, Turntable(), losers)
    embeddings = embed_zoo(model, zoo)
    return {
        "test": name,
        "n": len(test),
        "reconstruction": reconstruction_summary(rows),
        "readers": reader_measures(embeddings.values, embeddings.labels, embeddings.base_ids, train, test),
        "raw_weights": raw_measures(zoo, train, test),
    }


def train_on(large: Zoo, other: Zoo, minutes: float, run: Path) -> None:
    """Train our encoder on a large collection and another one's train split."""
    parts = [(large, large.indices(), "train", "large-")]
    parts += [(other, other.indices(split), split, "") for split in ("train", "val")]  # val only watches
    zoo = write_joined(run / "zoo", parts)
    size = profiles.get("laptop")
    config = replace(size.training(0, "asking"), time_budget_s=60 * minutes, clock="cpu")
    train(zoo, config, size.models["asking"], run, resume=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--collection", required=True, help="what it was trained on, in words")
    parser.add_argument("--train-on", type=Path, default=None, help="large collection to train RUN on first")
    parser.add_argument("--minutes", type=float, default=45, help="of CPU time, with --train-on")
    parser.add_argument("--test", type=Path, default=None, help="collection to measure on")
    parser.add_argument("--out", type=Path, default=NERF2VEC)
    options = parser.parse_args()
    test = open_zoo(options.test or "mini_zoo")
    if options.train_on:
        train_on(Zoo(options.train_on), test, options.minutes, options.run)
    with tempfile.TemporaryDirectory() as folder:
        pack_run(options.run, folder, options.collection, {})
        measures = measure(Path(folder), test, test.folder.name)
    print(pack_run(options.run, options.out, options.collection, measures))
    if options.out == NERF2VEC:
        write_block(CARD, "counts", shipped_table(options.out))


if __name__ == "__main__":
    main()
