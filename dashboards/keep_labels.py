"""Dashboards for other external labels than `cluster`: those that the rules' values keep.

Series are aggregated and joined by all of them; the variable, which stays `$cluster`, the legends
and the columns are of the last one, the cluster's own name.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

CLUSTER: Final = "cluster"


def with_keep_labels(part: Any, keep_labels: Sequence[str], key: str = "") -> Any:
    """Return a part of a dashboard, found under a key, whose series have other external labels.

    Without any the label stays: it is absent then, which changes nothing.
    """
    if not keep_labels or list(keep_labels) == [CLUSTER]:
        return part
    last = keep_labels[-1]
    if isinstance(part, dict):
        # columns are settings by the name of the label
        return {
            last if name == CLUSTER else name: with_keep_labels(value, keep_labels, name)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [with_keep_labels(value, keep_labels, key) for value in part]
    if isinstance(part, str):
        return last if (key, part) == ("names", CLUSTER) else _text(part, keep_labels)
    return part


def _text(text: str, keep_labels: Sequence[str]) -> str:
    last = keep_labels[-1]
    # in lists of labels it stands first
    text = re.sub(rf"\({CLUSTER}(?=[,)])", f"({', '.join(keep_labels)}", text)
    for old, new in (
        (f'{CLUSTER}=~"$', f'{last}=~"$'),
        (f", {CLUSTER})", f", {last})"),
        (f"{{{{{CLUSTER}}}}}", " ".join(f"{{{{{label}}}}}" for label in keep_labels)),
        (f"labels.{CLUSTER}}}", f"labels.{last}}}"),
        (f"workload,{CLUSTER}", f"workload,{last}"),
    ):
        text = text.replace(old, new)
    return text
