"""The order of the waiting line, as numbers. Pure.

Lower numbers run first; of equal ones the older does. Moving a job changes as few numbers as possible: most often one.
"""

from __future__ import annotations

from collections.abc import Sequence


def renumber(line: Sequence[tuple[str, float]], moving: str, place: int) -> dict[str, float]:
    """The numbers to change so that `moving` gets to `place` (0 = next) in `line`.

    `line` is the waiting line as it stands, (job id, number) in its order. `place` is clamped to the line. Raises
    `ValueError` when `moving` is not in it.
    """
    numbers = dict(line)
    if moving not in numbers:
        raise ValueError(moving)
    others = [job_id for job_id, _ in line if job_id != moving]
    place = max(0, min(place, len(others)))
    wanted = [*others[:place], moving, *others[place:]]
    if wanted == [job_id for job_id, _ in line]:
        return {}
    before = numbers[others[place - 1]] if place > 0 else None
    after = numbers[others[place]] if place < len(others) else None
    number = _between(before, after)
    if number is not None:
        return {moving: number}
    # No number is left in between: count the line anew, upwards from where it starts.
    first = min(numbers.values())
    fresh = {job_id: first + count for count, job_id in enumerate(wanted)}
    return {job_id: number for job_id, number in fresh.items() if numbers[job_id] != number}


def _between(before: float | None, after: float | None) -> float | None:
    """A number strictly between two; None when there is none."""
    if before is None:
        return None if after is None else after - 1
    if after is None:
        return before + 1
    middle = (before + after) / 2
    return middle if before < middle < after else None
