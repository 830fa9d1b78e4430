"""Rules and dashboards as the chart fills them in: a token where a value of the user's stands.

Made by the same code as all others, from values that no rule or panel writes by itself, each of
which is then replaced by its token. Which alerts are written, their severity, durations and
runbooks are keys of a rule, which the chart sets without a token.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import yaml

from alerts import build as rules
from alerts.values import DURATION_LIMITS, Values, load
from dashboards.build import dashboards

KEEP_LABEL: Final = "keep_label_token"
DASHBOARDS: Final = "<dashboards.base_url>"
_FIRST: Final = 900_001
"""Numbers of six digits are written in full, and no rule has these by itself."""


def texts() -> Mapping[str, str]:
    """Return rules, the alerts' defaults and dashboards as JSON, by their path in the chart."""
    values, tokens = _tokens(rules.everything(load()))
    written = {}
    for name, text in rules.files(values, "prometheus").items():
        body = _json(yaml.load(text, Loader=yaml.CSafeLoader))
        for stand_in, token in tokens.items():
            body = body.replace(stand_in, token)
        written[f"files/rules/{name.removeprefix('inferfleet-').replace('yaml', 'json')}"] = body
    defaults = {
        name: alert.model_dump(by_alias=True, exclude_none=True)
        for name, alert in load().alerts.items()
    }
    for name, board in dashboards(values).items():
        # in one line, as it stands in the ConfigMap
        written[f"files/dashboards/{name}.json"] = json.dumps(board, sort_keys=True) + "\n"
    return written | {"files/alerts.json": _json(defaults)}


def _tokens(values: Values) -> tuple[Values, Mapping[str, str]]:
    """Return values that stand out in every text, and the token of each limit by what it became."""
    tokens, alerts, number = dict[str, str](), {}, _FIRST
    for name, alert in values.alerts.items():
        limits = dict[str, float | str]()
        for key, limit in alert.limits.items():
            token = f"<{name}.{key}>"
            if key in DURATION_LIMITS:
                limits[key] = f"{number}s"
                # the text of a duration first, for it begins with its number of seconds
                tokens |= {f"{number}s": token, f"{number}": f"<{name}.{key} in seconds>"}
            elif isinstance(limit, str):
                limits[key] = token
            else:
                limits[key] = number
                tokens[f"{number}"] = token
            number += 1
        alerts[name] = alert.model_copy(update={"limits": limits})
    update = {
        "alerts": alerts,
        "keep_labels": (KEEP_LABEL,),
        "dashboards": values.dashboards.model_copy(update={"base_url": DASHBOARDS}),
    }
    return values.model_copy(update=update), tokens


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
