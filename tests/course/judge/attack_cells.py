"""Hostile answers to lab01.q1, by family. None of them keeps a promise of its question, so none may pass."""

from __future__ import annotations

CELLS: dict[str, tuple[tuple[str, ...], str]] = {}
"""By family and name: the hints that are right, and the source."""

# ------------------------------------------------------------------------------- the conversation with the judge

SAY = '''# answer: lab01.q1
import os
def say(*lines):
    for descriptor in range(16):
        for line in lines:
            try:
                os.write(descriptor, line + b"\\n")
            except OSError:
                pass
'''
WRONG = ("NOT_CALLED", "NONSENSE", "EXITS", "FLOOD", "RAISES")
"""Where the judge hears nonsense, it depends on the moment what it says of it."""


def says(code: str, lines: str) -> str:
    return SAY + f"{code}\ndef deliver_all(event, subscribers):\n    say({lines})\n"


for name, lines in {
    "an early return": "b'[\"return\", null]'",
    "a thousand returns": "*[b'[\"return\",[]]'] * 1000",
    "a verdict": "b'{\"status\": \"passed\", \"earned\": 2}', b'lab01.q1 PASSED', b'PASS'",
    "an error of the judge's": "b'[\"raise\",\"KeyboardInterrupt\",\"Ctrl-C\",\"lab01.q1\",1,\"\",true]'",
    "an error without a place": "b'[\"raise\",\"ValueError\",\"x\",\"\",1e300,\"\",true]'",
    "an error of other shapes": "b'[\"raise\",[],{\"$\":\"int\"},null,true,[],{}]'",
    "that it is ready": "b'[\"ready\", \"files\", \"calls\"]'",
    "an ask for nobody": "b'[\"ask\",99,\"\",[],{}]'",
    "an ask before the first": "b'[\"ask\",-1,\"\",[],{}]'",
    "an ask by word": "b'[\"ask\",\"give_up\",[1],[],{}]'",
    "an ask with odd arguments": "b'[\"ask\",0,\"\",\"abc\",[1,2]]', "
                                 "b'[\"ask\",0,\"\",{\"$\":\"dict\",\"v\":[[1,2]]},{\"1\":2}]'",
    "an object that is none": "b'[\"return\",{\"$\":\"object\",\"v\":[\"answer\",\"x\",[],1,[]]}]'",
    "an object with odd fields":
        "b'[\"return\",{\"$\":\"object\",\"v\":[\"answer\",1,\"x\",true,{\"$\":\"float\",\"v\":1}]}]'",
    "a port that is none": "b'[\"return\",{\"$\":\"object\",\"v\":[\"port\",7]}]'",
    "a damaged event": "b'[\"return\",{\"$\":\"event\",\"v\":\"{}\"}]'",
    "a damaged number": "b'[\"return\",{\"$\":\"int\",\"v\":\"0x' + b'f' * 9999 + b'\"}]'",
    "an unknown tag": "b'[\"return\",{\"$\":[[]],\"v\":1}]'",
    "no JSON": "b'\\xff\\xfe\\x00'",
    "half a character": "b'[\"return\",\"\\\\ud800\"]'",
    "brackets without end": "b'[' * 100_000",
    "objects in objects": "b'[\"return\",' + b'{\"$\":\"object\",\"v\":[\"answer\",1,\"x\",true,{\"a\":' * 9000",
    "a line without an end": "b'x' * 900_000",
}.items():
    CELLS[f"forge: {name}"] = WRONG, says("", lines)
    if name in ("an early return", "an ask for nobody", "a line without an end", "no JSON"):
        CELLS[f"forge: {name}, before it is asked"] = WRONG, says(f"say({lines})", lines)

PATCHED = "NOT_CALLED", "NONSENSE", "EXITS", "REPORT_SHAPE", "STOPS_AT_FAILURE"
CELLS |= {f"patch: {name}": (PATCHED, "# answer: lab01.q1\n" + code) for name, code in {
    "the actor": '''
import evlab.course.judge.stage as stage
stage.Actor.perform = lambda self, message: self.channel.send(["return", []])
def deliver_all(event, subscribers): return []
''',
    "the protocol": '''
import sys
for module in list(sys.modules.values()):
    if hasattr(module, "pack"):
        module.pack = lambda *_: ["PASS"]
        module.encode_line = lambda message: b'["return", true]\\n'
def deliver_all(event, subscribers): return []
''',
    "msgspec and json": '''
import json, msgspec
json.dumps = msgspec.json.encode = lambda *_: b'["return", true]'
msgspec.json.decode = lambda *_: ["reset", 1]
def deliver_all(event, subscribers): return []
''',
    "the builtins": '''
import builtins
builtins.isinstance = lambda *_: True
builtins.len = lambda *_: 0
builtins.all = builtins.any = lambda *_: True
def deliver_all(event, subscribers): return []
''',
    "linecache and traceback": '''
import linecache, traceback
linecache.getline = traceback.walk_tb = None
def deliver_all(event, subscribers): raise ValueError("x")
''',
    "stdout": '''
import sys
sys.stdout = sys.__stdout__ = sys.stderr = None
def deliver_all(event, subscribers): print("PASS"); return []
''',
    "the judge by name": '''
import sys
class All:
    passed, status, points, earned = True, "passed", 2, 2
    def __getattr__(self, name): return All()
    def __call__(self, *a, **k): return All()
for name in ("verdict", "actor", "question", "labs"):
    sys.modules["evlab.course.judge." + name] = All()
def deliver_all(event, subscribers): return []
''',
    "what it finds in memory": '''
import gc
def deliver_all(event, subscribers):
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Check", "Question", "Lab", "Verdict", "World", "Case"):
            print("FOUND", thing)
        if type(thing).__name__ == "Actor":
            thing.objects.clear(); thing.ports.clear()
    return []
''',
    "the frames above": '''
import sys
def deliver_all(event, subscribers):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if hasattr(value, "channel"):
                value.channel.send(["return", []])
        frame = frame.f_back
    return []
'''}.items()}

# --------------------------------------------------------------------------------------------- values that lie

LIES = '''# answer: lab01.q1
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __contains__(self, item): return True
    def __len__(self): return 2
    def __getitem__(self, place): return self
class Text(str):
    __eq__ = Equal.__eq__
    __hash__ = Equal.__hash__
    def __str__(self): return self
    def __contains__(self, item): return True
class Number(int):
    __eq__ = Equal.__eq__
    __hash__ = Equal.__hash__
    def __index__(self): raise ValueError
    def __lt__(self, other): return True
class Many(list):
    __eq__ = Equal.__eq__
    def __iter__(self):
        while True: yield Equal()
    def __len__(self): return -5
class Pair(tuple):
    def __iter__(self): yield from (Equal(),) * 10
    def __len__(self): return 2
class Names(dict):
    def items(self): raise SystemExit
    def keys(self): return Many()
class Liar:
    __class__ = list
class Endless:
    def __iter__(self): return self
    def __next__(self): return self
    def __len__(self): return 10**10
    def __repr__(self): return repr(self)
    def __getattr__(self, name): return self
class Sour:
    def __getattribute__(self, name): raise SystemExit(name)
    def __repr__(self): raise ValueError
class Meta(type):
    @property
    def __name__(cls): return Equal()
    def __instancecheck__(cls, item): return True
class Odd(metaclass=Meta): pass
class Error(Exception):
    def __str__(self): raise KeyError
    args = property(lambda self: 1 / 0)
class Slow(Exception):
    def __str__(self):
        while True: pass
def deliver_all(event, subscribers):
    for name, handler in subscribers: handler(event)
    return %s
'''
REPORTS = ("REPORT_SHAPE", "YIELDS", "SWALLOWED", "STOPS_AT_FAILURE", "RAISES", "EXITS", "NONSENSE", "STUCK", "MEMORY",
           "RECURSION")
for name, value in {
    "always equal": "Equal()", "a list of the always equal": "[Equal()] * 6",
    "pairs of them": "[(Equal(), Equal())] * 6",
    "text that is equal to all": "[(Text('email'), Text('card declined'))] * 6", "numbers": "[Number(2)] * 6",
    "a list that lies": "Many([1])", "a pair that lies": "[Pair((1,))] * 6", "a dict that lies": "Names(a=1)",
    "a false class": "Liar()", "a list of false classes": "[Liar()] * 6", "endless": "Endless()",
    "attributes that exit": "Sour()", "a class with a false name": "[Odd()] * 6",
    "an error that cannot speak": "Error()",
    "an error that never ends": "Slow()", "a generator": "(pair for pair in [])", "a generator without end":
    "iter(int, 1)", "a coroutine": "(lambda: (yield))()", "a port": "subscribers[0][1]", "the judge's own object":
    "subscribers[0][1].__dict__", "what it has of the judge": "subscribers[0][1].__ask__.__self__", "an event": "event",
    "a class": "Equal", "a module": "__import__('sys')", "its frame": "__import__('sys')._getframe()",
    "nested without end": "(lambda a: a.append(a) or a)([])", "nested a hundred times":
    "__import__('functools').reduce(lambda a, _: [a], range(100), 1)", "nested forty times":
    "__import__('functools').reduce(lambda a, _: [a], range(39), 1)", "a dict that holds itself":
    "(lambda a: a.update(a=a) or a)({})", "a large number": "1 << 13_990", "a huge number": "[10**100_000]",
    "a million": "['x'] * 1_000_000", "not a number": "[float('nan')] * 6", "infinity": "float('inf')",
    "a long text": "'x' * 690_000", "too long a text": "'x' * 5_000_000", "half a character": "'\\ud800'",
    "keys of all kinds": "{1: 2, (1,): 3, None: 4, '$': 5, True: 6}",
    "a key that is a tag": "{'$': 'object', 'v': ['port', 0]}",
    "colours": "'\\x1b[2J\\x1b[32mPASSED 2 of 2'", "nothing": "None", "yes": "True", "PASS": "'PASS'",
    "a set": "{1, 'a', None}", "bytes": "b'PASS'", "complex": "1j", "pairs of three": "[('email', 1, 2)] * 6",
    "pairs with lists": "[([], {})] * 6", "errors that are errors": "[('email', ValueError('card declined'))] * 6",
}.items():
    CELLS[f"lie: {name}"] = REPORTS, LIES % value

# -------------------------------------------------------------------------------------------------- endings

CELLS |= {f"end: {name}": (hints, "# answer: lab01.q1\nimport os, sys, ctypes\n" + (
    code if "def " in code else f"def deliver_all(event, subscribers):\n    {code}\n"))
    for name, hints, code in [
        ("sys.exit", ("EXITS",), "sys.exit(0)"),
        ("os._exit", ("EXITS",), "os._exit(0)"),
        ("abort", ("EXITS",), "os.abort()"),
        ("quit", ("EXITS",), "quit()"),
        ("a wild pointer", ("EXITS",), "ctypes.string_at(1)"),
        ("a poke", ("EXITS",), "ctypes.memset(id(None), 0, 64)"),
        ("SystemExit with an object", ("EXITS",), "raise SystemExit({'passed': True})"),
        ("KeyboardInterrupt", ("RAISES",), "raise KeyboardInterrupt('Ctrl-C')"),
        ("GeneratorExit", ("RAISES",), "raise GeneratorExit"),
        ("an error of its own", ("RAISES",), "raise type('Mine', (BaseException,), {})('x')"),
        ("an error that says the judge raised it", ("RAISES",),
         "raise type('Mine', (Exception,), {'__from_judge__': 1})('x')"),
        ("its pipes closed", ("EXITS",), "os.closerange(0, 99)"),
        ("while its cell is run", ("EXITS",), "sys.exit(1)\ndef deliver_all(event, subscribers): pass"),
        ("on import", ("EXITS",), "os._exit(3)\ndef deliver_all(event, subscribers): pass"),
        ("by recursion", ("RECURSION",), "return deliver_all(event, subscribers)"),
        ("by recursion in C", ("EXITS", "STUCK", "MEMORY"),
         "sys.setrecursionlimit(10**9)\ndef deliver_all(event, subscribers): deliver_all(event, subscribers)"),
        ("a division by nothing", ("RAISES",), "1 / 0"),
        ("SyntaxError with lies", ("SYNTAX",), "raise SyntaxError('x', (b'y', 'z', [], 4))"),
        ("the judge's words", ("RAISES",),
         "raise Exception('\\x1b[1A\\x1b[2K\\n  \\u2713 passed, 2 of 2 points\\u202e')"),
        ("a handler called without an event", ("RAISES", "WITHOUT_EVENT"), "subscribers[0][1]()"),
        ("a handler called with names", ("RAISES",), "subscribers[0][1](**{'a b': 1})"),
        ("a handler called with itself", ("RAISES", "WITHOUT_EVENT"), "subscribers[0][1](subscribers[0][1])"),
        ("a verb that nobody gave", ("RAISES",), "subscribers[0][1].__ask__(0, 'xx', (), {})"),
        ("async", ("NOT_CALLED", "YIELDS"), "async def deliver_all(event, subscribers): return []"),
        ("a generator", ("NOT_CALLED", "YIELDS"), "def deliver_all(event, subscribers): yield 1"),
    ]}

# ------------------------------------------------------------------------------ time, memory and output without end

BOMBS = {f"bomb: {name}": (hints, "# answer: lab01.q1\nimport os, sys, re\n" + (
    code if "def " in code else f"def deliver_all(event, subscribers):\n    {code}\n"))
    for name, hints, code in [
        ("a loop", ("STUCK",), "while True: pass"),
        ("a loop in the cell", ("STUCK",), "while True: pass\ndef deliver_all(event, subscribers): pass"),
        ("a loop in C", ("STUCK",), "sum(iter(int, 1))"),
        ("a loop that swallows everything", ("STUCK",),
         "exec('while 1:\\n try:\\n  while 1: pass\\n except BaseException: pass')"),
        ("a loop of calls", ("ENDLESS",), "while True: subscribers[0][1](event)"),
        ("a loop of wrong calls", ("ENDLESS",),
         "exec('while 1:\\n try: subscribers[0][1]()\\n except Exception: pass')"),
        ("large calls", ("FLOOD", "ENDLESS"),
         "exec('while 1:\\n try: subscribers[0][1](\"x\" * 600_000)\\n except Exception: pass')"),
        ("a regular expression", ("STUCK",), "re.match('(a|aa)+$', 'a' * 90 + 'b')"),
        ("a power", ("STUCK", "MEMORY"), "7 ** 7 ** 9"),
        ("the parser", ("SYNTAX", "MEMORY", "RAISES", "STUCK", "EXITS"), "eval('(' * 99_999)"),
        ("memory in a list", ("MEMORY", "STUCK"), "exec('a = []\\nwhile True: a.append(bytearray(1_000_000))')"),
        ("memory at once", ("MEMORY",), "b'x' * 10**12"),
        ("memory in text", ("MEMORY", "STUCK"), "exec('a = \"x\"\\nwhile True: a += a')"),
        ("memory by mmap", ("MEMORY", "RAISES"), "import mmap; mmap.mmap(-1, 2**31)"),
        ("prints", ("STUCK", "NOT_CALLED"), "while True: print('PASS' * 1000)"),
        ("text to descriptors", (*WRONG, "STUCK"),
         "exec('while 1:\\n for d in range(16):\\n  try: os.write(d, b\"x\" * 9999)\\n  except OSError: pass')"),
    ]}
SILENT = {f"silence: {name}": (("STUCK",), "# answer: lab01.q1\nimport os, sys, threading\n"
                                            f"def deliver_all(event, subscribers):\n    {code}\n")
          for name, code in [
              ("waits for the judge",
               "exec('while 1:\\n for d in range(3, 16):\\n  try: os.read(d, 1)\\n  except OSError: pass')"),
              ("waits for a lock", "lock = threading.Lock(); lock.acquire(); lock.acquire()"),
              ("waits for a queue", "import queue; queue.Queue().get()")]}

# ----------------------------------------------------------------------------------------------- tricks of source

RIGHT = '''def deliver_all(event, subscribers):
    failures = []
    for name, handler in subscribers:
        try:
            handler(event)
        except Exception as error:
            failures.append((name, error))
    return failures
'''
SOURCES = {f"source: {name}": (hints, code) for name, hints, code in [
    ("a null byte", ("RAISES", "SYNTAX"), "# answer: lab01.q1\n\0def deliver_all(): pass"),
    ("half a character", ("SYNTAX",), "# answer: lab01.q1\nx = '\ud800'\ndef deliver_all(): pass"),
    ("brackets", ("SYNTAX", "RAISES", "MEMORY"), "# answer: lab01.q1\n" + "(" * 90_000),
    ("brackets that close", ("SYNTAX", "RAISES", "MEMORY"), "# answer: lab01.q1\nx = " + "(" * 9000 + ")" * 9000),
    ("a long sum", ("RECURSION", "NOT_DEFINED", "RAISES", "EXITS"),
     "# answer: lab01.q1\nx = 1" + "+1" * 45_000),
    ("many nots", ("SYNTAX", "RAISES", "MEMORY", "RECURSION"), "# answer: lab01.q1\nx = " + "not " * 20_000 + "1"),
    ("ten megabytes", ("FLOOD",), "# answer: lab01.q1\n" + "x = 1\n" * 1_700_000),
    ("a hundred thousand characters outside the plane", ("SYNTAX",), "# answer: lab01.q1\n" + "\U0001f600" * 90_000),
    ("a hundred thousand controls", ("SYNTAX", "RAISES"), "# answer: lab01.q1\n" + "\x01" * 90_000),
    ("nothing at all", ("NOT_DEFINED", "RAISES"), "# answer: lab01.q1\n"),
    ("not Python", ("SYNTAX",), "# answer: lab01.q1\nthis is no Python"),
    ("another indentation", ("SYNTAX",), "# answer: lab01.q1\nif 1:\n\tx\n        y"),
    ("a cookie", ("SYNTAX", "NOT_CALLED", "RAISES"),
     "# answer: lab01.q1\n# -*- coding: utf-7 -*-\ndef deliver_all(event, subscribers): return +AFsAXQ-"),
    ("an answer in a string", ("NOT_DEFINED", "RAISES"),
     '# answer: lab01.q1\n"""\n# answer: lab01.q1\n' + RIGHT + '"""\n'),
    ("a name that is not Latin", ("NOT_DEFINED",),
     "# answer: lab01.q1\n" + RIGHT.replace("deliver_all", "d\u0435liver_all")),
    ("invalid escapes", ("NOT_CALLED",), "# answer: lab01.q1\nx = '" + "\\d" * 9000
     + "'\ndef deliver_all(event, subscribers): return []"),
    ("a huge literal", ("SYNTAX",), "# answer: lab01.q1\nx = " + "9" * 90_000),
]}
RIGHT_TRICKS = {
    "a form feed": "# answer: lab01.q1\n\x0c\n" + RIGHT,
    "bidirectional characters": "# answer: lab01.q1\n# \u202e not what it seems \u2066\n" + RIGHT,
    "carriage returns": "# answer: lab01.q1\r\n" + RIGHT.replace("\n", "\r\n"),
    "a byte order mark in a string": "# answer: lab01.q1\nx = '\ufeff\U0001f600'\n" + RIGHT,
    "prints that say FAILED": "# answer: lab01.q1\nprint('FAILED\\x1b[2J' * 9999)\n" + RIGHT,
    "its limits lowered": "# answer: lab01.q1\nimport gc, sys\ngc.disable()\nsys.setrecursionlimit(200)\n" + RIGHT,
    "a report in lists": "# answer: lab01.q1\n" + RIGHT.replace("((name, error))", "([name, error])"),
    "subclasses of plain types": "# answer: lab01.q1\nclass L(list): pass\nclass T(tuple): pass\n" + RIGHT.replace(
        "failures = []", "failures = L()").replace("((name, error))", "(T((name, error)))"),
    "signals and exit hooks": "# answer: lab01.q1\nimport atexit, signal\natexit.register(print)\n"
                              "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + RIGHT,
}
"""Right answers with harmless tricks: these pass."""
