"""Write notebooks/README.md and the README's table of notebooks from the notebooks' headers: `make syllabus`."""

from pathlib import Path

from n2v.publish.syllabus import write_syllabus

if __name__ == "__main__":
    for path in write_syllabus(Path(__file__).parents[1]):
        print(path)
