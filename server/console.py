"""The page at `/`: where the server stands, and how to call it."""

import html

from server.manifest import Manifest
from server.status import State, Status

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{refresh}
<title>{model} · Paddock</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }}
  pre {{ padding: 1rem; overflow-x: auto; border: 1px solid; border-radius: .5rem }}
</style>
<h1>{model}</h1>
<p>State: <strong>{state}</strong>{detail}</p>
<p>OpenAI API: <code>{origin}/v1</code></p>
<pre>curl {origin}/v1/chat/completions -H 'Content-Type: application/json' \\
  -d '{{"messages": [{{"role": "user", "content": "What is Paddock?"}}]}}'</pre>
"""


def page(manifest: Manifest, status: Status, origin: str) -> str:
    """The page as HTML; it loads itself again until the server is ready."""
    detail = (
        f": {status.error}"
        if status.error
        else f", {status.bytes} of {status.total} bytes"
        if status.state is State.DOWNLOADING
        else ""
    )
    return _PAGE.format(
        refresh="" if status.state is State.READY else '<meta http-equiv="refresh" content="2">',
        model=html.escape(manifest.model),
        state=status.state,
        detail=html.escape(detail),
        origin=html.escape(origin),
    )
