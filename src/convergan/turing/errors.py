"""What a study refuses, each as one sentence."""


class StudyError(ValueError):
    """Images or a study that cannot be used; the text is for the owner of the study."""


class RefusedError(Exception):
    """A request of a browser that is refused.

    Attributes:
        status: of the HTTP reply, 4xx.
        text: one sentence for the person; nothing in it depends on what an image is.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
