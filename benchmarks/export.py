"""Generate a size's raw tables, or hand its mart to peers that know nothing of ClickHouse.

python -m benchmarks.export raw 1m          (in the scratch project)
python -m benchmarks.export matrix FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scipy.sparse import save_npz

from benchmarks.generate import generate
from benchmarks.scratch import Scratch
from benchmarks.sizes import SIZES, WARM_UP
from python_jobs.interactions.mart import read_interactions


def main(what: str, value: str) -> None:
    """Do one of the two."""
    with Scratch(Path.cwd()).warehouse() as warehouse:
        if what == "raw":
            generate(warehouse, {**SIZES, WARM_UP.name: WARM_UP}[value])
        elif what == "matrix":
            save_npz(value, read_interactions(warehouse).matrix, compressed=False)
        else:
            found = warehouse.client.query(
                "select concat(database, '.', table), sum(rows), sum(data_uncompressed_bytes) "
                "from system.parts where active group by 1"
            )
            tables = {name: {"rows": rows, "bytes": size} for name, rows, size in found.result_rows}
            Path(value).write_text(json.dumps(tables))


if __name__ == "__main__":
    main(*sys.argv[1:])
