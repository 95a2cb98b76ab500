"""A small linter: no tabs, long lines or trailing blanks, and a docstring for all of `tally`."""

import ast
import sys
from pathlib import Path

LINE_MAX = 100
FOLDERS = ("tally", "tests", "tools")
ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def line_problems(text):
    """Yield the number of each bad line and what is wrong with it."""
    for number, line in enumerate(text.splitlines(), start=1):
        if "\t" in line:
            yield number, "holds a tab"
        if len(line) > LINE_MAX:
            yield number, f"is {len(line)} characters long, {LINE_MAX} are allowed"
        if line != line.rstrip():
            yield number, "ends with a blank"


def docstring_problems(text):
    """Yield the line of each module, class and function that says nothing about itself."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is None:
            name = getattr(node, "name", "the module")
            yield getattr(node, "lineno", 1), f"{name} has no docstring"


def problems(path):
    """Yield all that is wrong with a file, as a person reads it."""
    name = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    try:
        found = list(line_problems(text))
        if name.parts[0] == "tally":
            found += docstring_problems(text)
    except SyntaxError as error:
        found = [(error.lineno or 1, f"cannot be read: {error.msg}")]
    for number, message in found:
        yield f"{name}:{number}: {message}"


def main():
    """Tell every problem; the answer is 1 where there is one."""
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    found = [problem for path in files for problem in problems(path)]
    for problem in found:
        print(problem)
    print(f"{len(files)} files, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
