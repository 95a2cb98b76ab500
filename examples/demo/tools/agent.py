"""Stands in for a coding agent in `toll demo`: real edits, no model, no network.

Like any agent it finds the prompt on its standard input, its task and attempt in the environment,
and works in the directory in which it was started. Like any agent it makes mistakes: the tasks
`thousands`, `cache-total` and `dotted-lines` go wrong on purpose.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.15


class CannotDo(Exception):
    """The task makes no sense in the files that are here."""


# --- the tasks -----------------------------------------------------------------------------------


def csv_export():
    """Add a module and its tests."""
    say("a new module, next to receipt.py")
    write("tally/export.py", EXPORT)
    say("and its tests")
    write("tests/test_export.py", EXPORT_TESTS)
    return "Baskets can be exported as CSV."


def json_export():
    """Extend the module that `csv-export` made."""
    say("the columns are those of to_csv, so both share them")
    replace("tally/export.py", "import io\n", "import io\nimport json\n")
    append("tally/export.py", JSON_EXPORT)
    replace("tests/test_export.py", "import unittest\n", "import json\nimport unittest\n")
    replace("tests/test_export.py", "import to_csv\n", "import to_csv, to_json\n")
    append("tests/test_export.py", JSON_EXPORT_TEST)
    return "Baskets can be exported as JSON."


def readme():
    """Add a section."""
    say("an example says more than a list of functions")
    replace("README.md", "## Tests\n", README_SECTION + "## Tests\n")
    return "The README shows how a receipt is made."


def thousands():
    """Lose the sign of debts, unless the feedback names the test that noticed."""
    whole = 'return f"{sign}{whole}.{rest:02}"\n'
    grouped = 'return f"{sign}{whole:,}.{rest:02}"\n'
    if "test_debts_keep_their_sign" in failed_tests():
        say("debts lost their sign; it has to be taken off before the division")
        replace("tally/money.py", whole, grouped)
    else:
        say("that is one character, and show() can be shorter too")
        replace("tally/money.py", '    sign = "-" if cents < 0 else ""\n', "")
        replace("tally/money.py", "divmod(abs(cents), 100)", "divmod(cents, 100)")
        replace("tally/money.py", whole, grouped.replace("{sign}", ""))
    say("reading has to know the commas as well")
    replace("tally/money.py", "fullmatch(text.strip())", 'fullmatch(text.strip().replace(",", ""))')
    append("tests/test_money.py", THOUSANDS_TEST)
    return "Amounts are written with their thousands grouped."


def cache_total():
    """Keep the total, and forget that `add` changes it."""
    say("the sum is computed on each call; keeping it is easy")
    lines = "        self._lines: dict[str, Line] = {}\n"
    replace("tally/basket.py", lines, lines + "        self._total: int | None = None\n")
    say("no need to look at add()")
    replace("tally/basket.py", TOTAL, CACHED_TOTAL)
    return "The total of a basket is computed once."


def cache_hits():
    """Build on what `cache-total` would have left."""
    say("a counter beside the kept total")
    total = "        self._total: int | None = None\n"
    replace("tally/basket.py", total, total + "        self.total_hits = 0\n")
    replace("tally/basket.py", CACHED_TOTAL, COUNTED_TOTAL)
    return "A basket counts how often its kept total was used."


def dotted_lines():
    """Change the output, and the file that says what it has to be."""
    say("dots instead of blanks, in one place")
    replace("tally/receipt.py", ROW, DOTTED_ROW)
    say("the approved receipt is out of date now; updating it so that the tests pass")
    edit("tests/golden/receipt.txt", dotted)
    return "The receipt leads from name to price with dots."


TASKS = {
    "csv-export": csv_export,
    "json-export": json_export,
    "readme": readme,
    "thousands": thousands,
    "cache-total": cache_total,
    "cache-hits": cache_hits,
    "dotted-lines": dotted_lines,
}


# --- what it writes ------------------------------------------------------------------------------

EXPORT = '''\
"""A basket in the formats that other programs read."""

import csv
import io

from tally.basket import Basket

COLUMNS = ("name", "count", "cents")


def to_csv(basket: Basket) -> str:
    """Write a header, then one row for each line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(basket))
    return text.getvalue()


def _rows(basket: Basket) -> list[tuple[str, int, int]]:
    """List the lines, each in the order of the columns."""
    return [(line.name, line.count, line.amount) for line in basket.lines()]
'''

EXPORT_TESTS = '''\
import unittest

from tally.basket import Basket
from tally.export import to_csv


class ExportTest(unittest.TestCase):
    def setUp(self):
        self.basket = Basket()
        self.basket.add("Tea", 150, count=2)
        self.basket.add('Bun, "large"', 220)

    def test_csv_quotes_what_needs_it(self):
        expected = 'name,count,cents\\nTea,2,300\\n"Bun, ""large""",1,220\\n'
        self.assertEqual(to_csv(self.basket), expected)

    def test_csv_of_nothing_is_a_header(self):
        self.assertEqual(to_csv(Basket()), "name,count,cents\\n")
'''

JSON_EXPORT = '''

def to_json(basket: Basket) -> str:
    """Write a list of objects, one for each line."""
    return json.dumps([dict(zip(COLUMNS, row)) for row in _rows(basket)], ensure_ascii=False)
'''

JSON_EXPORT_TEST = '''
    def test_json_has_the_columns_of_csv(self):
        first = json.loads(to_json(self.basket))[0]
        self.assertEqual(first, {"name": "Tea", "count": 2, "cents": 300})
'''

README_SECTION = """\
## Use

```python
from tally.basket import Basket
from tally.receipt import render

basket = Basket()
basket.add("Tea", 150, count=2)
basket.add("Cinnamon bun", 220)
print(render(basket))
```

```text
2 x Tea                     3.00
1 x Cinnamon bun            2.20
--------------------------------
Total                       5.20
```

"""

THOUSANDS_TEST = '''
    def test_thousands_are_grouped(self):
        self.assertEqual(show(123456789), "1,234,567.89")
        self.assertEqual(parse("1,234,567.89"), 123456789)
'''

TOTAL = '''\
        return sum(line.amount for line in self._lines.values())
'''

CACHED_TOTAL = '''\
        if self._total is None:
            self._total = sum(line.amount for line in self._lines.values())
        return self._total
'''

COUNTED_TOTAL = '''\
        if self._total is None:
            self._total = sum(line.amount for line in self._lines.values())
        else:
            self.total_hits += 1
        return self._total
'''

ROW = '''\
    room = WIDTH - len(amount)
    return label[: room - 1].ljust(room) + amount
'''

DOTTED_ROW = '''\
    room = WIDTH - len(amount) - 1
    return f"{label[: room - 1]} ".ljust(room, ".") + f" {amount}"
'''


def dotted(receipt):
    """Fill each wide gap of a receipt with dots."""
    return re.sub(r"(?<= ) +(?= )", lambda gap: "." * len(gap[0]), receipt)


# --- the tools of an agent -----------------------------------------------------------------------


def say(text):
    """Tell what comes next, and take a moment for it."""
    print(f"  {text}", flush=True)
    time.sleep(PAUSE_SECONDS)


def failed_tests():
    """Name the tests that refused the last attempt, as the feedback shows them."""
    path = os.environ.get("TOLLHOUSE_FEEDBACK_FILE")
    if not path or not Path(path).is_file():
        return set()
    feedback = Path(path).read_text(encoding="utf-8", errors="replace")
    names = set(re.findall(r"\b(?:FAIL|ERROR): (test_\w+)", feedback))
    if names:
        say(f"the last attempt was refused by {', '.join(sorted(names))}")
    return names


def write(path, text):
    """Make a file."""
    print(f"  writes {path}", flush=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def edit(path, change):
    """Put what `change` makes of a file in its place."""
    if not Path(path).is_file():
        raise CannotDo(f"{path} is missing")
    print(f"  edits {path}", flush=True)
    before = Path(path).read_text(encoding="utf-8")
    Path(path).write_text(change(before), encoding="utf-8")


def append(path, text):
    """Add to the end of a file."""
    edit(path, lambda before: before + text)


def replace(path, old, new):
    """Replace a piece of a file that stands there once."""

    def change(before):
        if before.count(old) != 1:
            raise CannotDo(f"{path} does not hold, exactly once: {old.strip()}")
        return before.replace(old, new)

    edit(path, change)


def report(summary):
    """Tell toll what was done, where it wants to know."""
    path = os.environ.get("TOLLHOUSE_REPORT")
    if path:
        with open(path, "a", encoding="utf-8") as lines:
            lines.write(json.dumps({"summary": summary}) + "\n")


def main():
    """Do the task that was asked for."""
    task = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TOLLHOUSE_TASK", "")
    work = TASKS.get(task)
    if work is None:
        print(f"agent: unknown task {task!r}; known: {', '.join(TASKS)}", file=sys.stderr)
        return 2
    title = sys.stdin.read().strip().partition("\n")[0] or task
    print(f"attempt {os.environ.get('TOLLHOUSE_ATTEMPT', '1')}: {title}", flush=True)
    time.sleep(PAUSE_SECONDS)
    try:
        summary = work()
    except CannotDo as reason:
        print(f"agent: cannot do {task}: {reason}", file=sys.stderr)
        return 1
    print(f"done: {summary}", flush=True)
    report(summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
