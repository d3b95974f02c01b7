import pytest

from convergan.turing.study.tokens import token_sha256
from convergan.turing.web.owner_token import WRONG_TOKENS, OwnerTokens
from convergan.web.replies import RefusedError


def status(tokens: OwnerTokens, header: str) -> int:
    with pytest.raises(RefusedError) as refused:
        tokens.require(header)
    return refused.value.status


def test_a_token_leads_to_its_study_alone() -> None:
    tokens = OwnerTokens({"faces": token_sha256("one"), "digits": token_sha256("two")})
    assert tokens.require("Bearer one") == "faces"
    assert tokens.require("bearer  two ") == "digits"
    for header in ("", "one", "Basic one", "Bearer three", "Bearer "):
        assert status(tokens, header) == 401


def test_after_many_wrong_tokens_others_wait_and_the_right_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tokens = OwnerTokens({"faces": token_sha256("one")})
    assert {status(tokens, "Bearer x") for _ in range(WRONG_TOKENS)} == {401}
    assert status(tokens, "Bearer x") == 429
    assert tokens.require("Bearer one") == "faces"
    now[0] += 61
    assert status(tokens, "Bearer x") == 401
