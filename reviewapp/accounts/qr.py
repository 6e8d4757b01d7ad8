"""A QR code as inline SVG: one path, no style, black on white in either theme."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

QUIET = 4  # modules of white around it, as the standard asks


def qr_svg(text: str, label: str) -> SafeString:
    """``label`` says to a screen reader what it holds."""
    import qrcode  # only the page that shows one needs it

    code = qrcode.QRCode(border=QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return format_html(
        '<svg width="240" height="240" viewBox="0 0 {} {}" shape-rendering="crispEdges" role="img" aria-label="{}">'
        '<rect width="100%" height="100%" fill="#fff"></rect><path d="{}" fill="#000"></path></svg>',
        len(rows),
        len(rows),
        label,
        path,
    )
