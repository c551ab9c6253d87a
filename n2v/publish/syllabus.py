"""The course at a glance, from the notebooks' own headers and words: notebooks/README.md and the README's table."""

import re
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import write_bytes
from n2v.publish.markdown import table, write_block
from n2v.publish.notebooks import Lesson, read_lessons
from n2v.publish.thesis import ITEMS

PLURAL = {"Figure": "Figures", "Table": "Tables", "Appendix": "Appendices"}
INTRODUCTION = """# The notebooks

Each lesson uses what earlier ones made. `make lab` opens them in JupyterLab, `make reproduce` runs them all. This page
is written by `make syllabus` from their headers: change a notebook, not this file. Minutes are for two cores.

"""


def syllabus(folder: Path) -> list[dict[str, str]]:
    """One row a notebook: number, stem, title, name, goal, needs, makes, minutes by profile, thesis items.

    Raises:
        BadInput: a notebook without a title `# NN · ...` or a sentence `**You will** ...`.
    """
    return [_row(lesson) for lesson in read_lessons(folder)]


def _row(lesson: Lesson) -> dict[str, str]:
    prose = lesson.text("markdown")
    title = re.search(r"^# (?:\d\d · )?(.+)$", prose, re.M)
    goal = re.search(r"\*\*You will\*\*\s+(.+?\.)(?:\s|$)", prose, re.S)
    if not title or not goal:
        raise BadInput("no title or no goal", where=lesson.path, fix="begin with '# NN · Title' and '**You will** ...'")
    goal_text = " ".join(goal[1].split())
    return {
        "number": lesson.number,
        "stem": lesson.name,
        "title": title[1].strip(),
        "name": f"{lesson.number} · {title[1].strip()}",
        "goal": goal_text[0].upper() + goal_text[1:],
        "needs": ", ".join(lesson.needs),
        "makes": ", ".join(lesson.makes),
        "minutes": ", ".join(f"{profile} {minutes:g}" for profile, minutes in lesson.minutes.items()),
        "items": _items(lesson.number),
    }


def _items(number: str) -> str:
    """Thesis items of a notebook, such as "Table 3.1, Figures 3.2, 3.3"."""
    kinds: dict[str, dict[str, None]] = {}
    for item in ITEMS:
        if item.notebook == number:
            kind, name = item.title.split(",")[0].split()
            kinds.setdefault(kind, {})[name] = None
    return ", ".join(f"{PLURAL[kind] if len(names) > 1 else kind} {', '.join(names)}" for kind, names in kinds.items())


def notebooks_readme(rows: list[dict[str, str]]) -> str:
    """The text of notebooks/README.md."""
    columns = ("goal", "needs", "makes", "minutes", "items")
    lines = [[f"[{row['name']}]({row['stem']}.py)", *(row[name] for name in columns)] for row in rows]
    return f"{INTRODUCTION}{table(('notebook', 'you will', *columns[1:4], 'thesis items'), lines)}\n"


def readme_table(rows: list[dict[str, str]]) -> str:
    """The table of notebooks in README.md."""
    return table(("", "notebook", "regenerates"), [(row["number"], row["title"], row["items"]) for row in rows])


def write_syllabus(project: Path) -> list[Path]:
    """Write notebooks/README.md and the table in README.md of a checkout; returns the two files."""
    rows = syllabus(project / "notebooks")
    readme, page = project / "README.md", project / "notebooks" / "README.md"
    write_block(readme, "syllabus", readme_table(rows))
    write_bytes(page, notebooks_readme(rows).encode())
    return [readme, page]
