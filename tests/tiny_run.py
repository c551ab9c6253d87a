"""A run folder as the chain leaves it, with almost nothing in it."""

from pathlib import Path

import matplotlib
import nbformat

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from n2v.files import write_json
from n2v.publish.html import figure_html
from n2v.publish.record import Recorder

LESSON = """# ---
# jupyter:
#   jupytext:
#     text_representation: {{extension: .py, format_name: percent}}
#   n2v: {{needs: {needs}, makes: [], minutes: {{smoke: 1, laptop: 2.5}}}}
# ---

# %% [markdown]
# # {number} · A lesson | of two
# **You will** learn one
# thing. Not two.
"""


def tiny_run(place: Path) -> Path:
    """`place`/run with one item and two executed notebooks, whose sources lie in `place`/notebooks."""
    folder, sources = place / "run", place / "notebooks"
    sources.mkdir()
    for number in ("01", "02"):
        (sources / f"{number}_lesson.py").write_text(LESSON.format(number=number, needs="[]"))
    figure = plt.figure(figsize=(1, 1))
    Recorder(folder, "01").figure("fig-3.1", figure, "An object.", alt='three "objects"')
    plt.close(figure)
    recorded = {"text/html": figure_html(b"hello", "An object.", 'three "objects"')}
    bare = {"image/png": "aGVsbG8=", "text/plain": "<Figure>"}
    outputs = [nbformat.v4.new_output("display_data", data=data) for data in (recorded, bare)]
    cells = [
        nbformat.v4.new_markdown_cell("# 01 · A lesson\nWith $x_i < 2^k$ and `$5` and\n\n$$\\sum_i a_i * b_i$$\n"),
        nbformat.v4.new_markdown_cell("## 1. Rays & samples\nsee [the next](02_lesson.py)"),
        nbformat.v4.new_code_cell('record.figure(\n    "fig-3.1", figure, "An object.")', outputs=outputs),
    ]
    (folder / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "01_lesson.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=cells[:1]), folder / "notebooks" / "02_lesson.ipynb")
    (folder / "pages").mkdir()
    (folder / "pages" / "chair.html").write_text("<title>A chair</title><script>let offline = true</script>")
    write_json(folder / "run.json", {"profile": "smoke", "notebooks": {"01_lesson": {"status": "ok", "seconds": 1.0}}})
    return folder
