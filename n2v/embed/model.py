"""nerf2vec: encoder and decoder together, and their checkpoint on disk."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from n2v.embed.asking import AskingEncoder
from n2v.embed.decoder import DecodedField, DecoderConfig, make_decoder
from n2v.embed.embeddings import Embeddings, embed_zoo
from n2v.embed.encoder import EncoderConfig, make_encoder
from n2v.embed.refine import refined
from n2v.errors import BadInput
from n2v.files import atomic_path, data_folder, git_commit, plain_file, read_json, write_json
from n2v.nerf.nerf import Nerf
from n2v.zoo.store import Zoo

WEIGHTS, CONFIG, RECORD = "model.safetensors", "model.json", "run.json"
LARGEST = 4096  # width of a layer that a configuration may name although no stored matrix has it


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of encoder and decoder; defaults: the thesis."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    @classmethod
    def laptop(cls, kind: str = "rows") -> "ModelConfig":
        """A quarter of the thesis's widths and ten octaves: minutes on two cores."""
        encoder = EncoderConfig(kind, widths=(128, 128, 256, 256), embedding=256, noise=0.1)
        return cls(encoder, DecoderConfig(hidden=256, n_octaves=10))


class Nerf2Vec(nn.Module):
    """NeRF weights to embedding to field."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.encoder)
        self.decoder = make_decoder(config.encoder, config.decoder, getattr(self.encoder, "front", None))

    def encode(self, field_weights: Float[torch.Tensor, "b w"], encoding: str = "exact") -> Float[torch.Tensor, "b e"]:
        """Embeddings of b NeRFs; `encoding` (n2v.nerf.encoding) matters to an encoder that asks them."""
        return self.encoder(self.inputs(field_weights, encoding))

    def inputs(self, field_weights: Float[torch.Tensor, "b w"], encoding: str = "exact") -> torch.Tensor:
        """What the encoder reads of b NeRFs: their weights, or their answers."""
        asks = isinstance(self.encoder, AskingEncoder)
        return self.encoder.inputs(field_weights, encoding) if asks else field_weights

    @torch.no_grad()
    def embed(self, what: Nerf | Zoo, refine: int = 0) -> Float[np.ndarray, "e"] | Embeddings:
        """The embedding of one NeRF, or those of a whole zoo with what its manifest says of each.

        `refine`: steps of descent on what the decoder shows of it (n2v.embed.refine): sharper, at 12 ms a step.

        >>> n2v.load().embed(n2v.mini_zoo()["chair-0000"]).shape
        (1024,)
        """
        if isinstance(what, Nerf):
            found = self.encode(what.field_weights[None], what.encoding)
            return refined(self, [what], found, refine)[0].numpy()
        return embed_zoo(self, what, refine=refine)

    def decode(self, embedding: Float[np.ndarray, "e"] | Float[torch.Tensor, "e"], **options) -> DecodedField:
        """The field that an embedding describes, on the CPU; `options`: see DecodedField."""
        return DecodedField(self.decoder, embedding, **options)

    def forward(
        self, inputs: torch.Tensor, positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"], Float[torch.Tensor, "b s"]]:
        """Densities, colours, and the shared part of the embeddings they were decoded from.

        Args:
            inputs: What `inputs` gives, while training perhaps altered.
            positions: Scene units.
        """
        embedding = self.encoder(inputs)
        return *self.decoder(embedding, positions), embedding[:, : self.config.encoder.n_shared]


def save_model(model: Nerf2Vec, folder: Path) -> None:
    """Write weights and configuration, each whole or not at all."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic_path(Path(folder) / WEIGHTS) as temporary:
        save_file(state, temporary)
    write_json(Path(folder) / CONFIG, asdict(model.config))


def load_model(folder: Path) -> Nerf2Vec:
    """Read a trained nerf2vec, in evaluation mode."""
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        raise BadInput("no trained nerf2vec here", where=folder, fix="make one with: n2v train ZOO --out RUN")
    values = read_json(folder / CONFIG)
    try:
        state = {name: value.float() for name, value in load_file(plain_file(folder / WEIGHTS)).items()}
    except (SafetensorError, OSError) as error:
        raise BadInput(f"broken checkpoint ({error})", where=folder / WEIGHTS, fix="train again") from None
    try:
        numbers = [*values["encoder"].values(), *values["encoder"]["widths"], *values["decoder"].values()]
        largest = max([LARGEST, *(n for value in state.values() for n in value.shape)])
        if any(isinstance(n, int) and not 0 <= n <= largest for n in numbers):  # it would take all memory to find out
            raise ValueError(f"a number that is negative or over {largest}")
        encoder = EncoderConfig(**{**values["encoder"], "widths": tuple(values["encoder"]["widths"])})
        model = Nerf2Vec(ModelConfig(encoder, DecoderConfig(**values["decoder"])))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"not a nerf2vec configuration ({reason})", where=folder / CONFIG, fix="train again") from None
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"broken checkpoint ({reason})", where=folder / WEIGHTS, fix="train again") from None
    return model.eval()


SHIPPED = {"asking": "nerf2vec", "aligned": "nerf2vec_aligned"}  # any NeRF; NeRFs of the shared initial vector
LIMIT_BYTES = 12_000_000  # of the packed weights


def shipped_run(name: str = "asking") -> Path:
    """Folder of a trained nerf2vec (data_cards/nerf2vec.md).

    Raises:
        BadInput: no such model, or it is not here.
    """
    if name not in SHIPPED:
        raise BadInput(f"no shipped nerf2vec '{name}'", fix=f"use one of: {', '.join(SHIPPED)}, or a run folder")
    folder = data_folder() / SHIPPED[name]
    if not (folder / WEIGHTS).is_file():
        raise BadInput("the trained nerf2vec is not here", where=folder, fix="train one: n2v train ZOO --out RUN")
    return folder


def load(run: Path | str = "asking") -> Nerf2Vec:
    """A trained nerf2vec: of a run folder, or one that comes with the project.

    "asking" embeds NeRFs of any start, order of neurons and encoding; "aligned" reads weights and needs the shared
    initial vector.

    >>> model, zoo = n2v.load(), n2v.mini_zoo()
    >>> z = model.embed(zoo["chair-0000"])
    >>> model.decode(z).render(azimuth=30, size_px=32).shape
    (32, 32, 3)
    """
    return load_model(shipped_run(run) if run in SHIPPED else Path(run))


def pack_run(run: Path, out: Path, collection: str, measures: dict) -> dict:
    """Copy a trained run into its shipped form: float16 weights, configuration, and a record of how it came about.

    Args:
        run: Folder left by n2v.embed.train.
        out: Folder to make or to replace the model of.
        collection: What it was trained on, in words.
        measures: What was measured of it; stored as it is.

    Returns:
        out, bytes, and parameters.

    Raises:
        BadInput: not a trained run, weights beyond float16, or more than LIMIT_BYTES.
    """
    run, out = Path(run), Path(out)
    load_model(run)  # refuses what is broken
    record = read_json(run / RECORD)
    try:
        state = load_file(run / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"broken checkpoint ({error})", where=run / WEIGHTS, fix="train again") from None
    packed = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    for name, value in packed.items():
        if not torch.isfinite(value).all():
            raise BadInput(f"{name} is not finite in float16", where=run / WEIGHTS, fix="train again")
    n_bytes = sum(value.numel() * value.element_size() for value in packed.values())
    if n_bytes > LIMIT_BYTES:
        fix = "use fewer components, or fewer octaves (EncoderConfig)"
        raise BadInput(f"{n_bytes:,} bytes, more than {LIMIT_BYTES:,}", where=run / WEIGHTS, fix=fix)
    with atomic_path(out / WEIGHTS) as temporary:
        save_file(packed, temporary)
    write_json(out / CONFIG, read_json(run / CONFIG))
    kept = {"collection": collection, "trained": record, "measures": measures, "packed_by": git_commit()}
    write_json(out / RECORD, {**kept, "bytes": n_bytes})
    return {"out": str(out), "bytes": n_bytes, "parameters": record["n_parameters"]}
