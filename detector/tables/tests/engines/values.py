"""Compares every value of a Parquet export, read by PyArrow, with `pscap read --json`, and as DuckDB reads it.

    values.py PSCAP CAPTURE...
"""

import json
import subprocess
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

# As in Falco, the JSON of these is that of the process itself, or a constant text.
OTHER = {"proc.apid", "proc.aenv", "fd.cnet", "fd.snet", "fd.lnet", "fd.rnet", "fd.net"}
ROWS = 4096


def cells(column):
    """Returns the values of a column; times as nanoseconds since 1970."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_pylist()


def expected(value, cell):
    """Returns a cell as `pscap read` writes it, where that is another form."""
    if isinstance(cell, list) and isinstance(value, str):
        while cell and not cell[0]:
            cell = cell[1:]
        return " ".join(cell)
    # A number in hexadecimal.
    if isinstance(cell, int) and not isinstance(cell, bool) and isinstance(value, str):
        return format(cell & 0xFFFFFFFF, "X")
    return cell


def compare_engines(capture, path):
    """Compares what DuckDB and PyArrow read, column by column."""
    file = pq.ParquetFile(path)
    values = 0
    for field in file.schema_arrow:
        name = field.name.replace('"', '""')
        other = duckdb.sql(f"SELECT \"{name}\" FROM read_parquet('{path}')").to_arrow_table().column(0)
        ours, theirs = cells(file.read([field.name]).column(0)), cells(other)
        if ours != theirs:
            row = next(at for at, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1])
            sys.exit(f"{capture}: row {row}: {field.name} is {ours[row]!r}, in DuckDB {theirs[row]!r}")
        values += sum(value is not None for value in ours)
    print(f"{capture}: {values} values are equal in DuckDB")


def compare(pscap, capture, folder):
    path = f"{folder}/x.parquet"
    subprocess.run([pscap, "export", capture, path, "--fields", "all"], check=True)
    file = pq.ParquetFile(path)
    columns = {}
    for field in file.schema_arrow:
        about = field.metadata or {}
        name = about.get(b"peregrine.field", b"").decode()
        is_binary = pa.types.is_binary(field.type) or pa.types.is_fixed_size_binary(field.type)
        if name and name not in OTHER and not is_binary:
            columns[name] = field.name
    read = [pscap, "read", capture, "--json", "--fields", ",".join(columns)]
    lines = subprocess.Popen(read, stdout=subprocess.PIPE)
    compared = rows = 0
    for batch in file.iter_batches(ROWS, columns=list(columns.values())):
        table = {name: cells(batch.column(column)) for name, column in columns.items()}
        lists = {name for name, column in columns.items() if pa.types.is_list(batch.schema.field(column).type)}
        for row in range(batch.num_rows):
            rows += 1
            event = json.loads(lines.stdout.readline())
            for name, values in table.items():
                cell, value = values[row], event.get(name)
                if value is None:
                    # Lists for conditions alone have no JSON.
                    if cell is not None and name not in lists:
                        sys.exit(f"{capture}: row {rows}: {name} is {cell!r}, and missing in JSON")
                    continue
                compared += 1
                if expected(value, cell) != value:
                    sys.exit(f"{capture}: row {rows}: {name} is {cell!r}, in JSON {value!r}")
    if lines.stdout.readline():
        sys.exit(f"{capture}: there are more events than rows")
    if lines.wait() != 0 or rows == 0 or compared < rows * 20:
        sys.exit(f"{capture}: too little was compared: {rows} rows, {compared} values")
    print(f"{capture}: {rows} rows of {len(columns)} columns, {compared} values are equal")
    compare_engines(capture, path)


with tempfile.TemporaryDirectory() as folder:
    for capture in sys.argv[2:]:
        compare(sys.argv[1], capture, folder)
