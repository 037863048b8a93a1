"""The engine's words as a page says them."""


def sentence(words: str) -> str:
    """Return words as a sentence.

    >>> sentence("the amount must be above zero")
    'The amount must be above zero.'
    """
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"
