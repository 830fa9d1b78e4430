"""The catalog's labels and buckets, held against pages of real servers of the same release."""

import re

from exporter.preflight.catalog import release_catalog
from exporter.preflight.shapes import metric_shapes
from exporter.replay.recording import Recording

# of SGLang's processes, ranges of values and kinds of cache: put on beside a metric's definition,
# and in no catalog, so that nothing is said of them
_BESIDE = {"le", "pid", "gt", "cache_type"}
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(recording: Recording) -> dict[str, list[dict[str, str]]]:
    """Return the label sets of every sample of the engine on any page, without its prefix."""
    found = dict[str, list[dict[str, str]]]()
    line = re.compile(rf"{recording.engine}:(\w+){{(.*)}} ")
    for page in recording.pages:
        for match in map(line.match, (page.text or "").splitlines()):
            if match is not None:
                found.setdefault(match[1], []).append(dict(_LABEL.findall(match[2])))
    return found


def test_real_pages_have_the_labels_and_buckets_of_the_catalog(every_recording: Recording) -> None:
    catalog = release_catalog(every_recording.engine)
    release = every_recording.engine_version
    if release not in catalog.releases:
        return
    shapes = metric_shapes(every_recording.engine, release, release).after
    wrong = dict[str, object]()
    known = 0
    for name, sets in samples(every_recording).items():
        shape = shapes.get(name)
        if shape is None:
            continue
        if shape.labels is not None:
            known += 1
            more = {label for each in sets for label in each} - shape.labels - _BESIDE
            wrong |= {name: more} if more else {}
        if shape.buckets is not None and name.endswith("_bucket"):
            bounds = {float(each["le"]) for each in sets} - {float("inf")}
            wrong |= {name: bounds} if bounds != {*shape.buckets} else {}
    assert wrong == {}
    assert known > 30
