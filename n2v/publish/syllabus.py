"""The course at a glance, from the notebooks' own headers and words: notebooks/README.md and the README's table."""

import re
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import write_bytes
from n2v.publish.notebooks import Lesson, read_lessons
from n2v.publish.thesis import ITEMS

BEGIN, END = "<!-- syllabus: written by `make syllabus` -->", "<!-- end of syllabus -->"
INTRODUCTION = """# The notebooks

Each lesson uses what earlier ones made. `make lab` opens them in JupyterLab, `make reproduce` runs them all. This page
is written by `make syllabus` from their headers: change a notebook, not this file. Minutes are for two cores.

"""


def syllabus(folder: Path) -> list[dict[str, str]]:
    """One row a notebook: number, file, title, goal, needs, makes, minutes by profile, thesis items.

    Raises:
        BadInput: a notebook without a title `# NN · ...` or a sentence `**You will** ...`.
    """
    return [_row(lesson) for lesson in read_lessons(folder)]


def _row(lesson: Lesson) -> dict[str, str]:
    prose = lesson.prose()
    title = re.search(r"^# (?:\d\d · )?(.+)$", prose, re.M)
    goal = re.search(r"\*\*You will\*\*\s+(.+?\.)(?:\s|$)", prose, re.S)
    if not title or not goal:
        raise BadInput("no title or no goal", where=lesson.path, fix="begin with '# NN · Title' and '**You will** ...'")
    goal_text = " ".join(goal[1].split())
    return {
        "number": lesson.number,
        "file": lesson.path.name,
        "title": title[1].strip(),
        "goal": goal_text[0].upper() + goal_text[1:],
        "needs": ", ".join(lesson.needs),
        "makes": ", ".join(lesson.makes),
        "minutes": ", ".join(f"{profile} {minutes:g}" for profile, minutes in lesson.minutes.items()),
        "items": _items(lesson.number),
    }


def _items(number: str) -> str:
    """Thesis items of a notebook, such as "Table 3.1, Figures 3.2, 3.3"."""
    kinds: dict[str, list[str]] = {}
    for item in ITEMS:
        if item.notebook == number:
            kind, name = item.title.split(",")[0].split()
            kinds.setdefault(kind, []).append(name)
    plural = {"Figure": "Figures", "Table": "Tables", "Appendix": "Appendices"}
    names = {kind: list(dict.fromkeys(found)) for kind, found in kinds.items()}
    return ", ".join(f"{plural[kind] if len(found) > 1 else kind} {', '.join(found)}" for kind, found in names.items())


def notebooks_readme(rows: list[dict[str, str]]) -> str:
    """The text of notebooks/README.md."""
    named = [{**row, "notebook": f"[{row['number']} · {row['title']}]({row['file']})"} for row in rows]
    columns = ("notebook", "goal", "needs", "makes", "minutes", "items")
    return INTRODUCTION + _markdown(columns, ("notebook", "you will", *columns[2:5], "thesis items"), named)


def readme_table(rows: list[dict[str, str]]) -> str:
    """The table of notebooks in README.md."""
    return _markdown(("number", "title", "items"), ("", "notebook", "regenerates"), rows)


def _markdown(columns: tuple[str, ...], titles: tuple[str, ...], rows: list[dict[str, str]]) -> str:
    lines = [titles, ["---"] * len(columns), *[[row[column].replace("|", "\\|") for column in columns] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_table(text: str, table: str) -> str:
    """A text with the table between its two marks replaced."""
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise BadInput("no marks for the table of notebooks", fix=f"put {BEGIN} and {END} around it")
    return f"{before}{BEGIN}\n{table}{END}{after}"


def write_syllabus(project: Path) -> list[Path]:
    """Write notebooks/README.md and the table in README.md of a checkout; returns the two files."""
    rows = syllabus(project / "notebooks")
    readme, page = project / "README.md", project / "notebooks" / "README.md"
    write_bytes(readme, with_table(readme.read_text(), readme_table(rows)).encode())
    write_bytes(page, notebooks_readme(rows).encode())
    return [readme, page]
