"""n2v: fit one small NeRF per object, embed the NeRFs' weights, and work with the embeddings.

>>> import n2v
>>> zoo, model = n2v.mini_zoo(), n2v.load()
>>> z = model.embed(zoo["chair-0000"])
>>> model.decode(z).render(azimuth=30).shape
(128, 128, 3)
"""

from importlib import import_module  # by this name: `Library` takes an attribute so called for any module's import

__version__ = "0.2.0"

HOMES = {
    "mini_zoo": ("n2v.zoo.shipped", "mini_zoo"),
    "real_zoo": ("n2v.zoo.shipped", "real_zoo"),
    "open": ("n2v.zoo.shipped", "open_zoo"),
    "load": ("n2v.embed.model", "load"),
    "fit": ("n2v.nerf.fit", "fit_one"),
    "FitConfig": ("n2v.nerf.recipe", "FitConfig"),
    "Nerf": ("n2v.nerf.nerf", "Nerf"),
    "Field": ("n2v.nerf.nerf", "Field"),
    "Zoo": ("n2v.zoo.store", "Zoo"),
    "Nerf2Vec": ("n2v.embed.model", "Nerf2Vec"),
    "BadInput": ("n2v.errors", "BadInput"),
}


def __getattr__(name: str) -> object:
    """A name of the front door, imported when it is first used: `import n2v` alone loads no library."""
    if name not in HOMES:
        raise AttributeError(f"module 'n2v' has no attribute '{name}'")
    module, attribute = HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *HOMES]
