"""`GET /v1/loads` of SGLang, from 0.5.9: one entry for each data-parallel rank."""

from ..sources.facts import (
    SourceReport,
    items,
    known_values,
    positive_count,
    product,
    table,
    title,
    word,
)

PATH = "/v1/loads"


def read(body: object) -> SourceReport:
    """Read the decoded answer; from 0.5.17 it names the accelerator and counts them per rank."""
    answer = table(body)
    ranks = items(answer.get("loads"))
    caps = {positive_count(rank.get("max_running_requests")) for rank in ranks}
    name = title(answer.get("accelerator"))
    each = positive_count(answer.get("num_accelerators")) if name else None
    return SourceReport(
        "loads",
        known_values(
            version=word(answer.get("version")),
            max_num_seqs=caps.pop() if len(caps) == 1 else None,
            gpu_model=name,
            gpus=product(each, len(ranks)) if ranks else None,
        ),
    )
