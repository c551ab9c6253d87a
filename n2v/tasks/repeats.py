"""Repeated measurements, over pairs or seeds, as one line a group: mean and 95 % interval of every number."""

from n2v.tasks.metrics import summarise


def over_repeats(
    rows: list[dict], by: tuple[str, ...], count: str = "seeds", leave_out: tuple[str, ...] = ()
) -> list[dict]:
    """Mean and half width of the 95 % t-interval ("name ±") of every number, in the order of the groups' first rows.

    Args:
        rows: All with the same columns; a column of which some value is None is None in its group.
        by: Columns that name a group.
        count: Name of the column with the number of rows.
        leave_out: Columns that are no measurement.
    """
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    table = []
    for key, members in groups.items():
        line = {**dict(zip(by, key, strict=True)), count: len(members)}
        for name in (name for name in members[0] if name not in (*by, *leave_out)):
            values = [member[name] for member in members]
            found = (
                {"mean": None, "half_width": None} if None in values else summarise([float(value) for value in values])
            )
            line |= {name: found["mean"], f"{name} ±": found["half_width"]}
        table.append(line)
    return table
