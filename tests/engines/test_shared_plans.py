"""Servers whose pages have one layout share its plans, where the same is known of them."""

import weakref

import pytest

from exporter.engines.catalog import PageContext
from exporter.engines.detect import is_in_catalog
from exporter.engines.page_plans import shared_plans
from exporter.engines.plan import Plan, Sample
from exporter.exposition import Layout, Reader

PAGE = (
    'vllm:num_requests_running{{engine="0",model_name="{0}"}} 1\n'
    'vllm:generation_tokens_total{{engine="0",model_name="{0}"}} 5\n'
)
CONTEXT = PageContext(version="0.20.0")


def plan_of(layout: Layout, context: PageContext = CONTEXT, key: tuple[str, ...] = ()) -> Plan:
    (plan,) = shared_plans(layout, lambda model: context, {"m": key} if key else {})
    return plan


@pytest.fixture
def layouts() -> tuple[Layout, Layout]:
    """Return the layouts of a page, and of one that has another model."""
    return Reader(is_in_catalog).read(PAGE.format("m")).layout, Reader(is_in_catalog).read(
        PAGE.format("n")
    ).layout


def test_one_layout_and_one_context_have_one_plan(layouts: tuple[Layout, Layout]) -> None:
    assert plan_of(layouts[0]) is plan_of(layouts[0])
    assert plan_of(layouts[0]) is not plan_of(layouts[1])


@pytest.mark.parametrize(
    "context",
    [PageContext(version="0.21.0"), PageContext(version="0.20.0", role="decode")],
    ids=["version", "role"],
)
def test_what_is_known_of_a_server_has_a_plan_of_its_own(
    layouts: tuple[Layout, Layout], context: PageContext
) -> None:
    first = plan_of(layouts[0])
    second = plan_of(layouts[0], context)
    assert second.context == context
    assert plan_of(layouts[0]) is first
    assert plan_of(layouts[0], context) is second


def test_an_engine_known_by_a_label_keeps_its_name_on_a_page_shared_with_others(
    layouts: tuple[Layout, Layout],
) -> None:
    assert plan_of(layouts[0]).key == ()
    assert plan_of(layouts[0], key=("model_name",)).key != plan_of(layouts[0]).key


def test_plans_differ_in_what_differs(layouts: tuple[Layout, Layout]) -> None:
    with_settings = 'vllm:cache_config_info{{num_gpu_blocks="{0}"}} 1\n'
    readers = Reader(is_in_catalog), Reader(is_in_catalog)
    one, other = (
        plan_of(reader.read(PAGE.format("m") + with_settings.format(blocks)).layout)
        for reader, blocks in zip(readers, ("1", "2"), strict=True)
    )
    assert one is not other
    assert [a is b for a, b in zip(one.samples, other.samples, strict=True)] == [True] * 2


def test_plans_end_with_their_layout_and_samples_with_their_plans() -> None:
    reader = Reader(lambda name: is_in_catalog(name))
    plans, samples = weakref.WeakSet[Plan](), weakref.WeakSet[Sample]()
    for i in range(20):
        layout = reader.read(PAGE.format(f"model-{i}")).layout
        for version in range(20):
            plan = plan_of(layout, PageContext(version=f"0.20.{version}"))
            plans.add(plan)
            samples.update(plan.samples)
    assert len(plans) <= 5
    assert len(samples) == 2
