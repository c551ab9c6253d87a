"""`n2v classify`, `retrieve`, `interpolate`, `generate`: the thesis's tasks on embeddings; and `n2v benchmark`."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from n2v.commands.output import Force, at_least, refuse_used
from n2v.errors import BadInput
from n2v.scenes.classes import class_of, names_of

EmbeddingsFile = Annotated[
    Path, "EMBEDDINGS", "file of embeddings, from: n2v embed; or published ones: a .h5 file or a folder"
]
RunFolder = Annotated[Path, "RUN", "run folder of a trained nerf2vec, from: n2v train"]
ZooFolder = Annotated[Path, "ZOO", "zoo folder"]
Out = Annotated[Path, "folder for tables (.csv) and figures (.png)"]


def _opened(path: Path, zoo: Path | None) -> tuple:
    """Embeddings, their split, families, kinds of vectors of the same objects, and bars made from a zoo's NeRFs.

    A family is an object with its versions and recolours, which are no independent evidence.
    """
    from n2v.embed.embeddings import Embeddings
    from n2v.tasks.bars import bars
    from n2v.zoo.splits import groups
    from n2v.zoo.store import Zoo

    loaded = Embeddings.load(path)
    train, test = loaded.of_split("train"), loaded.of_split("test")
    if not len(train) or not len(test):
        fix = "fit a zoo with three or more groups a class"
        raise BadInput(f"{len(train)} train and {len(test)} test objects", fix=fix)
    kinds, hurdles = {"embeddings": loaded.values}, {}
    if zoo is not None:
        collection = Zoo(zoo)
        order = np.array([collection.index_of(name) for name in loaded.object_ids])
        kinds["raw weights"] = collection.field_weights(order)
        for name, vectors in bars(collection).items():
            hurdles[name] = lambda known, vectors=vectors: vectors(order[known])[order]
    return loaded, (train, test), groups(loaded.objects), kinds, hurdles


def _bar_table(record, loaded, split, families, hurdles: dict, head) -> None:
    """Embeddings beside every bar, all by the same readers; nothing without bars."""
    from n2v.tasks.read import read_all

    if hurdles:
        rows = read_all({"embeddings": loaded.values, **hurdles}, loaded.labels, families, split, head)
        record.table("extra-bars", rows, "Bars that an embedding has to clear; lead: that of embeddings.")


def classify(
    embeddings: EmbeddingsFile,
    out: Out,
    zoo: Annotated[Path | None, "also read raw weights and every bar of this zoo"] = None,
    seeds: Annotated[int, "repetitions of each head"] = 3,
    epochs: Annotated[int, "training epochs of the head"] = 150,
    mix: Annotated[bool, "also train the head on mixtures of two objects of a class, as the authors"] = False,
    force: Force = False,
) -> dict:
    """Classify embeddings (thesis Table 4.1): head, linear probe, nearest neighbours, shuffled labels.

    Example: n2v classify embeddings.safetensors --out classified
    """
    from sklearn.metrics import confusion_matrix

    from n2v.lessons.classification import plot_confusion
    from n2v.lessons.drawing.charts import dot_chart
    from n2v.publish.record import Recorder
    from n2v.tasks.classify import by_class
    from n2v.tasks.head import HeadConfig, train_head
    from n2v.tasks.read import ask, read_all, summary

    refuse_used(out, force=force)
    at_least(1, seeds=seeds, epochs=epochs)
    loaded, split, families, kinds, hurdles = _opened(embeddings, zoo)
    (train, test), labels = split, loaded.labels
    config, each = HeadConfig(n_epochs=epochs, mix_same_class=mix), tuple(range(seeds))
    rows, shuffled = read_all(kinds, labels, families, split, config, each), labels.copy()
    shuffled[train] = np.random.default_rng(0).permutation(labels[train])
    control = [ask(loaded.values, shuffled, families, split, config, seed) for seed in each]
    control = summary(control, np.array(families)[test])
    rows += [{"features": "embeddings, shuffled labels", **row} for row in control]
    predicted = train_head(loaded.values[train], labels[train], config).predict(loaded.values[test])
    names = names_of(labels, loaded.class_names)
    counts = confusion_matrix(labels[test], predicted, labels=range(len(names)))
    record = Recorder(out, "classify")
    note = "Shares right on the test split of the corrected rule; low, high: by object with all versions and recolours."
    record.table("table-4.1", rows, note)
    note = "The head on embeddings, class by class (first seed)."
    record.table("extra-per-class", by_class(labels[test], predicted, names), note)
    _bar_table(record, loaded, split, families, hurdles, HeadConfig(n_epochs=epochs))
    record.figure("extra-accuracy", dot_chart(rows, "features", "measure").figure, "Accuracy by features and reader.")
    record.figure("extra-confusion", plot_confusion(counts, names=names), "Confusions of the head on embeddings.")
    return {"out": str(out), "rows": rows}


def retrieve(
    embeddings: EmbeddingsFile,
    out: Out,
    zoo: Annotated[Path | None, "also read raw weights and every bar of this zoo"] = None,
    k: Annotated[tuple[int, ...], "neighbours looked at"] = (1, 5, 10),
    metric: Annotated[Literal["euclidean", "cosine"], "distance between features"] = "euclidean",
    force: Force = False,
) -> dict:
    """Retrieve by nearest neighbours (thesis Table 4.3): hit@k, precision@k, mAP@k, mAP, beside chance.

    Example: n2v retrieve embeddings.safetensors --out retrieved
    """
    from n2v.lessons.drawing.charts import bar_chart
    from n2v.publish.record import Recorder
    from n2v.tasks.retrieve import as_published, corrected

    refuse_used(out, force=force)
    at_least(1, k=min(k))
    loaded, (train, test), families, kinds, hurdles = _opened(embeddings, zoo)
    rows = []
    for name, features in kinds.items():
        found = {"corrected": corrected(features, loaded.labels, test, train, k, families, metric)}
        found["as published"] = as_published(features, loaded.labels, test, k, families, metric)
        for protocol, measured in found.items():
            rows += [{"features": name, "protocol": protocol, **row} for row in measured]
    record = Recorder(out, "retrieve")
    note = "Corrected: test objects look among training objects. As published: among test, own versions too."
    record.table("table-4.3", rows, note)
    _bar_table(record, loaded, (train, test), families, hurdles, None)
    axis = bar_chart([row for row in rows if row["protocol"] == "corrected"], "measure", "features")
    record.figure("extra-retrieval", axis.figure, "Retrieval, corrected protocol.")
    return {"out": str(out), "rows": rows}


def interpolate(
    run: RunFolder,
    zoo: ZooFolder,
    first: Annotated[str, "FROM", "object id"],
    second: Annotated[str, "TO", "object id"],
    out: Out,
    size: Annotated[int, "side of a picture in pixels"] = 96,
    way: Annotated[Literal["linear", "spherical"], "straight line, or great circle"] = "linear",
    force: Force = False,
) -> dict:
    """Pictures between two objects (thesis Fig 4.3, 4.4): embeddings above, raw weights below; and both as a GIF.

    Example: n2v interpolate data/nerf2vec data/mini_zoo chair-0000 table-0000 --out between
    """
    from n2v.embed.embeddings import embed_zoo
    from n2v.embed.model import load_model
    from n2v.lessons.drawing.pictures import sheet, write_gif
    from n2v.publish.record import Recorder
    from n2v.tasks.interpolate import GAMMAS, distance_to_real, walk_numbers, walks_between
    from n2v.zoo.store import Zoo

    refuse_used(out, force=force)
    if not 8 <= size <= 2048:
        raise BadInput(f"{size} px", where="--size", fix="use 8 to 2048 px")
    if first == second:
        raise BadInput(f"'{first}' twice", fix="use two different objects")
    collection = Zoo(zoo)
    pair = collection.index_of(first), collection.index_of(second)
    model, titles = load_model(run), [first, *(f"{gamma:g}" for gamma in GAMMAS), second]
    walks, real = walks_between(model, collection, pair, size, ways=(way,)), embed_zoo(model, collection).values
    far = distance_to_real(np.stack([walk.middle for walk in walks]), real, [pair, pair])
    numbers = [{"space": walk.space, "way": way, **walk_numbers(walk.frames)} for walk in walks]
    numbers = [{**row, "middle_to_real": float(one)} for row, one in zip(numbers, far, strict=True)]
    strips = {walk.space: list(walk.frames.numpy()) for walk in walks}
    record = Recorder(out, "interpolate")
    figure = sheet(list(strips.values()), list(strips), titles)
    record.figure("fig-4.4", figure, "Interpolation in embedding space and in weight space; columns: gamma.")
    record.table("extra-interpolation", numbers, "Unevenness of the steps, and the middle relative to its ends.")
    for space, name in (("embeddings", "interpolation.gif"), ("raw weights", "interpolation-raw-weights.gif")):
        there = strips[space]
        write_gif(there + there[-2:0:-1], out / name)
    return {"out": str(out), "rows": numbers}


def generate(
    run: RunFolder,
    embeddings: EmbeddingsFile,
    class_name: Annotated[str, "class to generate"],
    out: Out,
    n: Annotated[int, "samples shown"] = 8,
    steps: Annotated[int, "training steps of the generator"] = 2000,
    seed: Annotated[int, "seed of training and samples"] = 0,
    method: Annotated[Literal["gan", "flow"], "Latent-GAN (thesis), or flow matching"] = "gan",
    final_relu: Annotated[bool, "end the GAN's generator in a ReLU, as the authors do"] = False,
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
    at_least(1, n=n, steps=steps)
    if final_relu and method == "flow":
        raise BadInput("flow matching has no final ReLU", where="--final-relu", fix="leave it out, or use --method gan")
    loaded, model = Embeddings.load(embeddings), load_model(run)
    width, needed = loaded.values.shape[1], model.config.encoder.embedding
    if width != needed:
        fix = f"embed again with: n2v embed {run} ZOO --out FILE"
        raise BadInput(f"embeddings of {width} numbers, but {run} decodes {needed}", where=embeddings, fix=fix)
    train, rest = _members(loaded, class_name, embeddings)
    if method == "flow":
        maker = train_flow(train, FlowConfig(n_steps=steps), seed)
    else:
        maker = train_latent_gan(train, GanConfig(n_steps=steps, final_relu=final_relu), seed)
    row = {"class_name": class_name, "method": method, "n_train": len(train)}
    row |= judge(maker.sample(len(train), seed), train, rest)
    made = maker.sample(n, seed + 1)
    nearest = train[distances(made, train).argmin(1)]
    pictures = [list(decoded_pictures(model, some).numpy()) for some in (made, nearest)]
    record = Recorder(out, "generate")
    record.figure("fig-4.7", sheet(pictures, ["made", "nearest\ntraining"]), "Generated embeddings, decoded.")
    note = "mmd and the yardstick of novelty: held-out embeddings; the rest: training ones."
    record.table("extra-generation", [row], note)
    return {"out": str(out), "rows": [row]}


def _members(loaded, class_name: str, where: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of a class: those to train on, and the others."""
    wanted, splits = class_of(class_name), np.array(loaded.splits)
    mine = np.array([name == wanted for name in loaded.class_names])
    if not mine.any():
        fix = f"use one of: {', '.join(dict.fromkeys(loaded.class_names))}"
        raise BadInput(f"no object of class '{class_name}'", where=where, fix=fix)
    if not (mine & (splits != "train")).any():
        raise BadInput(f"no held-out object of class '{class_name}'", where=where, fix="use a larger collection")
    return loaded.values[mine & (splits == "train")], loaded.values[mine & (splits != "train")]


def benchmark(
    entry: Annotated[str, "ENTRY", "ENTRY.py, a nerf2vec's folder, or a built-in name"],
    out: Out,
    tracks: Annotated[tuple[str, ...], "shared, renumbered, 'random start', novel, real"] = (),
    runs: Annotated[int, "repetitions, for prediction intervals"] = 1,
    on: Annotated[Literal["test", "val"], "val: to choose on; test: once, for the table"] = "test",
    weights_alone: Annotated[bool, "give the entry no occupancy"] = False,
    random_starts: Annotated[int, "NeRFs fitted again from random starts, about a second each"] = 507,
    minutes: Annotated[float, "limit of the entry's own work in a run"] = 30,
    resume: Annotated[bool, "go on with what is at --out"] = False,
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
