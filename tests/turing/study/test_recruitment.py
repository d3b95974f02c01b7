import pytest

from convergan.turing.study.recruitment import (
    MTURK,
    NO_PANEL,
    PREVIEW,
    Panel,
    arrive_from_mturk,
    arrive_from_prolific,
    check_codes,
    return_to_mturk,
    return_to_prolific,
)

PROLIFIC = {"PROLIFIC_PID": "5f1e0a", "STUDY_ID": "60aa11", "SESSION_ID": "60ab22"}
TURK = {
    "assignmentId": "3ABCD",
    "hitId": "3HIT",
    "workerId": "A1WORKER",
    "turkSubmitTo": "https://www.mturk.com",
}
WILD = [
    "",
    " ",
    "{{%PROLIFIC_PID%}}",
    "a b",
    "a/b",
    "é",
    "a" * 65,
    "<b>",
    "a\n",
    "a\x00",
    "..",
    "%41",
]
HOSTILE = [
    "",
    "https://www.mturk.com/",
    "https://www.mturk.com.evil.example",
    "https://evil.example/www.mturk.com",
    "https://evil.example#https://www.mturk.com",
    "https://evil.example?https://www.mturk.com",
    "https://www.mturk.com@evil.example",
    "https://www.mturk.com:443",
    "https://www.mturk.com\\@evil.example",
    "https://www.mturk.com\n",
    " https://www.mturk.com",
    "http://www.mturk.com",
    "HTTPS://WWW.MTURK.COM",
    "https://mturk.com",
    "https://xwww.mturk.com",
    "https://wwwxmturk.com",
    "https://www.mturk.com%2eevil.example",
    "https://www．mturk.com",
    "//www.mturk.com",
    "www.mturk.com",
    "javascript:alert(1)",
    "data:text/html,x",
]


def test_prolific_parameters_say_who_came() -> None:
    arrival = arrive_from_prolific(PROLIFIC.items())
    assert (arrival.adapter, arrival.person, arrival.task, arrival.visit, arrival.submit_to) == (
        "prolific",
        "5f1e0a",
        "60aa11",
        "60ab22",
        None,
    )


@pytest.mark.parametrize("name", PROLIFIC)
def test_a_missing_prolific_parameter_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        arrive_from_prolific((key, value) for key, value in PROLIFIC.items() if key != name)


@pytest.mark.parametrize("name", PROLIFIC)
@pytest.mark.parametrize("value", WILD)
def test_a_wild_prolific_parameter_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        arrive_from_prolific((PROLIFIC | {name: value}).items())


def test_a_parameter_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        arrive_from_prolific([*PROLIFIC.items(), ("PROLIFIC_PID", "other")])
    with pytest.raises(ValueError, match="twice"):
        arrive_from_mturk([*TURK.items(), ("turkSubmitTo", "https://evil.example")])


def test_the_way_back_to_prolific_has_the_code_of_the_session() -> None:
    back = return_to_prolific("C0DE-7")
    assert back._asdict() == {
        "method": "GET",
        "url": "https://app.prolific.com/submissions/complete",
        "fields": {"cc": "C0DE-7"},
    }


def test_a_study_for_prolific_has_codes_that_differ_and_no_other_has_any() -> None:
    check_codes("prolific", "C1", "C2", None)
    check_codes("prolific", "C1", "C2", "C3")
    check_codes("invitation", None, None, None)
    for codes, reason in (
        ((None, "C2", None), "needs completion-code"),
        (("C1", None, "C3"), "needs screened-out"),
        (("C1", "C1", None), "must differ"),
        (("C1", "C2", "C2"), "must differ"),
        (("C 1", "C2", None), "a code is"),
        (("C1", "https://app.prolific.com/submissions/complete?cc=C2", None), "a code is"),
    ):
        with pytest.raises(ValueError, match=reason):
            check_codes("prolific", *codes)
    for recruiter in ("invitation", "mturk"):
        with pytest.raises(ValueError, match="failed-attention needs --recruiter prolific"):
            check_codes(recruiter, None, None, "C3")


def test_a_preview_is_nobody_whatever_else_the_link_has() -> None:
    assert arrive_from_mturk({"assignmentId": PREVIEW}.items()) is None
    assert arrive_from_mturk((TURK | {"assignmentId": PREVIEW, "turkSubmitTo": ""}).items()) is None


def test_mturk_parameters_say_who_came_and_where_the_form_goes() -> None:
    arrival = arrive_from_mturk(TURK.items())
    assert arrival is not None
    assert (arrival.person, arrival.visit, arrival.task) == ("A1WORKER", "3ABCD", "3HIT")
    assert arrival.submit_to == "https://www.mturk.com"
    back = return_to_mturk(arrival.submit_to, "C0DE")
    assert back._asdict() == {
        "method": "POST",
        "url": "https://www.mturk.com/mturk/externalSubmit",
        "fields": {"code": "C0DE"},
    }


@pytest.mark.parametrize("name", TURK)
def test_a_missing_mturk_parameter_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        arrive_from_mturk((key, value) for key, value in TURK.items() if key != name)


@pytest.mark.parametrize("submit_to", HOSTILE)
def test_the_form_goes_to_no_origin_but_the_panels_own(submit_to: str) -> None:
    with pytest.raises(ValueError, match="turkSubmitTo must be one of"):
        arrive_from_mturk((TURK | {"turkSubmitTo": submit_to}).items())
    with pytest.raises(ValueError, match="turkSubmitTo must be one of"):
        return_to_mturk(submit_to, "C0DE")


@pytest.mark.parametrize("submit_to", ["https://www.mturk.com", "https://workersandbox.mturk.com"])
def test_both_origins_of_the_panel_are_allowed(submit_to: str) -> None:
    arrival = arrive_from_mturk((TURK | {"turkSubmitTo": submit_to}).items())
    assert arrival is not None and arrival.submit_to == submit_to


def test_only_a_panel_that_uses_frames_may_frame_the_pages() -> None:
    assert "frame-ancestors 'none'" in NO_PANEL.content_security()
    directives = MTURK.content_security().split("; ")
    assert directives[0] == "frame-ancestors " + " ".join(MTURK.frames)
    assert directives[1] == (
        "form-action 'self' https://www.mturk.com https://workersandbox.mturk.com"
    )


@pytest.mark.parametrize(
    "origin", ["*", "https://a.example; script-src *", "a.example", "https://a/b"]
)
def test_a_panel_of_anything_but_origins_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="an origin is like"):
        Panel(frames=(origin,))


@pytest.mark.parametrize("code", ["", "a b", "&cc=other", "<"])
def test_what_is_no_code_goes_nowhere(code: str) -> None:
    with pytest.raises(ValueError, match="a code is"):
        return_to_prolific(code)
    with pytest.raises(ValueError, match="a code is"):
        return_to_mturk("https://www.mturk.com", code)
