"""Runs the recipes of docs/tables.md on a dataset of captures.

    recipes.py PSCAP PAGE CAPTURE...

A block of SQL runs in DuckDB, a block of Python by itself; each prints at least one row.
"""

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb


def run(language, code):
    if language == "sql":
        rows = 0
        for statement in filter(str.strip, code.split(";")):
            found = duckdb.sql(statement)
            rows = len(found.fetchall()) if found is not None else rows
        return rows
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "recipe", "exec"), {"__name__": "recipe"})
    return len(out.getvalue().splitlines())


pscap, page, captures = sys.argv[1], Path(sys.argv[2]).read_text(), [os.path.abspath(it) for it in sys.argv[3:]]
recipes = re.findall(r"^```(sql|python)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
if len(recipes) < 3:
    sys.exit(f"{sys.argv[2]} has {len(recipes)} recipes")
pscap = os.path.abspath(pscap)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for table in ["events", "processes", "connections", "files"]:
        subprocess.run([pscap, "export", *captures, table, "--partition", "-t", table], check=True)
    for language, code in recipes:
        if "pyspark" in code and importlib.util.find_spec("pyspark") is None:
            print("not run: PySpark is not installed")
            continue
        rows = run(language, code)
        first = next(line for line in code.splitlines() if line.strip())
        if rows == 0:
            sys.exit(f"no row: {first}")
        print(f"{rows} rows or lines: {first}")
