"""`n2v classify`, `retrieve`, `interpolate`, `generate`: the thesis's tasks on embeddings; and `n2v benchmark`."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from tyro.conf import Positional, arg

from n2v.commands.output import Force, at_least, refuse_used
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


def _bar_table(record, embeddings, zoo: Path | None, head) -> None:
    """With a zoo, the embeddings beside every bar made from its NeRFs, all by the same readers."""
    from n2v.tasks.bars import bars
    from n2v.tasks.read import read_all
    from n2v.zoo.store import Zoo

    if zoo is None:
        return
    collection = Zoo(zoo)
    order, kinds = np.array([collection.index_of(name) for name in embeddings.object_ids]), {}
    for name, vectors in bars(collection).items():
        kinds[name] = lambda train, vectors=vectors: vectors(order[train])[order]
    kinds = {"embeddings": embeddings.values, **kinds}
    rows = read_all(kinds, embeddings.labels, _families(embeddings), _parts(embeddings), head)
    record.table("extra-bars", rows, "Bars that an embedding has to clear; lead: that of embeddings.")


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
    from n2v.lessons.classification import plot_confusion
    from n2v.lessons.drawing.charts import dot_chart
    from n2v.publish.record import Recorder
    from n2v.tasks.classify import by_class
    from n2v.tasks.head import HeadConfig, train_head
    from n2v.tasks.read import ask, read_all, summary

    refuse_used(out, force=force)
    at_least(1, seeds=seeds, epochs=epochs)
    loaded, config, each = Embeddings.load(embeddings), HeadConfig(n_epochs=epochs, mix_same_class=mix), range(seeds)
    (train, test), families, labels = _parts(loaded), _families(loaded), loaded.labels
    rows = read_all(_features(loaded, zoo), labels, families, (train, test), config, tuple(each))
    shuffled = labels.copy()
    shuffled[train] = np.random.default_rng(0).permutation(labels[train])
    control = [ask(loaded.values, shuffled, families, (train, test), config, seed) for seed in each]
    tested = [families[i] for i in test]
    rows += [{"features": "embeddings, shuffled labels", **row} for row in summary(control, tested)]
    predicted = train_head(loaded.values[train], labels[train], config).predict(loaded.values[test])
    names = names_of(labels, loaded.class_names)
    confusions = plot_confusion(confusion_matrix(labels[test], predicted, labels=range(len(names))), names=names)
    record = Recorder(out, "classify")
    note = "Shares right on the test split of the corrected rule; low, high: by object with all versions and recolours."
    record.table("table-4.1", rows, note)
    note = "The head on embeddings, class by class (first seed)."
    record.table("extra-per-class", by_class(labels[test], predicted, names), note)
    _bar_table(record, loaded, zoo, HeadConfig(n_epochs=epochs))
    record.figure("extra-accuracy", dot_chart(rows, "features", "measure").figure, "Accuracy by features and reader.")
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
    from n2v.lessons.drawing.charts import bar_chart
    from n2v.publish.record import Recorder
    from n2v.tasks.retrieve import as_published, corrected

    refuse_used(out, force=force)
    at_least(1, k=min(k))
    loaded = Embeddings.load(embeddings)
    train, test = _parts(loaded)
    rows, families = [], _families(loaded)
    for name, features in _features(loaded, zoo).items():
        found = corrected(features, loaded.labels, test, train, k, families, metric)
        published = as_published(features, loaded.labels, test, k, families, metric)
        for protocol, measured in (("corrected", found), ("as published", published)):
            rows += [{"features": name, "protocol": protocol, **row} for row in measured]
    record = Recorder(out, "retrieve")
    record.table(
        "table-4.3",
        rows,
        "Corrected: test objects look among training objects. As published: among test, own versions too.",
    )
    _bar_table(record, loaded, zoo, None)
    axis = bar_chart([row for row in rows if row["protocol"] == "corrected"], "measure", "features")
    record.figure("extra-retrieval", axis.figure, "Retrieval, corrected protocol.")
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
    at_least(1, n=n, steps=steps)
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
    pictures = [list(decoded_pictures(model, some).numpy()) for some in (made, nearest)]
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
