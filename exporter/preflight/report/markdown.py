"""A review as Markdown, for a pull request or a page of a wiki."""

from ...base.untrusted import SENTENCE_CHARACTERS, one_line
from ...vocabulary.verdict import MEASURES
from ..finding import SEVERITIES
from ..plan.steps import Plan
from ..review import Review
from .wording import (
    TITLES,
    fleet_line,
    headline,
    hours_head,
    hours_note,
    hours_rows,
    kinds_of_use,
    looked_at,
    not_comparable,
)


def markdown(review: Review, plan: Plan) -> str:
    """Return a review as Markdown; details are folded."""
    lines = [f"### {_text(headline(review))}", "", _text(looked_at(review)), ""]
    lines += [f"- {_text(remark)}" for remark in review.upgrade.remarks]
    lines += [f"- not read: {_code(each.place)}: {_text(each.fault)}" for each in review.unread]
    for severity in SEVERITIES:
        groups = review.groups_of(severity)
        if not groups:
            continue
        folded = severity == "detail"
        head = f"**{TITLES[severity]}**"
        lines += ["", f"<details><summary>{TITLES[severity]}</summary>" if folded else head, ""]
        lines += ["| what | remedy | where |", "|---|---|---|"]
        for group in groups:
            uses = kinds_of_use(group)
            places = "<br>".join(map(_code, group.places))
            what = _text(group.first.text) + (f" ({uses})" if uses else "")
            lines.append(f"| {what} | {_text(group.first.remedy)} | {places} |")
        lines += ["", "</details>"] if folded else []
    lines += ["", "**Comparable across it**", ""]
    lines += [f"- {MEASURES[measure].title}" for measure in review.allowed]
    lines += [f"- {_text(not_comparable(forbidden))}" for forbidden in review.forbidden]
    lines += _fleet(plan)
    lines += ["", "**The upgrade**", ""]
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number}. {_text(step.text)}")
        lines += (
            ["", f"       {one_line(step.command, SENTENCE_CHARACTERS)}", ""]
            if step.command
            else []
        )
        if step.manifest:
            lines += ["", *(f"       {_line(line)}" for line in step.manifest.splitlines()), ""]
    return "\n".join(lines).rstrip() + "\n"


def _fleet(plan: Plan) -> list[str]:
    lines = [f"- {_text(remark)}" for remark in plan.remarks]
    if plan.live is not None:
        lines = [f"- {_text(fleet_line(plan.live))}", *lines]
    if plan.live is not None and plan.live.rollouts:
        rows = [hours_head(plan.live), ("---",) * 3, *hours_rows(plan.live)]
        lines += ["", *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]
        lines.append(_text(hours_note(plan.live)))
    return ["", "**The fleet**", "", *lines] if lines else []


def _cell(text: str) -> str:
    return text if text == "---" else _text(text)


def _line(text: str) -> str:
    return one_line(text, SENTENCE_CHARACTERS)


def _text(text: object) -> str:
    """Return text in which nothing is markup."""
    line = one_line(str(text), SENTENCE_CHARACTERS)
    for mark in "\\`*_[]<>|#":
        line = line.replace(mark, f"\\{mark}")
    return line


def _code(text: object) -> str:
    line = one_line(str(text), SENTENCE_CHARACTERS).replace("`", "'").replace("|", "\\|")
    return f"`{line}`"
