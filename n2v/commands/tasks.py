"""`n2v classify`, `retrieve`, `interpolate`, `generate`: the thesis's tasks on embeddings; and `n2v benchmark`."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from tyro.conf import Positional, arg

from n2v.commands.output import Force, refuse_used
from n2v.errors import BadInput
from n2v.scenes.classes import class_of, names_of

EmbeddingsFile = Annotated[
    Positional[Path],
    arg(metavar="EMBEDDINGS", help="file of embeddings, from: n2v embed; or published ones: a .h5 file or a folder"),
]
RunFolder = Annotated[Positional[Path], arg(metavar="RUN", help="run folder of a trained nerf2vec, from: n2v train")]
ZooFolder = Annotated[Positional[Path], arg(metavar="ZOO", help="zoo folder")]
Out = Annotated[Path, arg(help="folder for tables (.csv) and figures (.png)")]


def _features(embeddings, zoo: Path | None) -> dict:
    """Embeddings, and with a zoo the raw weights of the same objects."""
    from n2v.zoo.store import Zoo

    kinds = {"embeddings": embeddings.values}
    if zoo is not None:
        collection = Zoo(zoo)
        kinds["raw weights"] = collection.field_weights([collection.index_of(name) for name in embeddings.object_ids])
    return kinds


def _bar_rows(embeddings, zoo: Path | None, config) -> list[dict]:
    """With a zoo, the embeddings beside every bar made from its NeRFs, all by the same readers."""
    from n2v.tasks.bars import bars
    from n2v.tasks.read import read_all
    from n2v.zoo.store import Zoo

    if zoo is None:
        return []
    collection = Zoo(zoo)
    order, kinds = np.array([collection.index_of(name) for name in embeddings.object_ids]), {}
    for name, vectors in bars(collection).items():
        kinds[name] = lambda train, vectors=vectors: vectors(order[train])[order]
    kinds = {"embeddings": embeddings.values, **kinds}
    return read_all(kinds, embeddings.labels, _families(embeddings), _parts(embeddings), config)


def _parts(embeddings):
    train, test = embeddings.of_split("train"), embeddings.of_split("test")
    if not len(train) or not len(test):
        raise BadInput(
            f"{len(train)} train and {len(test)} test objects", fix="fit a zoo with three or more groups a class"
        )
    return train, test


def _families(embeddings) -> list[str]:
    """Each object's family: its versions and recolours, which are no independent evidence."""
    from n2v.zoo.splits import groups

    return groups(embeddings.objects)


def classify(
    embeddings: EmbeddingsFile,
    out: Out,
    zoo: Annotated[Path | None, arg(help="also read raw weights and every bar of this zoo")] = None,
    seeds: Annotated[int, arg(help="repetitions of each head")] = 3,
    epochs: Annotated[int, arg(help="training epochs of the head")] = 150,
    mix: Annotated[bool, arg(help="also train the head on mixtures of two objects of a class, as the authors")] = False,
    force: Force = False,
) -> dict:
    """Classify embeddings (thesis Table 4.1): head, linear probe, nearest neighbours, shuffled labels.

    Example: n2v classify embeddings.safetensors --out classified
    """
    from sklearn.metrics import confusion_matrix

    from n2v.embed.embeddings import Embeddings
    from n2v.lessons.classification import plot_accuracy, plot_confusion
    from n2v.publish.record import Recorder
    from n2v.tasks.classify import by_class, compare
    from n2v.tasks.head import HeadConfig

    refuse_used(out, force=force)
    if seeds < 1 or epochs < 1:
        raise BadInput(f"{seeds} seeds and {epochs} epochs", fix="use at least 1 of each")
    loaded = Embeddings.load(embeddings)
    train, test = _parts(loaded)
    config, kinds = HeadConfig(n_epochs=epochs, mix_same_class=mix), _features(loaded, zoo)
    rows, heads = compare(kinds, loaded.labels, train, test, config, tuple(range(seeds)), _families(loaded))
    labels, predicted = loaded.labels[test], heads["embeddings"][0]
    names = names_of(loaded.labels, loaded.class_names)
    confusions = plot_confusion(confusion_matrix(labels, predicted, labels=range(len(names))), names=names)
    record = Recorder(out, "classify")
    note = "Accuracy on the test split of the corrected rule; intervals: low/high by item, low_objects/high_objects by "
    record.table("table-4.1", rows, note + "object with all its versions and recolours.")
    record.table(
        "extra-per-class", by_class(labels, predicted, names), "The head on embeddings, class by class (first seed)."
    )
    if heights := _bar_rows(loaded, zoo, HeadConfig(n_epochs=epochs)):
        record.table("extra-bars", heights, "Bars that an embedding has to clear; lead: that of embeddings.")
    record.figure("extra-accuracy", plot_accuracy(rows), "Accuracy by features and reader.")
    record.figure("extra-confusion", confusions, "Confusions of the head on embeddings.")
    return {"out": str(out), "rows": rows}


def retrieve(
    embeddings: EmbeddingsFile,
    out: Out,
    zoo: Annotated[Path | None, arg(help="also read raw weights and every bar of this zoo")] = None,
    k: Annotated[tuple[int, ...], arg(help="neighbours looked at")] = (1, 5, 10),
    metric: Annotated[Literal["euclidean", "cosine"], arg(help="distance between features")] = "euclidean",
    force: Force = False,
) -> dict:
    """Retrieve by nearest neighbours (thesis Table 4.3): hit@k, precision@k, mAP@k, mAP, beside chance.

    Example: n2v retrieve embeddings.safetensors --out retrieved
    """
    from n2v.embed.embeddings import Embeddings
    from n2v.lessons.retrieval import plot_retrieval
    from n2v.publish.record import Recorder
    from n2v.tasks.retrieve import as_published, corrected

    refuse_used(out, force=force)
    if min(k) < 1:
        raise BadInput(f"k = {min(k)}", where="--k", fix="use k of at least 1")
    loaded = Embeddings.load(embeddings)
    train, test = _parts(loaded)
    rows, tables, families = [], {}, _families(loaded)
    for name, features in _features(loaded, zoo).items():
        tables[name] = corrected(features, loaded.labels, test, train, k, families, metric)
        published = as_published(features, loaded.labels, test, k, families, metric)
        for protocol, found in (("corrected", tables[name]), ("as published", published)):
            rows += [{"features": name, "protocol": protocol, **row} for row in found]
    record = Recorder(out, "retrieve")
    record.table(
        "table-4.3",
        rows,
        "Corrected: test objects look among training objects. As published: among test, own versions too.",
    )
    if heights := _bar_rows(loaded, zoo, None):
        record.table("extra-bars", heights, "Bars that an embedding has to clear; lead: that of embeddings.")
    record.figure("extra-retrieval", plot_retrieval(tables), "Retrieval, corrected protocol.")
    return {"out": str(out), "rows": rows}


def interpolate(
    run: RunFolder,
    zoo: ZooFolder,
    first: Annotated[Positional[str], arg(metavar="FROM", help="object id")],
    second: Annotated[Positional[str], arg(metavar="TO", help="object id")],
    out: Out,
    size: Annotated[int, arg(help="side of a picture in pixels")] = 96,
    way: Annotated[Literal["linear", "spherical"], arg(help="straight line, or great circle")] = "linear",
    force: Force = False,
) -> dict:
    """Pictures between two objects (thesis Fig 4.3, 4.4): embeddings above, raw weights below; and both as a GIF.

    Example: n2v interpolate data/nerf2vec data/mini_zoo chair-0000 table-0000 --out between
    """
    from n2v.embed.model import load_model
    from n2v.lessons.drawing.pictures import sheet, write_gif
    from n2v.publish.record import Recorder
    from n2v.tasks.interpolate import GAMMAS, interpolation_strips
    from n2v.zoo.store import Zoo

    refuse_used(out, force=force)
    if not 8 <= size <= 2048:
        raise BadInput(f"{size} px", where="--size", fix="use 8 to 2048 px")
    if first == second:
        raise BadInput(f"'{first}' twice", fix="use two different objects")
    collection = Zoo(zoo)
    pair = collection.index_of(first), collection.index_of(second)
    strips, numbers = interpolation_strips(load_model(run), collection, pair, size, way)
    record = Recorder(out, "interpolate")
    titles = [first, *(f"{gamma:g}" for gamma in GAMMAS), second]
    figure = sheet([list(strip.numpy()) for strip in strips.values()], list(strips), titles)
    record.figure("fig-4.4", figure, "Interpolation in embedding space and in weight space; columns: gamma.")
    record.table("extra-interpolation", numbers, "Unevenness of the steps, and the middle relative to its ends.")
    for space, name in (("embeddings", "interpolation.gif"), ("raw weights", "interpolation-raw-weights.gif")):
        there = list(strips[space].numpy())
        write_gif(there + there[-2:0:-1], out / name)
    return {"out": str(out), "rows": numbers}


def generate(
    run: RunFolder,
    embeddings: EmbeddingsFile,
    class_name: Annotated[str, arg(help="class to generate")],
    out: Out,
    n: Annotated[int, arg(help="samples shown")] = 8,
    steps: Annotated[int, arg(help="training steps of the generator")] = 2000,
    seed: Annotated[int, arg(help="seed of training and samples")] = 0,
    method: Annotated[Literal["gan", "flow"], arg(help="Latent-GAN (thesis), or flow matching")] = "gan",
    final_relu: Annotated[bool, arg(help="end the GAN's generator in a ReLU, as the authors do")] = False,
    force: Force = False,
) -> dict:
    """Learn to make embeddings of one class; show samples beside their nearest training object, and measure them.

    Example: n2v generate data/nerf2vec embeddings.safetensors --class-name chair --out made
    """
    from n2v.embed.embeddings import Embeddings
    from n2v.embed.model import load_model
    from n2v.lessons.drawing.pictures import sheet
    from n2v.publish.record import Recorder
    from n2v.tasks.generate import FlowConfig, GanConfig, train_flow, train_latent_gan
    from n2v.tasks.generation_measures import judge
    from n2v.tasks.interpolate import decoded_pictures
    from n2v.tasks.retrieve import distances

    refuse_used(out, force=force)
    if n < 1 or steps < 1:
        raise BadInput(f"{n} samples and {steps} steps", fix="use at least 1 of each")
    if final_relu and method == "flow":
        raise BadInput("flow matching has no final ReLU", where="--final-relu", fix="leave it out, or use --method gan")
    loaded, model = Embeddings.load(embeddings), load_model(run)
    width, needed = loaded.values.shape[1], model.config.encoder.embedding
    if width != needed:
        fix = f"embed again with: n2v embed {run} ZOO --out FILE"
        raise BadInput(f"embeddings of {width} numbers, but {run} decodes {needed}", where=embeddings, fix=fix)
    members = [name == class_of(class_name) for name in loaded.class_names]
    if not any(members):
        fix = f"use one of: {', '.join(dict.fromkeys(loaded.class_names))}"
        raise BadInput(f"no object of class '{class_name}'", where=embeddings, fix=fix)
    train = loaded.values[[i for i in loaded.of_split("train") if members[i]]]
    rest = [i for i in range(len(loaded)) if members[i] and loaded.splits[i] != "train"]
    if not rest:
        raise BadInput(f"no held-out object of class '{class_name}'", where=embeddings, fix="use a larger collection")
    if method == "flow":
        maker = train_flow(train, FlowConfig(n_steps=steps), seed)
    else:
        maker = train_latent_gan(train, GanConfig(n_steps=steps, final_relu=final_relu), seed)
    row = {
        "class_name": class_name,
        "method": method,
        "n_train": len(train),
        **judge(maker.sample(len(train), seed), train, loaded.values[rest]),
    }
    made = maker.sample(n, seed + 1)
    nearest = train[distances(made, train).argmin(1)]
    pictures = [list(decoded_pictures(model, made)), list(decoded_pictures(model, nearest))]
    record = Recorder(out, "generate")
    record.figure("fig-4.7", sheet(pictures, ["made", "nearest\ntraining"]), "Generated embeddings, decoded.")
    record.table(
        "extra-generation", [row], "mmd and the yardstick of novelty: held-out embeddings; the rest: training ones."
    )
    return {"out": str(out), "rows": [row]}


def benchmark(
    entry: Annotated[Positional[str], arg(metavar="ENTRY", help="ENTRY.py, a nerf2vec's folder, or a built-in name")],
    out: Out,
    tracks: Annotated[tuple[str, ...], arg(help="shared, renumbered, 'random start', novel, real")] = (),
    runs: Annotated[int, arg(help="repetitions, for prediction intervals")] = 1,
    on: Annotated[Literal["test", "val"], arg(help="val: to choose on; test: once, for the table")] = "test",
    weights_alone: Annotated[bool, arg(help="give the entry no occupancy")] = False,
    random_starts: Annotated[int, arg(help="NeRFs fitted again from random starts, about a second each")] = 507,
    minutes: Annotated[float, arg(help="limit of the entry's own work in a run")] = 30,
    resume: Annotated[bool, arg(help="go on with what is at --out")] = False,
) -> dict:
    """Enter a benchmark of vectors made from NeRF weights (docs/benchmark.md): benchmark.csv and benchmark.png.

    Example: n2v benchmark data/nerf2vec --out benchmarked --tracks shared real
    """
    from n2v.lessons.drawing.benchmark import write_benchmark
    from n2v.tasks.benchmark import TRACKS, Settings
    from n2v.tasks.benchmark import benchmark as run_benchmark

    refuse_used(out, resume=resume)
    if runs < 1 or minutes <= 0 or random_starts < 1:
        said = f"{runs} runs, {minutes:g} minutes, {random_starts} random starts"
        raise BadInput(said, fix="use more than 0 of each")
    settings = Settings(on, weights_alone, random_starts)
    rows = run_benchmark([entry], out / "work", tracks or TRACKS, runs, settings, minutes)
    write_benchmark(rows, out)
    brief = ("entry", "track", "measure", "value", "low", "high")
    return {"out": str(out), "rows": [{name: row.get(name) for name in brief} for row in rows]}
