"""Kernels of tutorials do not say on every start that their sockets are local and plain."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.Application.log_level = "ERROR"
