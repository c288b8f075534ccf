"""Addresses of model files, however they are written."""

import re

_HUB = re.compile(
    r"(?:https://huggingface\.co/|hf://)?(?P<repository>[\w.-]+/[\w.-]+)/(?:(?:resolve|blob)/[^/]+/)?(?P<file>[^/@]+)(?:@.+)?"
)


def place(url: str) -> str:
    """A file of the hub, however its address is written: repository/file, in lower case; else the address."""
    match = _HUB.fullmatch(url.partition("?")[0])
    return f"{match['repository']}/{match['file']}".lower() if match else url
