"""Identifiers, codes, keyed hashes and signed invitations."""

import pytest

from convergan.turing.study.tokens import (
    CODE_LETTERS,
    equal_secrets,
    form_token,
    new_code,
    new_id,
    person_hash,
    read_invitation,
    sign_invitation,
    token_sha256,
    visit_hash,
)
from convergan.web.replies import RefusedError

KEY = b"k" * 32


def test_identifiers_and_codes_are_of_their_alphabets_and_never_repeat() -> None:
    identifiers, codes = {new_id() for _ in range(1000)}, {new_code() for _ in range(1000)}
    assert len(identifiers) == len(codes) == 1000
    assert all(
        len(name) == 22 and name.replace("-", "a").replace("_", "a").isalnum()
        for name in identifiers
    )
    assert all(len(code) == 10 and set(code) <= set(CODE_LETTERS) for code in codes)
    assert not set("IOL01") & set(CODE_LETTERS)


def test_a_person_is_hashed_with_the_key_and_the_panel() -> None:
    hashes = {
        person_hash(key, adapter, person)
        for key in (KEY, b"other")
        for adapter in ("prolific", "mturk")
        for person in ("ann", "ben", "\udcff")
    }
    assert len(hashes) == 12 and all(len(found) == 64 for found in hashes)
    assert person_hash(KEY, "a", "bc") != person_hash(KEY, "ab", "c")


def test_a_form_token_is_no_hash_of_a_person() -> None:
    assert form_token(KEY, "s") != person_hash(KEY, "form", "s")
    assert form_token(KEY, "s") == form_token(KEY, "s") != form_token(KEY, "t")


def test_secrets_are_equal_if_all_letters_are() -> None:
    assert equal_secrets("abc", "abc")
    assert not equal_secrets("abd", "abc") and not equal_secrets("", "abc")
    assert not equal_secrets("\udcff", "abc")  # as a header can hold
    assert token_sha256("a") != token_sha256("b")


def test_a_visit_is_hashed_as_no_person_is() -> None:
    hashes = {visit_hash(key, "prolific", "v") for key in (KEY, b"other")}
    hashes |= {visit_hash(KEY, "mturk", "v"), person_hash(KEY, "prolific", "v")}
    assert len(hashes) == 4


def test_an_invitation_is_read_by_its_study_alone_with_its_end() -> None:
    token = sign_invitation(KEY, "study", "invitation", 100.5)
    assert read_invitation(KEY, "study", token) == ("invitation", 100.0)
    for key, study, sent in ((b"other", "study", token), (KEY, "other", token), (KEY, "study", "")):
        with pytest.raises(RefusedError, match="not genuine") as refused:
            read_invitation(key, study, sent)
        assert refused.value.status == 404
