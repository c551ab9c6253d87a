"""Pages on disk, checked: links that lead nowhere, parts that would come from the network, pictures without words."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from n2v.publish.notebooks import require

FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}


def read_page(path: Path):
    """An HTML file, parsed by Beautiful Soup."""
    return require("bs4").BeautifulSoup(Path(path).read_text(encoding="utf-8"), "html.parser")


def headings(path: Path) -> list[tuple[str, str]]:
    """Anchor and text of each heading that has both, without the link sign of notebooks."""
    found = []
    for one in read_page(path).find_all(["h1", "h2", "h3", "h4"], id=True):
        for sign in one.find_all(class_="anchor-link"):
            sign.extract()
        found.append((one["id"], " ".join(one.get_text().split())))
    return [(anchor, text) for anchor, text in found if anchor and text]


def problems(folder: Path) -> list[str]:
    """What is wrong with the pages of a folder, one line each; links to other sites are not followed."""
    folder = Path(folder).resolve()
    pages = {path: read_page(path) for path in sorted(folder.rglob("*.html"))}
    anchors = {
        path: {one.get(name) for one in page.find_all() for name in ("id", "name")} for path, page in pages.items()
    }
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        pictures = [one.get("alt") for one in page.find_all("img")]
        found += [f"{name}: a picture has no alt text" for alt in pictures if not (alt or "").strip()]
        for tag in page.find_all(["a", *FETCHED]):
            address = tag.get(FETCHED.get(tag.name, "href"))
            if address and (why := _wrong(path, address, tag.name in FETCHED, anchors, folder)):
                found.append(f"{name}: {address[:100]} {why}")
    return found


def _wrong(path: Path, address: str, is_fetched: bool, anchors: dict[Path, set], folder: Path) -> str:
    """Why an address on a page is wrong; empty when it is right."""
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return "is fetched from the network" if is_fetched and parts.scheme not in ("data", "blob") else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return "leaves the site"
    if not target.is_file():
        return "does not exist"
    known = {parts.fragment, unquote(parts.fragment)} & anchors.get(target, {parts.fragment})
    return "names no place on that page" if parts.fragment and not known else ""
