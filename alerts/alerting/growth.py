"""When a count grew, and when what grew is news: conditions that gaps in the data do not meet."""


def growth(series: str, window: str) -> str:
    """Return how much a counter grew within the last window, where it did.

    It is compared with its last sample before the window, so what happened in a gap counts; an
    increase within the window covers a counter that began anew.
    """
    return (
        f"({series} - {_before(series, window)} > 0) or (round(increase({series}[{window}])) > 0)"
    )


def appearance(series: str, window: str, by: str, watched: str, on: str) -> str:
    """Return a series that first appeared within the last window, at its value.

    A counter that exists only from its first event on has no increase. It is news only where its
    subject was `watched` for longer, else a first installation or the end of a gap would be. `by`
    are the labels that tell the series apart, `on` those of the subject among them.
    """
    later = (
        f"count_over_time({series}[{window}])"
        f" < on {on} group_left () count_over_time({watched}[{window}])"
    )
    return f"({series} > 0 unless on {by} {_before(series, window)} and on {by} {later})"


def _before(series: str, window: str) -> str:
    return f"last_over_time({series}[{window}] offset {window})"
