"""What a study refuses, each as one sentence for whoever reads it."""


class StudyError(ValueError):
    """Images or a study that cannot be used, told to the owner of the study."""


class RefusedError(Exception):
    """What a person's browser asked for and does not get.

    Attributes:
        status: of the HTTP reply, 4xx.
        text: one sentence for the person; nothing in it depends on what an image is.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
