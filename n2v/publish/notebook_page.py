"""An executed notebook as one page that needs no network: formulas as MathML, pictures with alt text, no scripts."""

import re
from html import escape
from pathlib import Path

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
FORMULA = re.compile(
    r"(?P<kept>```.*?```|`[^`\n]*`|^#[^\n]*$)|\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$\w])\$(?P<line>[^\s$](?:(?:[^$\n]|\n(?!\n))*[^\s$])?)\$(?!\d)",
    re.S | re.M,
)
LESSON_LINK = re.compile(r"(\]\((?:\./)?\d\d_\w+)\.(?:py|ipynb)\b")
MARK = re.compile("\ue000(\\d+)\ue001")


def notebook_page(path: Path, navigation: str = "") -> str:
    """HTML of an executed notebook in a run folder's `notebooks/`; `navigation` is HTML for its first and last line."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    formulas: list[str] = []
    heading = path.stem
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"^#+ (.*)", cell.source, re.M)
            heading = found[-1] if found else heading
            cell.source = LESSON_LINK.sub(r"\1.html", mark_formulas(cell.source, formulas))
        elif cell.cell_type == "code":
            _describe(cell, heading)
    notebook.metadata.pop("widgets", None)
    exporter = HTMLExporter(raw_template=TEMPLATE, embed_images=True)
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    page = MARK.sub(lambda found: formulas[int(found[1])], page)
    bar = f'<nav class="n2v-nav">{navigation}</nav>' if navigation else ""
    page = page.replace("</head>", f"{STYLE}</head>", 1).replace("<main>", f"{bar}<main>", 1)
    return page.replace("</main>", f"</main>{bar}", 1)


def mark_formulas(text: str, formulas: list[str]) -> str:
    """Markdown with each formula replaced by a mark; its MathML goes to the end of `formulas`.

    Code, and headings (whose text becomes an address), stay as they are.
    """

    def replace(found: re.Match) -> str:
        if found["kept"] is not None:
            return found["kept"]
        formulas.append(mathml(found["block"] or found["line"], display=found["block"] is not None))
        return f"\ue000{len(formulas) - 1}\ue001"

    return FORMULA.sub(replace, text)


def mathml(formula: str, *, display: bool = False) -> str:
    """A TeX formula as MathML, which browsers show themselves; as plain text when it cannot be read."""
    convert = require("latex2mathml.converter").convert
    try:
        return convert(formula, display="block" if display else "inline")
    except Exception:  # latex2mathml's have no common base
        return f"<code>{escape(formula)}</code>"


def _describe(cell: dict, heading: str) -> None:
    """Give each picture that has no words of its own, as recorded ones have, those of its section."""
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            output.metadata["alt"] = f"Picture in the section: {heading}"
