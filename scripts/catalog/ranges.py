"""Facts of many releases as ranges of releases. Pure."""

from collections.abc import Mapping, Sequence

Facts = Mapping[str, Mapping[str, object]]
"""What one release says, by name."""


def ranges(releases: Sequence[str], facts: Sequence[Facts]) -> dict[str, list[dict[str, object]]]:
    """Return by name its facts, each with the first and last of neighbouring releases it held in.

    `releases` are in order, `facts` parallel to them. A name that was away for a release has two
    ranges.
    """
    merged = dict[str, list[dict[str, object]]]()
    for number, (release, known) in enumerate(zip(releases, facts, strict=True)):
        for name, fact in known.items():
            spans = merged.setdefault(name, [])
            last = spans[-1] if spans else None
            same = last is not None and {k: v for k, v in last.items() if k not in _SPAN} == fact
            if last is not None and same and last["last"] == releases[number - 1]:
                last["last"] = release
            else:
                spans.append({"first": release, "last": release, **fact})
    return dict(sorted(merged.items()))


_SPAN = ("first", "last")
