"""One look for every figure: colour-blind-safe colours, a marker for each class so that grey prints work too."""

from n2v.scenes.classes import CLASSES

# Okabe and Ito's eight colours, then five of Paul Tol's muted ones; each class has a marker of its own besides
_COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#D6C400", "#0072B2", "#D55E00", "#CC79A7",
    "#000000", "#882255", "#44AA99", "#999933", "#AA4499", "#888888",
)  # fmt: skip
CLASS_COLOURS: dict[str, str] = dict(zip(CLASSES, _COLOURS, strict=True))
CLASS_MARKERS: dict[str, str] = dict(zip(CLASSES, "os^Dv<>PX*hpd", strict=True))
OURS, THEIRS, CHANCE = "#0072B2", "#E69F00", "#888888"


def apply_style() -> None:
    """Set matplotlib's defaults for a notebook or command."""
    import matplotlib as mpl

    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": 130,
            "savefig.bbox": "tight",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "axes.prop_cycle": mpl.cycler(color=_COLOURS[:7]),
        }
    )
