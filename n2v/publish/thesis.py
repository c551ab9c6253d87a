"""Every figure and table of the thesis, in order: what it shows, its own numbers, and where ours is made."""

import re
from dataclasses import dataclass, field

from n2v.errors import BadInput
from n2v.scenes.classes import FREQUENCIES


@dataclass(frozen=True)
class ThesisItem:
    """One figure, table or stated measurement.

    `values` are the thesis's own, by row name; `needs` is what all of its rows take: "cpu", "gpu" or "weights file".
    """

    item_id: str
    title: str
    notebook: str  # two digits
    shows: str
    values: dict[str, str] = field(default_factory=dict)
    needs: str = "cpu"

    @property
    def is_diagram(self) -> bool:
        """Drawn, not measured."""
        return self.item_id in DIAGRAMS


DIAGRAMS = {"fig-1.1", "fig-2.1", *(f"fig-3.{i}" for i in range(2, 8)), "fig-4.2", "fig-4.6"}
ITEMS: tuple[ThesisItem, ...] = (
    ThesisItem("fig-1.1", "Figure 1.1", "04", "The framework: NeRF weights, encoder, embedding, decoder, tasks."),
    ThesisItem("fig-2.1", "Figure 2.1", "02", "The NeRF pipeline: rays, samples, field, compositing, loss."),
    ThesisItem(
        "table-3.1", "Table 3.1", "01", "Objects of each class.",
        {name: str(count) for name, count in FREQUENCIES.items()}
        | {"total": "33,296 in the text; the rows sum to 39,666"},
    ),
    ThesisItem("fig-3.1", "Figure 3.1", "01", "An object and its two augmented versions."),
    ThesisItem("fig-3.2", "Figure 3.2", "02", "The two blocks: linear-ReLU, linear-norm-ReLU."),
    ThesisItem("fig-3.3", "Figure 3.3", "02", "The NeRF's network: 24 octaves, 64 wide, 4 outputs."),
    ThesisItem("fig-3.4", "Figure 3.4", "04", "The encoder."),
    ThesisItem("fig-3.5", "Figure 3.5", "04", "How weights become the encoder's 336 x 64 input."),
    ThesisItem("fig-3.6", "Figure 3.6", "04", "The decoder's input: embedding and encoded coordinate."),
    ThesisItem("fig-3.7", "Figure 3.7", "04", "The decoder."),
    ThesisItem(
        "fig-4.1", "Figure 4.1", "05", "NeRF renders beside their reconstructions.",
        {"PSNR, train": "about 30 dB", "PSNR, validation": "about 25 dB"},
    ),
    ThesisItem("fig-4.2", "Figure 4.2", "06", "The classifier."),
    ThesisItem(
        "table-4.1", "Table 4.1", "06", "Classification accuracy.",
        {
            "nerf2vec": "87.28 %", "NeRF weights": "84.53 %", "ResNet50, 1 view, pretrained": "94.12 %",
            "ResNet50, 1 view, from scratch": "86.88 %", "ResNet50, 9 views, from scratch": "93.28 %",
        },
        needs="weights file",
    ),
    ThesisItem(
        "table-4.2", "Table 4.2", "06", "Time to encode and to infer, one object.",
        {"nerf2vec": "0.75 + 0.28 ms", "render, then ResNet50": "4.63 + 6.21 ms"}, needs="gpu",
    ),
    ThesisItem("fig-4.3", "Figure 4.3", "07", "Interpolation between two embeddings."),
    ThesisItem("fig-4.4", "Figure 4.4", "07", "The same against interpolated NeRF weights."),
    ThesisItem(
        "table-4.3", "Table 4.3", "08", "Retrieval; printed as mAP@k, computed as hit@k.",
        {
            "nerf2vec": "72.38 / 91.89 / 95.96 at 1, 5, 10", "1 view": "74.65 / 91.52 / 95.10",
            "9 views": "82.74 / 91.66 / 93.79",
        },
    ),
    ThesisItem("fig-4.5", "Figure 4.5", "08", "Queries and their four nearest neighbours."),
    ThesisItem("fig-4.6", "Figure 4.6", "09", "The Latent-GAN."),
    ThesisItem("fig-4.7", "Figure 4.7", "09", "Generated NeRFs, one GAN a class."),
    ThesisItem(
        "fig-a.1", "Figure A.1", "02", "PSNR and fitting time against width, identity and frequency encoding.",
        {"64 wide, frequency": "34.5 dB"}, needs="gpu",
    ),
    ThesisItem("fig-a.2", "Figure A.2", "02", "Renders for those widths and encodings."),
    ThesisItem(
        "app-b.2", "Appendix B.2", "04", "Mixed precision: memory and speed.", {"stated": "hugely reduced memory"},
        needs="gpu",
    ),
    ThesisItem(
        "app-b.3-fit", "Appendix B.3, one NeRF", "03", "Time to fit one NeRF.",
        {"RTX 3090": "12 s, 1500 to 2000 steps"},
    ),
    ThesisItem(
        "app-b.3-epoch", "Appendix B.3, one epoch", "04", "Time of one nerf2vec epoch.",
        {"RTX 3090": "58 min, about 90,000 NeRFs"},
    ),
    ThesisItem(
        "fig-c.1", "Figure C.1", "06", "Accuracy when first and last layer are left out.", {"direction": "lower"},
    ),
)  # fmt: skip
BY_ID = {item.item_id: item for item in ITEMS}


def check_item(item_id: str) -> None:
    """Refuse an id that is neither the thesis's nor marked as extra."""
    if item_id not in BY_ID and not item_id.startswith("extra-"):
        raise BadInput(
            f"unknown item '{item_id}'", fix="use an id of n2v.publish.thesis.ITEMS, or one that begins with extra-"
        )
    if not re.fullmatch(r"[a-z0-9.-]+", item_id):
        raise BadInput(f"item '{item_id}' cannot name a file", fix="use a to z, digits, dots and hyphens")
