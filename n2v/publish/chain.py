"""The notebooks, executed in order without a screen; what is up to date is skipped, and a kill loses one notebook."""

import json
import sys
import time
from pathlib import Path

from n2v import profiles
from n2v.errors import BadInput
from n2v.files import provenance, write_json
from n2v.publish.execute import execute, renew_words
from n2v.publish.freshness import Library, fingerprint, places, remove_places, short_hash, stamps
from n2v.publish.notebooks import Lesson, check_parameters, read_lessons
from n2v.publish.record import forget, read_if_there, results
from n2v.publish.report import write_report
from n2v.zoo.shards import FolderLock

NOT_ENDED = {"status": "not run", "seconds": 0.0, "cell": None, "error": "interrupted before it ended"}
LIMIT_S = {"smoke": 1800, "laptop": 7200, "gpu": 7200, "thesis": None}  # a notebook: what hangs, not what is slow


def reproduce(
    profile: str,
    out: Path,
    notebooks: Path = Path("notebooks"),
    *,
    only: tuple[str, ...] = (),
    fresh: bool = False,
    seed: int = 0,
    parameters: dict | None = None,
) -> dict:
    """Execute the notebooks and write executed copies, run.json and report.html into `out`.

    A notebook that is up to date is skipped: it ended well, its code, the modules it imports, its parameters and its
    inputs are what they were, and what it made is still there; new prose goes into its executed copy. A notebook that
    fails stops those that need what it makes; the others go on.

    Args:
        profile: Name of the sizes.
        out: Run folder.
        notebooks: Folder of the notebooks.
        only: Numbers of those wanted; the others are left as they are.
        fresh: Skip nothing, and start from nothing that an earlier run made.
        seed: Of the whole run.
        parameters: More parameters for every notebook.

    Returns:
        What run.json says; its "ok": whether all notebooks asked for ended well.

    Raises:
        BadInput: an unknown profile, number or parameter, a broken header or link, or a folder in use.
    """
    profiles.get(profile)
    lessons = read_lessons(notebooks)
    if unknown := set(only) - {lesson.number for lesson in lessons}:
        raise BadInput(f"no notebook {', '.join(sorted(unknown))}", where="--only", fix="use numbers such as 05,06")
    out = Path(out).resolve()
    given = {"profile": profile, "out_dir": str(out), "seed": seed, "interactive": False, **(parameters or {})}
    for lesson in lessons:
        check_parameters(lesson, given)
    out.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(out)
    if not lock.alone():
        raise BadInput("another run works in this folder", where=out, fix="wait for it, or choose another --out")
    try:
        chain = _Chain(out, lessons, given, fresh)
        for lesson in lessons:
            chain.step(lesson, wanted=not only or lesson.number in only)
        wanted = [lesson.name for lesson in lessons if not only or lesson.number in only]
        chain.run["ok"] = all(chain.run["notebooks"][name]["status"] == "ok" for name in wanted)
        chain.save()
        return chain.run
    finally:
        lock.release()
        if (out / "run.json").exists():
            write_report(out)


class _Chain:
    """One pass over the notebooks: what each depends on, what was made, and the record of it."""

    def __init__(self, out: Path, lessons: list[Lesson], given: dict, fresh: bool) -> None:
        self.out, self.given, self.fresh = out, given, fresh
        earlier = read_if_there(out / "run.json").get("notebooks", {})
        origin = provenance(profile=given["profile"], seed=given["seed"], parameters=given)
        known = {lesson.name: earlier[lesson.name] for lesson in lessons if lesson.name in earlier}
        self.run = {**origin, "ok": False, "notebooks": known}
        self.library = Library()
        setting = {**given, "out_dir": "", **{part: origin[part] for part in ("python", "packages", "device")}}
        self.setting = short_hash(json.dumps(setting, sort_keys=True))
        self.made: dict[str, str] = {}  # artefact -> its fingerprint

    def step(self, lesson: Lesson, *, wanted: bool) -> None:
        """Skip a notebook, leave it out, or run it."""
        before, code = self.run["notebooks"].get(lesson.name, {}), lesson.text()
        now = {
            "source": lesson.digest,
            "digest": short_hash(self.library.digest(code), self.setting),
            "makers": short_hash(self.library.makers_digest(code, lesson.made_by), self.setting),
            "inputs": {need: self.made[need] for need in lesson.needs if need in self.made},
        }
        why = "all anew" if self.fresh else self._stale(lesson, before, now)
        if wanted and not why and before["source"] != now["source"]:
            if renew_words(lesson, self.out / "notebooks"):
                self._note(lesson, {**before, "source": now["source"]})
            else:
                why = "its cells changed"
        if not wanted:
            _tell(lesson, "left out" + (f", although not up to date: {why}" if why else ""))
        elif not why:
            _tell(lesson, "up to date")
        else:
            self._run(lesson, before, now, why)
        record = self.run["notebooks"].get(lesson.name, {})
        for name, one in record.get("outputs", {}).items() if record.get("status") == "ok" else ():
            if found := self._print(one["places"]):
                self.made[name] = found

    def _stale(self, lesson: Lesson, before: dict, now: dict) -> str:
        """Why a notebook has to run; empty when it is up to date."""
        if not before:
            return "not run yet"
        if before["status"] != "ok":
            return "it did not end well"
        if before.get("digest") != now["digest"]:
            return "its code, the library, a parameter or a package changed"
        changed = [need for need in lesson.needs if before["inputs"].get(need) != now["inputs"].get(need)]
        changed += [name for name, one in before["outputs"].items() if self._print(one["places"]) != one["hash"]]
        if changed:
            return f"{', '.join(changed)} changed"
        lost = [name for name in before["results"] if not (self.out / name).is_file()]
        return f"{lost[0]} is missing" if lost else ""

    def _run(self, lesson: Lesson, before: dict, now: dict, why: str) -> None:
        """Run a notebook whose needs are met; note it at once, so that a kill is never taken for an earlier success.

        What other makers or other inputs made goes first. What these would make again stays: where only a figure's code
        changed, and where a run was cut short, the notebook goes on from there.
        """
        lacking = [need for need in lesson.needs if need not in self.made]
        other = self.fresh or any(before.get(part) != now[part] for part in ("makers", "inputs"))
        for name in lesson.makes if before and other and not lacking else ():
            remove_places(self.out, name)
        kept = {**now, "outputs": before.get("outputs", {}), "started": time.time()}
        self._note(lesson, {**NOT_ENDED, **kept})
        forget(self.out, lesson.number)
        for name in before.get("results", []):
            (self.out / name).unlink(missing_ok=True)
        if lacking:
            record = {**NOT_ENDED, **kept, "error": f"needs {', '.join(lacking)}"}
        else:
            minutes, seen = lesson.minutes.get(self.given["profile"]), stamps(self.out, lesson.makes)
            _tell(lesson, f"running ({why})" + ("" if minutes is None else f", about {minutes} min on two cores"))
            found = execute(
                lesson, self.given, self.out / "notebooks", LIMIT_S[self.given["profile"]],
                lambda cell: self._note(lesson, {**NOT_ENDED, **kept, "cell": cell}),
            )  # fmt: skip
            record = self._checked(lesson, {**kept, **found}, seen)
        place = "" if record["cell"] is None else f", cell {record['cell']}"
        _tell(lesson, f"{record['status']}, {record['seconds']:.0f} s{place} {record.get('error', '')}".rstrip())
        self._note(lesson, record)

    def _checked(self, lesson: Lesson, record: dict, seen: dict[str, int]) -> dict:
        """The record of a notebook that ran, with what it made; one that made less than it says has failed.

        Others may leave places of the same name beside it: its own are those that it changed, or made before.
        """
        if record["status"] != "ok":
            return record
        changed = {name for name, stamp in stamps(self.out, lesson.makes).items() if stamp != seen.get(name)}
        outputs = {}
        for name in lesson.makes:
            there = [place.name for place in places(self.out, name)]
            own = {*record["outputs"].get(name, {}).get("places", []), *changed}
            own = [one for one in there if one in own] or there
            if not own:
                error = f"its header says that it makes {name}, which is not in the run folder"
                return {**record, "status": "failed", "error": error}
            outputs[name] = {"places": own, "hash": self._print(own)}
        pages = sorted(name for name in changed if name.endswith(".html"))
        copies = [f"notebooks/{lesson.name}.{kind}" for kind in ("ipynb", "html")]
        return {**record, "outputs": outputs, "results": [*results(self.out, lesson.number), *copies, *pages]}

    def _print(self, names: list[str]) -> str | None:
        return fingerprint(self.out, [self.out / name for name in names])

    def _note(self, lesson: Lesson, record: dict) -> None:
        self.run["notebooks"][lesson.name] = record
        self.save()

    def save(self) -> None:
        """Write run.json."""
        self.run["wall_s"] = sum(record["seconds"] for record in self.run["notebooks"].values())
        write_json(self.out / "run.json", self.run)


def _tell(lesson: Lesson, text: str) -> None:
    print(f"{lesson.name}: {text}", file=sys.stderr, flush=True)
