"""The plan of each model on a page, worked out once for a layout."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from ..base.errors import PageError
from ..base.item_getter import item_getter
from ..base.untrusted import SENTENCE_CHARACTERS, one_line
from ..exposition import Layout
from ..vocabulary.engine import FAMILIES
from .canonical_samples import CanonicalSamples
from .catalog import PageContext
from .detect import Namespace, detect
from .plan import Plan, Sample, shared_sample
from .registry import ENGINES
from .split import Keys, Part, split

MOST_MODELS: Final = 128
MOST_ENGINES: Final = 1024
"""Each is worked out with every sample while the others wait, and is remembered."""

_MOST_NOTES: Final = 50

_MAX_CACHED_PLANS: Final = 4
"""Plans of a layout differ by what is known of a server: mostly nothing yet, then all."""

_CachedPlans = tuple[Mapping[str, tuple[str, ...] | None], tuple[Plan, ...]]
"""The keys that were known before of the models of a layout, and their plans."""

_plan_cache: WeakKeyDictionary[Layout, deque[_CachedPlans]] = WeakKeyDictionary()


def shared_plans(
    layout: Layout, context: Callable[[str], PageContext], before: Keys
) -> tuple[Plan, ...]:
    """Return the plans of a layout's models: those of another server where they are the same.

    As `page_plans`; raises `NoEngineError` as `detect` does.
    """
    cached = _plan_cache.setdefault(layout, deque(maxlen=_MAX_CACHED_PLANS))
    for keys, plans in tuple(cached):
        if all(
            plan.context == context(plan.model) and keys[plan.model] == before.get(plan.model)
            for plan in plans
        ):
            return plans
    plans = page_plans(layout, detect(layout), context, before)
    cached.append(({plan.model: before.get(plan.model) for plan in plans}, plans))
    return plans


def page_plan(layout: Layout, namespace: Namespace, context: PageContext) -> Plan:
    """Work out the plan of a page of one model; raise `PageError` where it holds several."""
    plans = page_plans(layout, namespace, lambda model: context)
    if len(plans) > 1:
        models = ", ".join(plan.model for plan in plans)
        raise PageError(0, f"the page holds several models ({models}): read each for itself")
    return plans[0]


def page_plans(
    layout: Layout,
    namespace: Namespace,
    context: Callable[[str], PageContext],
    before: Keys | None = None,
) -> tuple[Plan, ...]:
    """Work out the plan of each model of a layout, ordered by model.

    `context` returns what is known of the server of a model, `before` holds the `key` of each model
    on an earlier page. Raises `PageError` where a series stands twice on the page.
    """
    _refuse_crowd(layout, namespace)
    parts = split(layout, namespace, before)
    if len(parts) > MOST_MODELS:
        raise _crowd(len(parts), "models", MOST_MODELS)
    notes: tuple[str, ...] = ()
    if len(parts) > 1:
        models = ", ".join(part.model for part in parts)
        notes = (
            f"the page holds several models ({models}), each shown as a server of its own: its "
            "GPUs are known only where `models` of the target declares them, and its limits only "
            "from what names it",
        )
    plans = tuple(_plan(part, layout, namespace, context(part.model), notes) for part in parts)
    engines = sum(len(plan.engines or plan.counting) for plan in plans)
    if engines > MOST_ENGINES:
        raise _crowd(engines, "engines", MOST_ENGINES)
    return plans


def _refuse_crowd(layout: Layout, namespace: Namespace) -> None:
    """Refuse a page of far too many engines before the work of telling them apart."""
    counts = Counter(series.name for series in layout.series)
    for raw in namespace.catalog.raw_names("requests_running"):
        for name in {raw, namespace.prefix + raw} & counts.keys():
            if counts[name] > MOST_ENGINES:
                raise _crowd(counts[name], "engines", MOST_ENGINES)


def _crowd(number: int, kind: str, most: int) -> PageError:
    return PageError(
        0,
        f"the page shows {number} {kind}, more than the {most} that are read of one page: scrape "
        "the engines themselves, or pages of fewer",
    )


def _plan(
    part: Part,
    layout: Layout,
    namespace: Namespace,
    context: PageContext,
    notes: tuple[str, ...],
) -> Plan:
    canonical = CanonicalSamples(part, namespace, context)
    for family in FAMILIES:
        canonical.add(family.name)
    engine = ENGINES[namespace.catalog.engine]
    for name, labels, compute in engine.label_samples(
        canonical.by_name, canonical.page_settings, canonical.model, context
    ):
        canonical.outputs.append((shared_sample(name, "", labels), compute))
    canonical.notes += engine.page_notes(canonical.by_name, canonical.page_settings, context)
    outputs = canonical.outputs
    plain = [compute if isinstance(compute, int) else 0 for _, compute in outputs]
    computed = [(i, c) for i, (_, c) in enumerate(outputs) if not isinstance(c, int)]
    by_family: dict[str, list[int]] = {}
    by_engine: dict[tuple[str, str], list[int]] = {}
    for i, (sample, _) in enumerate(outputs):
        if not sample.suffix:
            by_family.setdefault(sample.family, []).append(i)
            by_engine.setdefault((sample.family, sample.label("engine_index")), []).append(i)
    samples = tuple(sample for sample, _ in outputs)
    return Plan(
        engine=engine.name,
        context=context,
        samples=samples,
        origins=canonical.origins,
        notes=_printable_notes((*namespace.notes, *notes, *part.notes, *canonical.notes)),
        left_out=frozenset(canonical.left_out - {sample.family for sample, _ in outputs}),
        samples_dropped=sum(layout.dropped.values()),
        unknown_names=namespace.unknown_names,
        page_settings=canonical.page_settings,
        model=canonical.model,
        key=part.key,
        engines=_engines(samples, part) if part.understood else None,
        counting=_counting(samples, part) if part.understood else (),
        pushed=namespace.pushed,
        relayed=part.relayed,
        _computes=tuple(compute for _, compute in computed),
        _pick=item_getter(plain),
        _picked=tuple(i for i, _ in computed),
        _by_family=by_family,
        _by_engine=by_engine,
    )


def _printable_notes(notes: Sequence[str]) -> tuple[str, ...]:
    """Return notes as people may read them, whatever a page made them quote."""
    shown = [one_line(note, SENTENCE_CHARACTERS) for note in notes[:_MOST_NOTES]]
    if len(notes) > _MOST_NOTES:
        shown.append(f"{len(notes) - _MOST_NOTES} more remarks on this page are left out")
    return tuple(shown)


def _engines(samples: Iterable[Sample], part: Part) -> tuple[str, ...]:
    """Return the engines with a gauge of running requests; if none, all that count anything.

    Counters of an engine that has gone may stay on the page of whoever collects them for ever; its
    gauges do not.
    """
    running = _named_in(samples, "requests_running") if part.key else set()
    return tuple(sorted(running or _named_in(samples) - {""})) or ("",)


def _counting(samples: Iterable[Sample], part: Part) -> tuple[str, ...]:
    """Return the engines that count their own tokens."""
    counting = _named_in(samples, "generation_tokens_total", "decode_tokens_total") - {""}
    if not part.key:
        return tuple(sorted(counting)) or ("",)
    # a server of prompts alone may count nothing else
    counting |= _named_in(samples, "prompt_tokens_computed_total")
    return tuple(sorted(counting.intersection(_engines(samples, part))))


def _named_in(samples: Iterable[Sample], *families: str) -> set[str]:
    """Return the engines that samples of some families name, of all where none is given."""
    return {
        sample.label("engine_index")
        for sample in samples
        if not families or sample.family in families
    }
