"""Reading a file of rows: JSONL, CSV/TSV, JSON (list, or object keyed by id) and Parquet. Plain Python, no Django.

``reading.iter_rows`` gives a ``Row`` or a ``RowError`` for every row of the file, ``reading.preview`` the columns
and the first rows; a file that cannot be read at all raises ``rows.FileError`` with a sentence for a person.
"""
