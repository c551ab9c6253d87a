"""What the authors' code does when it trains nerf2vec, as switches; all off is this project's corrected protocol."""

from dataclasses import dataclass, fields

from n2v.errors import BadInput


@dataclass(frozen=True)
class Protocol:
    """One switch for each place where the published code differs from sound practice.

    Each is tested alone, most against a closed form (tests/embed/test_protocol.py). Source: the code of nerf2vec and
    nf2vec, `train_nerf2vec.py` and `nerf/utils.py`. Not repeated: the jitter of its samples along a ray.
    """

    # Targets are composited over the background twice, so whatever is semi-transparent is wrong:
    # (C + b (1 - a)) a + b (1 - a) instead of C + b (1 - a).
    composited_twice: bool = False
    # In empty space the raw density, per scene unit and without bound, is the blend factor of colour and background.
    density_as_alpha: bool = False
    # Empty points fill what rays leave of the budget; NeRFs with fewer get zeros, which count in the mean.
    padding_in_mean: bool = False
    # Beyond the budget, samples are dropped at random and the light they block is missing from the prediction, while
    # the target has it; off: whole rays are dropped.
    samples_dropped: bool = False
    # Empty points are uniform over the free cells; off: half of them lie within three cells of the object.
    empty_uniform: bool = False
    # Rays are pixels of the 36 cameras that the pictures were taken with; off: from anywhere above to occupied cells.
    stored_cameras: bool = False
    # The thesis says L1; the code's smooth L1 is half the squared error wherever errors stay below 1.
    half_squares: bool = False
    # One random background colour a batch; off: one a ray.
    one_background: bool = False
    # 501 epochs at one rate; off: the schedule of the configuration.
    constant_rate: bool = False
    # The loss is scaled by 2^10 and the scaler then left alone: gradients are never divided again, and an overflow is
    # never skipped. AdamW divides by the gradient's own size, so the factor itself changes next to nothing.
    scaler_not_stepped: bool = False

    @classmethod
    def as_published(cls) -> "Protocol":
        """Everything as the published code does it."""
        return cls(**{switch.name: True for switch in fields(cls)})


PROTOCOLS = {"corrected": Protocol, "as_published": Protocol.as_published}


def get(name: str) -> Protocol:
    """A protocol by name."""
    if name not in PROTOCOLS:
        raise BadInput(f"unknown protocol '{name}'", fix=f"use one of: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]()
