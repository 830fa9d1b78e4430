"""Fields of models that hold durations, sizes and shares: texts, numbers and faults."""

import pytest
from pydantic import BaseModel, ValidationError

from exporter.base.unit_fields import Duration, PrometheusDuration, Share, Size


class Settings(BaseModel):
    interval: Duration = 1.0
    window: PrometheusDuration = "5m"
    page: Size = 1
    margin: Share = 0.5


def test_texts_are_read_numbers_being_seconds_bytes_and_shares() -> None:
    written = Settings.model_validate(
        {"interval": "1m30s", "window": "1h30m", "page": "2KiB", "margin": "3%"}
    )
    assert written == Settings(interval=90.0, window="1h30m", page=2048, margin=0.03)
    assert Settings.model_validate({"interval": 5, "page": 7, "margin": 0.1}).interval == 5.0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"interval": "soon"}, "'soon' is no duration; write it like 5s"),
        ({"interval": True}, "True is no duration; write it like 5s"),
        ({"interval": float("inf")}, "less than or equal to 3153600000"),
        ({"window": "1.5h"}, "'1.5h' is no duration; write it like 15m or 1h30m"),
        ({"window": ""}, "'' is no duration; write it like 15m or 1h30m"),
        ({"page": 0}, "greater than or equal to 1"),
        ({"margin": 3}, "'3' is no share; it lacks the %: write 3%, or 0.03"),
        ({"margin": "3"}, "'3' is no share; it lacks the %: write 3%, or 0.03"),
    ],
)
def test_faults(data: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as fault:
        Settings.model_validate(data)
    assert sentence in str(fault.value)
