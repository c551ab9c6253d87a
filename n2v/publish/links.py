"""Pages on disk, checked: links that lead nowhere, parts that would come from the network, pictures without words."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}
LINKS = FETCHED | {("a", "href")}
HEADINGS = ("h1", "h2", "h3", "h4")


class Page(HTMLParser):
    """What one HTML file refers to, which anchors it has, its headings and its pictures' alt texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str, str]] = []  # tag, attribute, address
        self.anchors: set[str] = set()
        self.headings: list[dict] = []  # level, id, text
        self.alts: list[str | None] = []
        self._heading: dict | None = None
        self._silent = 0  # depth inside a heading's own link sign
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self.links += [(tag, name, value) for name, value in attrs if (tag, name) in LINKS and value]
        if tag == "img":
            self.alts.append(given.get("alt"))
        if tag in HEADINGS:
            self._heading = {"level": int(tag[1]), "id": given.get("id") or "", "text": ""}
        if self._heading is not None and (self._silent or "anchor-link" in (given.get("class") or "")):
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - 1)
        if tag in HEADINGS and self._heading is not None:
            self._heading["text"] = " ".join(self._heading["text"].split())
            self.headings.append(self._heading)
            self._heading, self._silent = None, 0

    def handle_data(self, data: str) -> None:
        if self._heading is not None and not self._silent:
            self._heading["text"] += data


def problems(folder: Path) -> list[str]:
    """What is wrong with the pages of a folder, one line each; links to other sites are not followed."""
    folder = Path(folder).resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name}: a picture has no alt text" for alt in page.alts if not (alt or "").strip()]
        for tag, attribute, address in page.links:
            if why := _wrong(path, address, (tag, attribute) in FETCHED, pages, folder):
                found.append(f"{name}: {address[:100]} {why}")
    return found


def _wrong(path: Path, address: str, is_fetched: bool, pages: dict[Path, Page], folder: Path) -> str:
    """Why an address on a page is wrong; empty when it is right."""
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return "is fetched from the network" if is_fetched and parts.scheme not in ("data", "blob") else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return "leaves the site"
    if not target.is_file():
        return "does not exist"
    anchors = pages[target].anchors if target in pages else set()
    if parts.fragment and target in pages and not {parts.fragment, unquote(parts.fragment)} & anchors:
        return "names no place on that page"
    return ""
