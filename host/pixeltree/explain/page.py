"""An explanation as a page of its own: one HTML file, with the pictures inside."""

from __future__ import annotations

import base64
from html import escape

from pixeltree.explain.shots import Explanation

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1f2a37;max-width:80rem;margin:2rem auto;padding:0 1rem}"
    "img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def html(explanation: Explanation, picture: bytes) -> str:
    """The page.

    Args:
        explanation: what it tells.
        picture: PNG of :func:`pixeltree.explain.drawing.draw`.
    """
    result = explanation.result
    rows = "".join(
        f"<tr><td>{escape(shots.name)}</td><td class=n>{shots.device_us:,.1f}</td>"
        f"<td>{escape(_sums(shots.logits))}</td></tr>"
        for shots in explanation.nodes
    )
    image = base64.b64encode(picture).decode()
    cost = f"{result.words:,} instruction words, {result.device_us:,.1f} us of device time"
    alternative = "the tree, the path taken, and the planes of each node"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(explanation.tree.name)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(explanation.tree.name)}: {escape(result.label_name)}</h1>"
        f"<p>{len(explanation.nodes)} nodes, {cost} on {escape(explanation.device)}.</p>"
        f'<img alt="{alternative}" src="data:image/png;base64,{image}">'
        f"<table><tr><th>node</th><th>device time, us</th><th>sums</th></tr>{rows}</table></html>\n"
    )


def _sums(logits: tuple[int, ...]) -> str:
    most = 16
    shown = ", ".join(map(str, logits[:most]))
    return shown + (f", ... ({len(logits)} in all)" if len(logits) > most else "")
