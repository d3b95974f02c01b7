"""The pages; stubs until their templates are here."""

import html


def annotator_page(token: str) -> str:
    """Return the page of a session; its script reads the state."""
    return (
        "<!doctype html><html lang=en><head><title>Study</title>"
        f'<meta name="form-token" content="{html.escape(token)}"></head><body></body></html>'
    )


def message_page(title: str, text: str, status: int) -> str:
    """Return a page with one message."""
    return (
        f"<!doctype html><html lang=en><head><title>{html.escape(title)}</title></head>"
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></body></html>"
    )


def owner_page() -> str:
    """Return the owner's page; its script asks for the token."""
    return "<!doctype html><html lang=en><head><title>Owner</title></head><body></body></html>"
