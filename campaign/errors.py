"""Refusal: a rule said no, with a sentence for people."""


class Refusal(Exception):
    """A rule of the product said no.

    `sentence` is what a person reads: translated (lazily, where it must wait for a request),
    without personal data. `status` is the HTTP status with which the web says it.
    """

    status = 422

    def __init__(self, sentence: object) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


class Misconfigured(Exception):
    """A setting is missing or wrong; the text names the setting and the remedy."""
