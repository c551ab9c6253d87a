"""An executed notebook as one page that needs no network: formulas as MathML, pictures with alt text, no scripts."""

import re
from html import escape
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from n2v.publish.notebooks import require

TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock html_head_js -%}
{%- block html_head_js_mathjax -%}{%- endblock html_head_js_mathjax -%}
{%- block html_head_js_mermaidjs -%}{%- endblock html_head_js_mermaidjs -%}
{%- block jupyter_widgets -%}{%- endblock jupyter_widgets -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output">
<img alt="{{ output.metadata.alt | escape_html }}" src="data:image/png;base64,{{ output.data['image/png'] }}"></div>
{%- endblock data_png -%}
"""
STYLE = """<style>body.jp-Notebook{max-width:64rem;margin:0 auto;padding:1rem}
.n2v-nav{display:flex;gap:1.5rem;flex-wrap:wrap;font-family:system-ui,sans-serif;padding:.4rem 0}</style>"""
LESSON_LINK = re.compile(r"(\]\((?:\./)?\d\d_\w+)\.(?:py|ipynb)\b")


def notebook_page(path: Path, navigation: str = "") -> str:
    """HTML of an executed notebook in a run folder's `notebooks/`; `navigation` is HTML for its first and last line."""
    notebook, heading = nbformat.read(path, as_version=4), path.stem
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#+ (.*)", cell.source, re.M) or [heading])[-1]
            cell.source = LESSON_LINK.sub(r"\1.html", cell.source)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):  # recorded pictures are HTML with words of their own
                output.metadata["alt"] = f"Picture in the section: {heading}"
    notebook.metadata.pop("widgets", None)
    exporter = HTMLExporter(raw_template=TEMPLATE, filters={"markdown2html": words_html})
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    bar = f'<nav class="n2v-nav">{navigation}</nav>' if navigation else ""
    page = page.replace("</head>", f"{STYLE}</head>", 1).replace("<main>", f"{bar}<main>", 1)
    return page.replace("</main>", f"</main>{bar}", 1)


def words_html(markdown: str) -> str:
    """HTML of a notebook's prose."""
    return MarkdownWithMath(renderer=_Words(escape=False)).render(markdown)


class _Words(IPythonRenderer):
    """nbconvert's, but formulas become MathML here instead of marks for a script from the network."""

    def block_math(self, body: str) -> str:
        return mathml(body, display=True)

    def inline_math(self, body: str) -> str:
        return mathml(body)


def mathml(formula: str, *, display: bool = False) -> str:
    """A TeX formula as MathML, which browsers show themselves; as plain text when it cannot be read."""
    convert = require("latex2mathml.converter").convert
    try:
        return convert(formula, display="block" if display else "inline")
    except Exception:  # latex2mathml's have no common base
        return f"<code>{escape(formula)}</code>"
