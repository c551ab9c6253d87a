"""Where the wheel's files come from: `data/` travels as `n2v/data`. All else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["n2v*"]), "n2v.data"],
    package_dir={"n2v.data": "data"},
    package_data={
        "n2v": ["nerf/native/fused.cpp", "publish/demos/assets/*", "publish/templates/*", "publish/demos/viewer/*"],
        "n2v.data": ["*/*.json*", "*/*.safetensors", "*/shards/*.safetensors"],
    },
)
