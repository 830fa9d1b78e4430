"""What readers of outside texts may do beside reading them: refuse, in a sentence."""

from collections.abc import Callable


def refusal(refused: type[Exception], use: Callable[[], object]) -> str:
    """Return the sentence in which something is refused, empty where it can be used.

    Any other error is the fault that is sought, and so is a sentence that no log line can hold.
    """
    try:
        use()
    except refused as error:
        sentence = str(error)
    else:
        return ""
    assert sentence
    assert sentence.isprintable(), sentence
    return sentence
