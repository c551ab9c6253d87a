"""One look for every figure: colour-blind-safe colours, a marker for each class so that grey prints work too."""

# Okabe and Ito's eight colours, then five of Paul Tol's muted ones; each class has a marker of its own besides
_COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#D6C400", "#0072B2", "#D55E00", "#CC79A7",
    "#000000", "#882255", "#44AA99", "#999933", "#AA4499", "#888888",
)  # fmt: skip
_MARKERS = "os^Dv<>PX*hpd"
OURS, THEIRS, CHANCE = "#0072B2", "#E69F00", "#888888"


def class_look(label: int) -> tuple[str, str]:
    """Colour and marker of a class; after the thirteen the colours come again with other markers."""
    return _COLOURS[label % len(_COLOURS)], _MARKERS[(label + label // len(_COLOURS)) % len(_MARKERS)]


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
