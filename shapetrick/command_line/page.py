"""`shapetrick serve`: the page on this machine."""

from __future__ import annotations

import webbrowser
from argparse import Namespace

from .outcome import DONE, BadInput


def run(args: Namespace) -> int:
    """Serve the page until Ctrl-C. Returns the exit status; raises BadInput."""
    from ..web_page.server import PageServer

    try:
        server = PageServer(args.port, args.time_limit)
    except OSError as e:
        raise BadInput(f"cannot listen on port {args.port}: {e.strerror or e}.") from e
    with server:
        print(f"{server.address}\nCtrl-C ends it.", flush=True)
        if not args.no_browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return DONE
