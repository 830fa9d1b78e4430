"""The generated pages stand as their sources would write them today."""

from deploy import build as deploy
from scripts import generate


def test_the_generated_pages_have_not_drifted() -> None:
    docs = generate.ROOT / "docs"
    assert (docs / "metrics.md").read_text(encoding="utf-8") == generate.metrics()
    assert (docs / "support.md").read_text(encoding="utf-8") == generate.support()
    assert (docs / "compare.schema.json").read_text(encoding="utf-8") == generate.schema()
    assert (docs / "top.schema.json").read_text(encoding="utf-8") == generate.live_schema()
    assert (docs / "gpu-sources.md").read_text(encoding="utf-8") == generate.gpu_sources()


def test_the_kubernetes_resources_have_not_drifted() -> None:
    for name, text in deploy.texts().items():
        assert (deploy.DEPLOY / name).read_text(encoding="utf-8") == text, name
