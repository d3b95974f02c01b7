import json

from convergan.web.replies import RefusedError, invalid_reply, json_reply


def test_json_has_no_spaces_and_its_status() -> None:
    reply = json_reply({"error": "no", "more": [1, 2]}, 409)
    assert reply.status_code == 409
    assert bytes(reply.body) == b'{"error":"no","more":[1,2]}'
    assert reply.media_type == "application/json"


def test_a_refusal_has_a_status_and_a_sentence() -> None:
    error = RefusedError(404, "There is nothing.")
    assert (error.status, error.text, str(error)) == (404, "There is nothing.", "There is nothing.")


def test_the_first_wrong_field_is_named() -> None:
    reply = invalid_reply([{"loc": ("body", "item", 0), "msg": "is no number"}, {}])
    assert reply.status_code == 422
    assert json.loads(bytes(reply.body)) == {"error": "item.0: is no number"}
    whole = invalid_reply([{"loc": ("body",), "msg": "is missing"}])
    assert json.loads(bytes(whole.body)) == {"error": "the body: is missing"}
