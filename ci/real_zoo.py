"""Make data/real_zoo: NeRFs of real, freely licensed meshes (the meshes themselves are never shipped).

    python ci/real_zoo.py MESHES --work FOLDER --out data/real_zoo [--licence CC0-1.0]

MESHES holds class folders and an index.csv with the columns file, class_name, source, licence, shape_group,
source_repo, source_path and commit. Stopped, it goes on where it was. Written: a packed zoo whose rows name repository,
commit and path of each model. Then: python ci/contact_sheet.py OUT --views FOLDER/views --out ci/reference/real_zoo
"""

import argparse
import csv
import shutil
from pathlib import Path

from n2v.cli import main as n2v


def chosen(meshes: Path, work: Path, licence: str) -> Path:
    """A folder with copies of the meshes of one licence and an index that tells each one's origin."""
    folder = work / "meshes"
    with open(meshes / "index.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["licence"] == licence]
    for row in rows:
        copy = folder / row["file"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copyfile(meshes / row["file"], copy)
        row["source"] = f"{row['source']}: {row['source_repo']}@{row['commit'][:10]}, {row['source_path']}"
    columns = ("file", "class_name", "source", "licence", "shape_group")
    with open(folder / "index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for view sets and the unpacked zoo")
    parser.add_argument("--out", type=Path, required=True, help="packed zoo to make")
    parser.add_argument("--licence", default="CC0-1.0", help="only models under this licence")
    options = parser.parse_args()
    views, zoo = options.work / "views", options.work / "zoo"
    folder = chosen(options.meshes, options.work, options.licence)
    for words in (
        ("render", folder, "--out", views, "--size", 128, "--resume"),
        ("fit", views, "--out", zoo, "--recipe", "fine", "--resume"),
        ("zoo", "pack", zoo, "--out", options.out),
    ):
        code = n2v([str(word) for word in words])
        if code:
            raise SystemExit(code)


if __name__ == "__main__":
    main()
