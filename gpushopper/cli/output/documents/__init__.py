"""What the command line prints for programs: the shape of each command's JSON, and tables as CSV.

Here: `shapes` (which fields each command's document has), `rows` (rows that commands make themselves), `csv_output`.
Not here: converting values (`cli/output/json_output.py`), and tables for people (`cli/output/tables.py`).
"""
