"""SQL by an agent: reading runs at once, everything else waits for a person.

pip install signoff
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name dba
python story_sql.py shop.db "select count(*) from orders"
python story_sql.py shop.db "delete from orders where test"

What only reads is not told from the text, which a comment or a second statement could get past, but by the database:
it may do nothing then but what is listed here, and whatever else a statement tries is asked about. Of that, policy.yaml
rejects dropped tables by itself (`nothing drops tables`) and puts the rest before people (`changes of data`).
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from signoff import Gate, NotRun, Rejected
from signoff_agents.plain import requires_approval

READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})

gate = Gate(agent="dba")


def read(file: str, statement: str) -> list[tuple[object, ...]] | None:
    """Its rows; None if it is anything but plain reading, of which nothing was done."""

    def may(action: int, *_: object) -> int:
        return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY

    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.set_authorizer(may)
        try:
            return database.execute(statement).fetchall()
        except (sqlite3.Error, sqlite3.Warning):  # not allowed, several statements, not understood: for people to see
            return None


def run_sql(file: str, statement: str) -> str:
    """Run one SQL statement that may change data."""
    with closing(sqlite3.connect(file)) as database, database:
        return f"{database.execute(statement).rowcount} rows changed"


change = requires_approval(gate, run_sql, risk="high", editable=["statement"], impact="Rows are changed or lost")


def sql(file: str, statement: str) -> str:
    rows = read(file, statement)
    return change(file, statement) if rows is None else "\n".join(str(row) for row in rows)


if __name__ == "__main__":
    try:
        print(sql(sys.argv[1], sys.argv[2]))
    except Rejected as no:
        print(no)
        sys.exit(10)
    except (NotRun, sqlite3.Error, sqlite3.Warning) as error:
        print(error)
        sys.exit(1)
