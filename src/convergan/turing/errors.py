"""What a study refuses, each as one sentence."""


class StudyError(ValueError):
    """Images or a study that cannot be used; the text is for the owner of the study."""
