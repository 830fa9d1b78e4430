"""What is published of a server: every family of the vocabulary has its samples, and no other."""

from exporter.publish.server_samples import IDENTITY_SAMPLES, TARGET_SAMPLES
from exporter.vocabulary.exporter import IDENTITY, TARGET


def test_every_family_of_the_vocabulary_is_read_and_no_other() -> None:
    assert set(TARGET_SAMPLES) == {family.name for family in TARGET}
    assert set(IDENTITY_SAMPLES) == {family.name for family in IDENTITY}
