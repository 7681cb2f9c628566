"""A run as the values of an insert: each column bound as a parameter of its type."""

from __future__ import annotations

from python_jobs.publishing.history import ROW, TrainingRun

MAPS = {"params": "String", "metrics": "Float64"}
COUNTS = ("users", "movies", "interactions", "recommendations")


def as_values(
    run: TrainingRun, without: tuple[str, ...] = ()
) -> tuple[list[str], list[str], dict[str, object]]:
    """Return a run's columns, an expression for the value of each, and what is bound in them.

    Parameters
    ----------
    run
        The run.
    without
        Columns that are left out.
    """
    columns = [field.name for field in ROW if field.name not in without]
    values, parameters = [], dict[str, object]()
    for column in columns:
        value = getattr(run, column)
        if column in MAPS:
            parameters |= {f"{column}_keys": list(value), f"{column}_values": list(value.values())}
            keys = f"{{{column}_keys:Array(String)}}"
            values.append(f"mapFromArrays({keys}, {{{column}_values:Array({MAPS[column]})}})")
        else:
            parameters[column] = value
            values.append(f"{{{column}:{'UInt64' if column in COUNTS else 'String'}}}")
    return columns, values, parameters
